package uplink

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

const (
	maxAsked = 8    // hellos whose answers are waited for
	maxHeld  = 1000 // ranges that a hello names, of either list
)

// question is a hello that may still be answered.
type question struct {
	ms    int64 // Hello.sent_unix_ms
	at    time.Time
	acked map[key]record.Ranges // what acks had covered by then
}

// helloDue reports whether a hello is to be sent.
func (s *sender) helloDue(now time.Time, w *waker) bool {
	if s.helloAt.IsZero() {
		return true
	}
	due := s.helloAt.Add(helloEvery)
	wait := s.helloAt.Add(helloAfter)
	switch {
	case s.doubt:
		due = s.helloAt.Add(doubtAfter)
	case !s.greeted:
		due = wait
	case len(s.flights) > 0:
		if t := s.flights[0].at.Add(helloAfter); t.After(wait) {
			wait = t
		}
		if wait.Before(due) {
			due = wait
		}
	}
	return !now.Before(w.at(due))
}

// hello makes the hello to be sent now, and notes it.
func (s *sender) hello(now time.Time) *record.Hello {
	ms := now.UnixMilli()
	q := question{ms: ms, at: now, acked: map[key]record.Ranges{}}
	for i := range s.asked { // each has its own, or its answer would not be known
		q.ms = max(q.ms, s.asked[i].ms+1)
	}
	h := &record.Hello{
		Version: record.Version, Epoch: s.epoch, Program: s.program, SentUnixMs: q.ms,
		StartedUnixMs: s.started.UnixMilli(), StoreId: s.store,
	}
	for k, l := range s.lines {
		if len(l.acked) > 0 {
			q.acked[k] = l.acked.Clone()
		}
	}
	for i := range s.holding {
		x := &s.holding[i]
		if l := s.lines[key{x.Epoch, x.Stream}]; l != nil {
			h.Held = appendHeld(h.Held, x, l.unacked)
			h.Released = appendHeld(h.Released, x, x.Gone)
			if len(l.unacked) == 0 && len(x.Gone) == 0 { // an empty range asks for the cursor alone
				h.Held = appendHeld(h.Held, x, record.Ranges{{}})
			}
		}
	}
	if len(s.asked) == maxAsked {
		s.asked = append(s.asked[:0], s.asked[1:]...)
	}
	s.asked = append(s.asked, q)
	s.helloAt = now
	s.n.hellos++
	return h
}

func appendHeld(to []*record.Held, x *record.Holding, set record.Ranges) []*record.Held {
	for _, r := range set {
		if len(to) == maxHeld {
			break
		}
		to = append(to, &record.Held{Epoch: x.Epoch, Stream: uint32(x.Stream), First: r.First, Last: r.Last})
	}
	return to
}

// answered finds the hello that an ack answers, and learns from the time it took.
func (s *sender) answered(now time.Time, a *record.Ack) (*question, bool) {
	if a.GetHelloUnixMs() == 0 {
		return nil, false
	}
	for i := range s.asked {
		if q := &s.asked[i]; q.ms == a.GetHelloUnixMs() {
			s.clock.add(now, q.at, a.GetSentUnixMs())
			return q, true
		}
	}
	return nil, false
}
