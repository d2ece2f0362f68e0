package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

var errNoMail = errors.New("no mail server is configured: give one under alerts.mail in the collector's configuration")

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
	check := checkMail
	switch channel {
	case ByMail:
	case ByWebhook:
		check = checkWebhook
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
