package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
)

// When chores are done: hours are compared ten minutes after they ended, for
// agents wait a little before they close one, and old months are dropped at
// night. Both are done soon after the start as well.
const (
	reconcileEvery = time.Hour
	reconcileAt    = 10 * time.Minute
	reconcileHours = 26
	retainEvery    = 24 * time.Hour
	retainAt       = 3*time.Hour + 17*time.Minute
	firstChore     = 15 * time.Second
	choreTimeout   = 30 * time.Minute
	maxDifferences = 100
)

// chores are what is done at times: comparing hours, and dropping what is old.
type chores struct {
	store     store.Store
	retention store.Retention
	log       *slog.Logger

	mu         sync.Mutex // guards what follows
	reconciled admin.Reconciliation
	retained   admin.Task
}

func newChores(s store.Store, r configs.Retention, log *slog.Logger) *chores {
	return &chores{store: s, log: log, retention: store.Retention{Calls: r.Calls.Duration(), Telemetry: r.Telemetry.Duration()},
		reconciled: admin.Reconciliation{Differ: []admin.Difference{}, Sums: []admin.Difference{}}}
}

// results returns what the last runs found.
func (c *chores) results() (admin.Reconciliation, admin.Task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reconciled, c.retained
}

// run does the chores until ctx ends. One that fails is reported, and done again
// at its next time.
func (c *chores) run(ctx context.Context) error {
	first := time.NewTimer(firstChore)
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
		return nil
	}
	c.reconcile(ctx, time.Now())
	c.retain(ctx)
	hourly, daily := time.NewTimer(until(time.Now(), reconcileEvery, reconcileAt)), time.NewTimer(until(time.Now(), retainEvery, retainAt))
	defer hourly.Stop()
	defer daily.Stop()
	for {
		select {
		case <-hourly.C:
			c.reconcile(ctx, time.Now())
			hourly.Reset(until(time.Now(), reconcileEvery, reconcileAt))
		case <-daily.C:
			c.retain(ctx)
			daily.Reset(until(time.Now(), retainEvery, retainAt))
		case <-ctx.Done():
			return nil
		}
	}
}

// until is how long it is from now to the next time of a chore, at least a
// minute: a clock that is set back a little does not make it run twice.
func until(now time.Time, every, at time.Duration) time.Duration {
	next := now.UTC().Truncate(every).Add(at)
	for next.Sub(now) < time.Minute {
		next = next.Add(every)
	}
	return next.Sub(now)
}

// reconcile compares the last hours that are over.
func (c *chores) reconcile(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	to := now.Add(-reconcileAt / 2).Truncate(time.Hour)
	from := to.Add(-reconcileHours * time.Hour)
	r := admin.Reconciliation{FromUnixS: from.Unix(), ToUnixS: to.Unix(), Differ: []admin.Difference{}, Sums: []admin.Difference{}}
	err := c.store.Reconcile(ctx, from, to, func(x *query.Reconciled) error {
		if x.Reason != "" {
			r.Incomplete++
			return nil
		}
		r.Compared++
		r.Differ = differences(r.Differ, x.Node, x.Kind, x.Party, x.Minutes, x.Records)
		return nil
	})
	if err == nil {
		err = c.store.Verify(ctx, from, to, func(x *query.Difference) error {
			r.Sums = differences(r.Sums, x.Node, x.Kind, x.Party, x.Stored, x.Records)
			return nil
		})
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // the program ends
	}
	r.Task = c.done("reconciliation", err, fmt.Sprintf("%d compared, %d incomplete", r.Compared, r.Incomplete))
	c.mu.Lock()
	c.reconciled = r
	c.mu.Unlock()
	if n := len(r.Differ) + len(r.Sums); n > 0 {
		c.log.Warn("figures differ from the stored calls; status lists them", "figures", n)
	}
}

// differences lists the numbers in which two structs of one type differ.
func differences[T any](to []admin.Difference, node, kind, party string, other, records T) []admin.Difference {
	a, b := reflect.ValueOf(other), reflect.ValueOf(records)
	for i := range a.NumField() {
		if x, y := a.Field(i).Int(), b.Field(i).Int(); x != y && len(to) < maxDifferences {
			to = append(to, admin.Difference{Node: node, Kind: kind, Party: party, What: snake(a.Type().Field(i).Name), Other: x, Records: y})
		}
	}
	return to
}

// snake makes answered_ms of AnsweredMs.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// retain drops the months that are older than what is kept.
func (c *chores) retain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	dropped, err := c.store.Retain(ctx, c.retention)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // the program ends
	}
	t := c.done("retention", err, fmt.Sprintf("%d months dropped", len(dropped)))
	c.mu.Lock()
	c.retained = t
	c.mu.Unlock()
	if len(dropped) > 0 {
		c.log.Info("dropped what is older than the retention", "months", dropped)
	}
}

func (c *chores) done(what string, err error, done string) admin.Task {
	t := admin.Task{LastUnixMs: time.Now().UnixMilli(), Done: done}
	if err != nil {
		t.Error, t.Done = err.Error(), ""
		c.log.Error(what+" failed; it is done again at its next time", "error", err)
	}
	return t
}
