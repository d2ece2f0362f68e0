package alerts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

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
