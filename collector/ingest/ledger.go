package ingest

import (
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// key names one sequence of records.
type key struct {
	node   string
	epoch  uint64
	stream record.Stream
}

// gap is a run of numbers that is missing below one that is stored.
type gap struct {
	record.Range
	since time.Time
}

// ledger remembers what the store said last, to know how long gaps have been open
// and what came twice. Nothing is decided by it but which gaps are asked for: it
// begins empty, and what does not fit is forgotten.
type ledger struct {
	mu    sync.Mutex // guards all below
	bound int
	after time.Duration
	done  map[key]record.Ranges
	gaps  map[key][]gap
	nodes map[string]time.Time // when each was last heard
}

func newLedger(bound int, after time.Duration) *ledger {
	return &ledger{bound: bound, after: after, done: map[key]record.Ranges{}, gaps: map[key][]gap{}, nodes: map[string]time.Time{}}
}

// Bounds of an ack, which must stay a small message.
const (
	maxNeed   = 64   // gaps asked for at once, of one epoch and stream
	maxBeyond = 1000 // ranges stated beyond the contiguous part
	maxGaps   = 1000 // gaps followed, of one epoch and stream
)

// state takes note of what the store says of a node, adds to each cursor the gaps
// that have been open for long, and cuts what is too long for an ack.
func (l *ledger) state(node string, cursors []*record.Cursor, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range cursors {
		k := key{node, c.GetEpoch(), record.Stream(c.GetStream())} // a stream of the store
		done := c.Done()
		l.remember(k, done)
		c.Need = nil
		for _, g := range l.follow(k, done, now) {
			if now.Sub(g.since) >= l.after && len(c.Need) < maxNeed {
				c.Need = append(c.Need, &record.Span{First: g.First, Last: g.Last})
			}
		}
		if len(c.Beyond) > maxBeyond { // what is not stated is only sent once more
			c.Beyond = c.Beyond[:maxBeyond]
		}
	}
}

func (l *ledger) remember(k key, done record.Ranges) {
	if _, ok := l.done[k]; !ok {
		forget(l.done, l.bound)
	}
	l.done[k] = done
}

// follow updates the open gaps of k, oldest number first.
func (l *ledger) follow(k key, done record.Ranges, now time.Time) []gap {
	missing := done.Missing(record.Range{First: 1, Last: done.Last()})
	if len(missing) == 0 {
		delete(l.gaps, k)
		return nil
	}
	old, known := l.gaps[k]
	if !known {
		forget(l.gaps, l.bound)
	}
	open := make([]gap, 0, min(len(missing), maxGaps))
	for _, r := range missing[:min(len(missing), maxGaps)] {
		for len(old) > 0 && old[0].Last < r.First {
			old = old[1:]
		}
		since := now
		if len(old) > 0 && old[0].First <= r.Last { // all or a part of one that was open
			since = old[0].since
		}
		open = append(open, gap{r, since})
	}
	l.gaps[k] = open
	return open
}

// known is how many numbers of r had been stored when the store was last asked.
func (l *ledger) known(node string, epoch uint64, stream record.Stream, r record.Range) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return r.Len() - l.done[key{node, epoch, stream}].Missing(r).Len()
}

// heard takes note that a node is there.
func (l *ledger) heard(node string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.nodes[node]; !ok {
		forget(l.nodes, l.bound)
	}
	l.nodes[node] = now
}

// active is how many nodes were heard within the last minute.
func (l *ledger) active(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for node, at := range l.nodes {
		switch {
		case now.Sub(at) <= time.Minute:
			n++
		case now.Sub(at) > time.Hour:
			delete(l.nodes, node)
		}
	}
	return n
}

// forget makes room for one more entry.
func forget[K comparable, V any](m map[K]V, bound int) {
	if len(m) < bound {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}
