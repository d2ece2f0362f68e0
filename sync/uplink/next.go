package uplink

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

// kind is why a batch is sent.
type kind uint8

const (
	urgent  kind = iota + 1 // asked for, or not acked in time
	fresh                   // just made
	backlog                 // all other
)

// order is a batch that is to be sent: records of a line from first on, up to
// last. Fewer will do.
type order struct {
	key
	record.Range
	kind    kind
	records int // at most
	bytes   int // most of the message; a single record may be larger
}

// next says what is to be sent: a batch, or a hello, or nothing before at. A zero
// at means that something else must happen first.
func (s *sender) next(now time.Time) (o order, hello bool, at time.Time) {
	if !s.up {
		return o, false, at
	}
	s.expire(now)
	w := waker{now: now}
	if s.helloDue(now, &w) {
		return o, true, now
	}
	if !s.greeted && now.Before(w.at(s.since.Add(helloAfter))) {
		return o, false, w.first // whoever answers says what is missing
	}
	if o, ok := s.choose(now, &w); ok {
		return o, false, now
	}
	return o, false, w.first
}

// waker keeps the earliest of the times it is given that lie ahead.
type waker struct{ now, first time.Time }

func (w *waker) at(t time.Time) time.Time {
	if t.After(w.now) && (w.first.IsZero() || t.Before(w.first)) {
		w.first = t
	}
	return t
}

// expire gives up waiting for batches that no ack has covered in time. Without
// any ack there is nobody who could store them, so that is waited for longer.
func (s *sender) expire(now time.Time) {
	for i := 0; i < len(s.flights); {
		f := s.flights[i]
		if now.Before(s.expiry(&f)) {
			i++
			continue
		}
		s.again(f.key, f.Range)
	}
}

func (s *sender) expiry(f *flight) time.Time {
	if due := f.at.Add(resendAfter); !s.ackAt.Before(due) {
		return due
	}
	return f.at.Add(blindAfter)
}

// again makes what is on its way of r urgent.
func (s *sender) again(k key, r record.Range) {
	if l := s.lines[k]; l != nil {
		for _, x := range l.unacked.And(record.Ranges{r}) {
			l.flying.Remove(x)
			l.urgent.Add(x)
		}
	}
	s.prune()
}

// choose picks the batch to send now, if the window and the credit allow one.
// While there is a backlog, fresh records have every second batch at most.
func (s *sender) choose(now time.Time, w *waker) (order, bool) {
	for i := range s.flights {
		w.at(s.expiry(&s.flights[i]))
	}
	room, ok := s.room(false)
	if !ok {
		return order{}, false
	}
	if s.solo != nil {
		if o, ok, wait := s.alone(room); ok || wait {
			return o, ok
		}
	}
	if o, ok := s.from(urgent, now, room, w); ok {
		return o, true
	}
	old, ok := s.older(now, w)
	if ok && s.beside {
		return old, true
	}
	if o, ok := s.from(fresh, now, room, w); ok {
		return o, true
	}
	return old, ok
}

// alone is the batch with a record that is larger than the credit, when nothing
// else is on its way.
func (s *sender) alone(room int) (o order, ok, wait bool) {
	l := s.lines[*s.solo]
	var todo record.Ranges
	if l != nil {
		todo = l.todo()
	}
	switch {
	case len(todo) == 0:
		s.solo = nil
		return o, false, false
	case len(s.flights) > 0:
		return o, false, true
	}
	return newOrder(l.key, urgent, todo[0], room), true, false
}

// older picks from the backlog: it leaves a part of the window and the credit,
// and keeps to its rate.
func (s *sender) older(now time.Time, w *waker) (order, bool) {
	room, ok := s.room(true)
	if !ok {
		return order{}, false
	}
	if s.rate > 0 {
		s.tokens = min(s.tokens+now.Sub(s.filled).Seconds()*float64(s.rate), float64(max(s.rate/4, 1)))
		s.filled = now
		if s.tokens < 0 {
			w.at(now.Add(time.Duration(-s.tokens/float64(s.rate)*float64(time.Second)) + time.Millisecond))
			return order{}, false
		}
	}
	return s.from(backlog, now, room, w)
}

// room is how many bytes the next message may have.
func (s *sender) room(old bool) (bytes int, ok bool) {
	window, credit := s.window, s.credit
	flights, used := len(s.flights), uint64(s.bytes) // a sum of lengths
	if old {
		flights = 0
		for i := range s.flights {
			if s.flights[i].backlog {
				flights++
			}
		}
		window -= window / spare
		credit -= credit / spare
		if len(s.flights) >= s.window {
			return 0, false
		}
	}
	switch {
	case flights >= window:
		return 0, false
	case s.credit == 0 || len(s.flights) == 0 && credit >= messageBytes:
		return messageBytes, true
	case len(s.flights) == 0: // one is always on its way, or none would ever come
		return max(int(credit), 1), true // below messageBytes
	case used >= credit || credit-used < min(smallest, credit/2):
		return 0, false
	}
	return int(min(credit-used, messageBytes)), true // small
}

// from picks a batch of one kind. Every fourth time the streams change places, so
// that calls go first and never stop the others.
func (s *sender) from(k kind, now time.Time, room int, w *waker) (order, bool) {
	n := len(s.order)
	for i := range n {
		if s.picks%perCalls == perCalls-1 {
			i = n - 1 - i
		}
		l := s.order[i]
		if now.Before(l.holdTill) {
			w.at(l.holdTill)
			continue
		}
		if set := l.due(k, now, w); len(set) > 0 {
			return newOrder(l.key, k, set[0], room), true
		}
	}
	return order{}, false
}

// due is what is to be sent of one kind now.
func (l *line) due(k kind, now time.Time, w *waker) record.Ranges {
	switch k {
	case urgent:
		return l.urgent.Minus(l.flying)
	case fresh:
		if at, ok := l.freshDue(); ok && !now.Before(w.at(at)) {
			return l.fresh()
		}
	case backlog:
		return l.backlog()
	}
	return nil
}

func newOrder(k key, why kind, r record.Range, room int) order {
	o := order{key: k, Range: r, kind: why, records: backlogRecords, bytes: room}
	if why == fresh {
		o.records = freshRecords
	}
	if r.Len() < uint64(o.records) { // small
		o.records = int(r.Len()) // smaller
	}
	return o
}
