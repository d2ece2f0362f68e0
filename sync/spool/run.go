package spool

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Run writes what is handed over until ctx ends; then what is queued, the losses
// that are left to declare, and the last checkpoint. Nothing may be added later.
func (s *Spool) Run(ctx context.Context) error {
	if err := s.Open(); err != nil {
		return err
	}
	s.finishLoading()
	close(s.ready)
	stop := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { s.checkpoints(stop) })
	s.write(ctx)
	close(stop)
	both.Wait()
	for _, g := range s.writing {
		if g != nil {
			s.seal(g)
		}
	}
	s.reap(time.Now())
	s.reading.Lock()
	s.readers.drop(func(*segment) bool { return true })
	s.reading.Unlock()
	return s.lock.Close()
}

// Stats is the state of the spool.
func (s *Spool) Stats() Stats {
	queued := s.queue.lengths()
	s.open.mu.Lock()
	open, refused := countCalls(s.open.known), s.open.refused
	s.open.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Bytes, out.Budget, out.MinFree, out.Reserve = s.used(), s.cfg.Budget, s.cfg.MinFree, s.reserve
	out.Segments = len(s.segments)
	out.Warned, out.Full = s.warned, s.full[0] || s.full[1]
	out.CommitP50, out.CommitP99, out.CommitMax = s.latency.figures()
	out.CommitTime = s.latency.sum
	out.OpenCalls, out.OpenRefused = open, refused
	out.Calls, out.Telemetry = s.accounts[0], s.accounts[1]
	for i, st := range record.Streams {
		out.Of(st).Queued = uint64(queued[i]) // not negative
	}
	for _, g := range s.segments {
		a, left := out.Of(g.stream), g.left()
		a.Spooled += left
		if left == 0 && g.active == nil {
			out.Kept++
		}
		if at := g.oldest(); left > 0 && (a.OldestUnacked.IsZero() || at.Before(a.OldestUnacked)) {
			a.OldestUnacked = at
		}
	}
	return out
}

// oldest is about when the first record that is not acked was stored.
func (g *segment) oldest() time.Time {
	at := g.created
	var first uint64
	if r := g.acked; len(r) == 0 || r[0].First > g.first {
		return at
	}
	first = g.acked[0].Last + 1
	for _, m := range g.marks {
		if m.seq >= first {
			return m.at
		}
		at = m.at
	}
	return at
}

// latencies keeps how long the last commits took.
type latencies struct {
	last [1024]time.Duration
	n    uint64
	max  time.Duration
	sum  time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.last[l.n%uint64(len(l.last))] = d
	l.n++
	l.max = max(l.max, d)
	l.sum += d
}

func (l *latencies) figures() (p50, p99, most time.Duration) {
	n := min(l.n, uint64(len(l.last)))
	if n == 0 {
		return 0, 0, 0
	}
	sorted := slices.Clone(l.last[:n])
	slices.Sort(sorted)
	return sorted[n/2], sorted[n*99/100], l.max
}
