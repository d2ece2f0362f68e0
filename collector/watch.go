package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/sync/record"
)

// How often the database is read for status and metrics, how long that may
// take, and how many hours back it looks.
const (
	watchEvery   = 10 * time.Second
	watchTimeout = time.Minute
	watchHours   = 48
	fewLetters   = 5
)

// view is what was read of the database and the folder of nodes at one time.
// Nobody changes it.
type view struct {
	at      time.Time
	nodes   []query.Node
	hours   map[string]*nodeHours
	losses  []admin.Loss
	letters admin.DeadLetters
	ends    map[string]int64 // of certificates of nodes, in ms; none with external brokers
	allowed map[string]bool  // nodes with credentials; nil with external brokers
}

type nodeHours struct {
	complete int
	late     []admin.Hour
}

// watcher reads the database for those who must not wait for it.
type watcher struct {
	store  store.Store
	folder *nodes.Folder // nil with external brokers
	log    *slog.Logger
	last   atomic.Pointer[view]
	failed atomic.Pointer[string] // why the last reading failed; nil when it did not
}

// run reads until ctx ends. A database that does not answer is waited for.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		v, err := w.read(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if why := err.Error(); w.failed.Swap(&why) == nil {
				w.log.Error("reading the database for status and metrics", "error", err)
			}
		default:
			w.last.Store(v)
			w.failed.Store(nil)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *watcher) read(ctx context.Context, now time.Time) (*view, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	v := &view{at: now, hours: map[string]*nodeHours{}}
	hour := now.Truncate(time.Hour)
	for _, read := range []func() error{
		func() (err error) { v.nodes, err = w.store.Nodes(ctx); return err },
		func() error { return w.store.Hours(ctx, hour.Add(-watchHours*time.Hour), hour, v.addHour) },
		func() error { return v.readLosses(ctx, w.store) },
		func() error { return v.readLetters(ctx, w.store) },
		func() error { return v.readAllowed(w.folder) },
	} {
		if err := read(); err != nil {
			return nil, err // the others would fail for the same reason
		}
	}
	return v, nil
}

// readAllowed reads who has credentials.
func (v *view) readAllowed(folder *nodes.Folder) error {
	if folder == nil {
		return nil
	}
	list, err := folder.List()
	v.allowed, v.ends = map[string]bool{}, map[string]int64{}
	for _, n := range list {
		v.allowed[n.ID], v.ends[n.ID] = true, n.ExpiresUnixMs
	}
	return err
}

func (v *view) addHour(h *query.Hour) error {
	n := v.hours[h.Node]
	if n == nil {
		n = &nodeHours{}
		v.hours[h.Node] = n
	}
	switch h.State {
	case query.HourComplete:
		n.complete++
	case query.HourLate:
		n.late = append(n.late, admin.Hour{HourUnixS: h.HourUnixS, LateSinceUnixS: h.LateSinceUnixS})
	case query.HourOpen:
	}
	return nil
}

// readLosses adds the ledger up by node, stream and reason.
func (v *view) readLosses(ctx context.Context, s store.Store) error {
	type key struct{ node, stream, reason string }
	sums := map[key]*admin.Loss{}
	err := s.Losses(ctx, query.LossFilter{}, func(l *query.Loss) error {
		k := key{l.Node, l.Stream.String(), lossWord(l.Reason)}
		if sums[k] == nil {
			sums[k] = &admin.Loss{Node: k.node, Stream: k.stream, Reason: k.reason}
		}
		sums[k].Records += l.Count
		sums[k].LastUnixMs = max(sums[k].LastUnixMs, l.AtUnixMs)
		return nil
	})
	for _, l := range sums {
		if l.Records > 0 { // all of it came after all
			v.losses = append(v.losses, *l)
		}
	}
	slices.SortFunc(v.losses, func(a, b admin.Loss) int {
		return strings.Compare(a.Node+" "+a.Stream+" "+a.Reason, b.Node+" "+b.Stream+" "+b.Reason)
	})
	return err
}

// lossWord keeps a reason that some agent made up from being a metric's label.
func lossWord(reason string) string {
	switch reason {
	case record.LossShed, record.LossCorrupt, record.LossDiskFull, record.LossQueueFull, record.LossTooLarge, record.LossDeadLetter, record.LossRolledBack:
		return reason
	}
	return "other"
}

func (v *view) readLetters(ctx context.Context, s store.Store) error {
	d := &v.letters
	err := s.DeadLetters(ctx, false, func(l *query.DeadLetter) error {
		d.Kept++
		d.Bytes += l.Size
		if len(d.Latest) == fewLetters {
			d.Latest = append(d.Latest[:0], d.Latest[1:]...)
		}
		d.Latest = append(d.Latest, admin.DeadLetter{ID: l.ID, Node: l.Node, AtUnixMs: l.AtUnixMs, Records: l.Count, Bytes: l.Size, Reason: l.Reason})
		return nil
	})
	slices.Reverse(d.Latest)
	return err
}
