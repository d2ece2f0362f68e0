package alerts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/internal/backoff"
)

// final is an error that trying again does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// later is an error after which the other side wants to be left alone.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// Channels of delivery.
const (
	ByMail    = "mail"
	ByWebhook = "webhook"
)

// Bounds of a dispatcher.
const (
	maxQueue = 1000
	maxAge   = 4 * time.Hour // of a notice that cannot be sent
	atOnce   = 8             // deliveries; one to each destination
)

var errNoMail = errors.New("no mail server is configured: give one under alerts.mail in the collector's configuration")

// Result is what became of a delivery: sent, or given up.
type Result struct {
	Alert string // id; empty when the store has none yet
	Event EventKey
	At    time.Time
	Err   error // nil: it was sent
}

// EventKey names an alert that may have no id yet.
type EventKey struct {
	Rule, Kind, Party string
	RaisedUnixMs      int64
}

// ChannelStats counts deliveries by one channel since the start.
type ChannelStats struct {
	Sent, Failed     uint64 // Failed: given up
	Retried, Dropped uint64 // Dropped: the queue was full
	LastSent         time.Time
	LastError        string // newest, also of what was tried again
	LastErrorAt      time.Time
}

// DispatchStats is the state of a dispatcher.
type DispatchStats struct {
	Queued        int
	Mail, Webhook ChannelStats
}

// DispatcherConfig is what a dispatcher needs.
type DispatcherConfig struct {
	Mail *Mail // nil: none is configured
	Hook Hook
	Done func(Result) // called from several goroutines; must not block; may be nil
	Log  *slog.Logger
	Now  func() time.Time // nil: time.Now
}

// Dispatcher sends notices. Offer never waits; Run sends one after the other to each
// destination, and tries again what may get better. It is safe for concurrent use.
type Dispatcher struct {
	cfg  DispatcherConfig
	wake chan struct{}

	mu    sync.Mutex // guards all below
	queue []*job     // in the order in which they came
	stats DispatchStats
}

type job struct {
	channel, to, id string
	notice          *Notice
	due             time.Time
	tries           int
	running         bool
}

// NewDispatcher returns a dispatcher that does not run yet.
func NewDispatcher(cfg DispatcherConfig) *Dispatcher {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Dispatcher{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Stats returns the present state.
func (d *Dispatcher) Stats() DispatchStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Queued = len(d.queue)
	return s
}

func (d *Dispatcher) channel(name string) *ChannelStats {
	if name == ByMail {
		return &d.stats.Mail
	}
	return &d.stats.Webhook
}

// Offer queues a notice for all its recipients. What does not fit is counted and
// reported as given up.
func (d *Dispatcher) Offer(n *Notice) {
	for _, to := range n.Mail {
		d.put(&job{channel: ByMail, to: to, id: newID(), notice: n, due: n.At})
	}
	for _, to := range n.Webhooks {
		d.put(&job{channel: ByWebhook, to: to, id: newID(), notice: n, due: n.At})
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) put(j *job) {
	d.mu.Lock()
	full := len(d.queue) >= maxQueue
	if full {
		d.channel(j.channel).Dropped++
	} else {
		d.queue = append(d.queue, j)
	}
	d.mu.Unlock()
	if full {
		d.done(j, errors.New("the queue of messages is full"))
	}
}

// newID names a message.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, and ends the program rather
	return hex.EncodeToString(b[:])
}

func (d *Dispatcher) done(j *job, err error) {
	if d.cfg.Done != nil {
		x := &j.notice.Event
		d.cfg.Done(Result{Alert: x.ID, Event: EventKey{x.Rule, x.Kind, x.Party, x.RaisedUnixMs}, At: d.cfg.Now(), Err: err})
	}
}

// Run sends until ctx ends. What is still queued then is lost to it; an alert that nobody
// was told of is said again after a restart.
func (d *Dispatcher) Run(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		wait := d.start(ctx, &g)
		t.Reset(wait)
		select {
		case <-t.C:
		case <-d.wake:
		case <-ctx.Done():
			return g.Wait()
		}
	}
}

// start begins all deliveries that are due and returns how long there is nothing to
// do. The first job of a destination goes before the others, also while it waits to be
// tried again: that an alert is over must not come before the alert.
func (d *Dispatcher) start(ctx context.Context, g *errgroup.Group) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, wait := d.cfg.Now(), time.Minute
	first := map[string]bool{}
	for _, j := range d.queue {
		where := j.channel + " " + j.to
		if first[where] {
			continue
		}
		first[where] = true
		if j.running {
			continue
		}
		if left := j.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		j.running = true
		if !g.TryGo(func() error { d.try(ctx, j); return nil }) {
			j.running = false // one of those that run wakes us when it ends
		}
	}
	return wait
}

// try delivers once.
func (d *Dispatcher) try(ctx context.Context, j *job) {
	err := d.send(ctx, j)
	if ctx.Err() != nil && err != nil {
		return // the program ends
	}
	now := d.cfg.Now()
	var end final
	var pause later
	d.mu.Lock()
	s := d.channel(j.channel)
	j.running = false
	again := err != nil && !errors.As(err, &end) && now.Sub(j.notice.At) < maxAge
	switch {
	case err == nil:
		s.Sent++
		s.LastSent = now
	case again:
		s.Retried++
		wait := backoff.Backoff{First: 4 * time.Second, Most: 10 * time.Minute}.Pause(j.tries)
		if errors.As(err, &pause) {
			wait = max(wait, pause.after)
		}
		j.due = now.Add(max(wait, time.Second))
		j.tries++
	default:
		s.Failed++
	}
	if err != nil {
		s.LastError, s.LastErrorAt = short(err.Error()), now
	}
	if !again {
		d.queue = slices.DeleteFunc(d.queue, func(x *job) bool { return x == j })
	}
	d.mu.Unlock()
	if err != nil {
		d.cfg.Log.Warn("delivering an alert", "channel", j.channel, "again", again, "error", err)
	}
	if !again {
		d.done(j, err)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// short bounds what a server's answer can put on the page.
func short(s string) string {
	if len(s) > 500 {
		return s[:500] + "..."
	}
	return s
}

func (d *Dispatcher) send(ctx context.Context, j *job) error {
	if j.channel == ByWebhook {
		return d.cfg.Hook.send(ctx, j.notice, j.to, j.id, d.cfg.Now())
	}
	if d.cfg.Mail == nil {
		return final{errNoMail}
	}
	return d.cfg.Mail.send(ctx, j.notice, j.to, j.id)
}

// Test sends a test at once and returns what the other side said. channel is ByMail or
// ByWebhook.
func (d *Dispatcher) Test(ctx context.Context, channel, to string) error {
	j := &job{channel: channel, to: to, id: newID(), notice: &Notice{At: d.cfg.Now(), test: true}}
	check := CheckMail
	switch channel {
	case ByMail:
	case ByWebhook:
		check = CheckWebhook
	default:
		return fmt.Errorf("%.20q is neither mail nor webhook", channel)
	}
	if err := check(to); err != nil {
		return err
	}
	if err := d.send(ctx, j); err != nil { // not counted: whoever asked is told, and no alert was lost
		return fmt.Errorf("the test failed: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.channel(channel)
	s.Sent++
	s.LastSent = d.cfg.Now()
	return nil
}
