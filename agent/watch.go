package main

import (
	"context"
	"time"

	"github.com/sipward/sipward/agent/capture"
)

// The least time between two log lines about the same thing that keeps happening, at
// first; it doubles up to complaintMost.
const (
	complaintInterval = time.Minute
	complaintMost     = time.Hour
)

// watcher is the task that logs what goes wrong at a rate that others decide:
// faults of our own that some packet meets, and HEP senders that are refused.
// It is not safe for concurrent use.
type watcher struct {
	agent  *agent
	faults complaint
	heps   []complaint // one a listener
}

// complaint is something that is logged when it grows, but not all the time.
type complaint struct {
	n    uint64 // when it was last logged
	when time.Time
	wait time.Duration // from then on
}

// due reports whether n has to be logged at now, and how many are new.
func (c *complaint) due(n uint64, now time.Time) (more uint64, yes bool) {
	if n <= c.n || !c.when.IsZero() && now.Sub(c.when) < c.wait {
		return 0, false
	}
	if now.Sub(c.when) > c.wait+complaintMost {
		c.wait = complaintInterval / 2
	}
	more = n - c.n
	c.n, c.when, c.wait = n, now, min(2*c.wait, complaintMost)
	return more, true
}

func newWatcher(a *agent) *watcher { return &watcher{agent: a, heps: make([]complaint, len(a.heps))} }

// run looks once a second until ctx ends, and once more then.
func (w *watcher) run(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-second.C:
			w.look(time.Now())
		case <-ctx.Done():
			w.look(time.Now())
			return nil
		}
	}
}

func (w *watcher) look(now time.Time) {
	core := w.agent.task.Snapshot().Core
	if more, yes := w.faults.due(core.Panics, now); yes {
		w.agent.log.Error("packets met a fault in this program and were left out; please report it",
			"packets", more, "fault", core.LastPanic, "stack", core.LastStack)
	}
	for i, h := range w.agent.heps {
		w.refused(i, h.Stats(), now)
	}
}

func (w *watcher) refused(i int, s capture.HEPStats, now time.Time) {
	more, yes := w.heps[i].due(s.Unauthorized+s.Malformed, now)
	if !yes {
		return
	}
	l := &w.agent.cfg.Capture.HEP[i]
	why := "what comes to a HEP listener is no HEPv3 and is refused"
	if s.Unauthorized > 0 {
		why = "HEP packets are refused: the sender's authentication key is not that of auth_key_file, or it sends no HEPv3"
	}
	w.agent.log.Warn(why,
		"network", l.Network, "address", l.Address, "packets", more, "without_the_key", s.Unauthorized, "malformed", s.Malformed)
}
