package spool

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// line returns what is known of a segment's epoch and stream. Spool.mu is held.
func (s *Spool) line(g *segment) *line { return s.lineOf(lineKey{g.epoch, g.stream}) }

// lineOf makes it where needed. Spool.mu is held.
func (s *Spool) lineOf(k lineKey) *line {
	l := s.lines[k]
	if l == nil {
		l = &line{}
		s.lines[k] = l
	}
	return l
}

// Held states, for each epoch and stream, what became of its records. The
// oldest epoch is first, the running one is always there.
func (s *Spool) Held() []record.Holding {
	type entry struct {
		oldest uint64
		record.Holding
	}
	s.mu.Lock()
	list := make([]entry, 0, len(s.lines))
	for k, l := range s.lines {
		h := entry{^uint64(0), record.Holding{Epoch: k.epoch, Stream: k.stream, Gone: l.gone.Clone()}}
		for _, g := range l.segments {
			h.Unacked.AddAll(g.unacked())
			h.Kept.AddAll(g.acked)
			h.Bytes += g.bytes
			h.oldest = min(h.oldest, g.id)
		}
		if len(l.segments) > 0 || len(h.Gone) > 0 || k.epoch == s.epoch {
			list = append(list, h)
		}
	}
	now := s.epoch
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(b2i(a.Epoch == now), b2i(b.Epoch == now)),
			cmp.Compare(a.oldest, b.oldest),
			cmp.Compare(a.Epoch, b.Epoch),
			cmp.Compare(a.Stream, b.Stream))
	})
	out := make([]record.Holding, len(list))
	for i := range list {
		out[i] = list[i].Holding
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Release says that others have these numbers for certain. What is not on disk,
// and what was released before, changes nothing.
func (s *Spool) Release(epoch uint64, st record.Stream, done record.Ranges) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[lineKey{epoch, st}]
	if l == nil {
		return
	}
	now := time.Now()
	for _, g := range l.segments {
		last := g.last()
		i := 0
		for i < len(done) && done[i].Last < g.first {
			i++
		}
		if i == len(done) || done[i].First > last || g.left() == 0 {
			continue
		}
		before := g.acked.Len()
		g.acked.AddAll(g.have.And(done))
		s.accounts[index(st)].Acked += g.acked.Len() - before
		if g.left() == 0 && g.active == nil {
			g.done = now
		}
	}
}

// Unrelease takes back every Release: all that is on disk is not acked again.
func (s *Spool) Unrelease() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		s.accounts[index(g.stream)].Acked -= g.acked.Len()
		g.acked, g.done = nil, time.Time{}
	}
	poke(s.appended)
}

// deletable reports whether nothing of ours needs a segment any more. A call whose
// record is in it may still be open in the last checkpoint, and would come
// back to life without it. Spool.mu is held.
func (s *Spool) deletable(g *segment) bool {
	if s.pending(g.id) {
		return false
	}
	if g.stream != record.Calls {
		return true
	}
	// Before the first checkpoint of this run it is the position of an earlier one.
	if g.epoch == s.position.epoch {
		return g.last() <= s.position.seq
	}
	return g.id < s.position.segment
}

// reap unlinks the segments that were wholly acked long enough ago.
func (s *Spool) reap(now time.Time) {
	for {
		var g *segment
		s.mu.Lock()
		for _, x := range s.segments {
			if x.active != nil || x.left() > 0 {
				continue
			}
			if x.done.IsZero() {
				x.done = now
			}
			if (x.have.Len() == 0 && !x.corrupt || now.Sub(x.done) >= s.cfg.KeepAcked) && s.deletable(x) {
				g = x
				break
			}
		}
		if g != nil {
			s.remove(g)
		}
		s.mu.Unlock()
		if g == nil {
			return
		}
		s.unlink(g)
	}
}

// remove takes a segment out of the index. Spool.mu is held.
func (s *Spool) remove(g *segment) {
	s.segments = slices.DeleteFunc(s.segments, func(x *segment) bool { return x == g })
	k := lineKey{g.epoch, g.stream}
	l := s.lines[k]
	l.gone.AddAll(g.acked)
	l.segments = slices.DeleteFunc(l.segments, func(x *segment) bool { return x == g })
	l.newest = max(l.newest, g.id)
	if len(s.lines) > maxLines {
		s.forget()
	}
}

// unlink removes a segment's file.
func (s *Spool) unlink(g *segment) {
	if err := os.Remove(filepath.Join(s.cfg.Dir, g.name)); err != nil && !gone(err) {
		s.seldom.Error(time.Now(), "spool: unlinking a segment", "err", err)
	}
	s.closeReaders(g)
}

// closeReaders closes a file that is no longer there: open, it would still take
// its room.
func (s *Spool) closeReaders(g *segment) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.readers.drop(func(x *segment) bool { return x == g })
}
