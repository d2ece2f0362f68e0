package uplink

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

// maxSpans is how many ranges an ack may name. A store has a few per gap, and
// the window bounds the gaps.
const maxSpans = 10_000

// release is what the spool may let go of.
type release struct {
	key
	done record.Ranges
}

// ack takes in what a collector says. again means that the store has lost what
// it had committed: the caller has the spool un-release what it still holds, calls
// forget and hold, and then ack with the same message.
func (s *sender) ack(now time.Time, a *record.Ack) (out []release, again bool) {
	if !sane(a) {
		s.n.ignored++
		return nil, false
	}
	q, answer := s.answered(now, a)
	if !s.sameStore(a) {
		if answer && s.rivalAt.IsZero() {
			s.rivalAt = now
		}
		// Of two that both answer, the known one counts: else each hello would begin anew.
		if answer && now.Sub(s.rivalAt) >= storeAfter {
			s.rivalAt = time.Time{}
			s.n.storeChanges++
			s.store = a.GetStoreId()
			return nil, true
		}
		s.n.ignored++
		s.doubt = true // a hello finds out which store it is
		return nil, false
	}
	if answer && s.wentBack(q, a) {
		s.n.rollbacks++
		return nil, true
	}
	s.ackAt, s.credit, s.rivalAt = now, a.GetCreditBytes(), time.Time{}
	if answer {
		s.greeted, s.doubt = true, false
	}
	for _, c := range a.GetCursors() {
		if r, ok := s.cursor(now, c, answer); ok {
			out = append(out, r)
		}
	}
	s.prune()
	return out, false
}

// sane reports whether an ack has a size that one can have.
func sane(a *record.Ack) bool {
	n := 0
	for _, c := range a.GetCursors() {
		n += 1 + len(c.GetBeyond()) + len(c.GetNeed())
	}
	return n <= maxSpans
}

// sameStore reports whether the ack is of the store that is known. The first one
// makes it known.
func (s *sender) sameStore(a *record.Ack) bool {
	if s.store == "" {
		s.store = a.GetStoreId()
	}
	return s.store == a.GetStoreId()
}

// wentBack reports whether the answer to a hello states less than what earlier
// acks had covered when the hello was sent. Only an answer can show this: any
// other ack may be late, or be overtaken by one of another collector.
func (s *sender) wentBack(q *question, a *record.Ack) bool {
	for _, c := range a.GetCursors() {
		k, ok := keyOf(c)
		if ok && len(lacking(q.acked[k], c)) > 0 {
			return true
		}
	}
	return false
}

// maxBeyond is how many ranges a cursor names; one with so many says nothing of
// numbers above them.
const maxBeyond = 1000

// lacking is what of acked a cursor does not state, though it would.
func lacking(acked record.Ranges, c *record.Cursor) record.Ranges {
	done := c.Done()
	if len(c.GetBeyond()) >= maxBeyond {
		acked = upTo(acked, done.Last())
	}
	return acked.Minus(done)
}

// keyOf names the line of a cursor; false for one that makes no sense.
func keyOf(c *record.Cursor) (key, bool) {
	k := key{c.GetEpoch(), record.Stream(c.GetStream())} // compared below
	if k.epoch == 0 || uint32(k.stream) != c.GetStream() || k.stream != record.Calls && k.stream != record.Telemetry {
		return k, false
	}
	for _, spans := range [][]*record.Span{c.GetBeyond(), c.GetNeed()} {
		for _, x := range spans {
			if x.GetFirst() == 0 || x.GetLast() < x.GetFirst() {
				return k, false
			}
		}
	}
	return k, true
}

// cursor applies one cursor of an ack.
func (s *sender) cursor(now time.Time, c *record.Cursor, answer bool) (release, bool) {
	k, ok := keyOf(c)
	l := s.lines[k]
	if !ok || l == nil {
		s.n.ignored++
		if ok {
			s.twins.foreign(now, k.epoch, k.stream, c.Done().Len())
		}
		return release{}, false
	}
	done := c.Done()
	if len(lacking(l.acked, c)) > 0 && !answer {
		s.n.behind++
		s.doubt = true
	}
	covered := s.cover(l, done)
	s.ask(now, l, c)
	if len(covered) == 0 {
		return release{}, false
	}
	l.take(covered)
	l.waiting = now
	s.n.acked[k.stream-1] += covered.Len()
	return release{k, covered}, true
}

// cover returns what of done the spool may release: what it holds and, of the
// running epoch, was sent. A number that was never sent is no record of a store,
// whatever an ack says: one that was given out later would be lost.
func (s *sender) cover(l *line, done record.Ranges) record.Ranges {
	covered := done.And(l.unacked)
	if !l.current {
		return covered
	}
	known := covered.And(l.sent)
	// Telemetry that gave way is declared though it was never sent, calls never are.
	if known.Len() < covered.Len() || l.stream == record.Calls && done.Last() > l.sent.Last() {
		s.n.neverSent++
	}
	return known
}

// take notes that an ack covers what is in done.
func (l *line) take(done record.Ranges) {
	l.acked.AddAll(done)
	l.unacked = l.unacked.Minus(done)
	l.flying = l.flying.Minus(done)
	l.urgent = l.urgent.Minus(done)
}

// ask makes urgent what a cursor asks for, unless it was just sent.
func (s *sender) ask(now time.Time, l *line, c *record.Cursor) {
	var need record.Ranges
	for _, x := range c.GetNeed() {
		need.Add(record.Range{First: x.GetFirst(), Last: x.GetLast()})
	}
	if len(need.And(l.acked)) > 0 {
		s.doubt = true
	}
	need = need.And(l.unacked)
	for i := range s.flights {
		if f := &s.flights[i]; f.key == l.key && now.Sub(f.at) < needAfter {
			need.Remove(f.Range)
		}
	}
	for _, r := range need {
		s.n.asked += r.Len()
		l.flying.Remove(r)
		l.urgent.Add(r)
	}
}
