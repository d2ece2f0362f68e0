package dialog

import (
	"container/heap"
	"time"
)

// timer is a leg's place in the heap of deadlines.
type timer struct {
	at    int64 // nanoseconds since the Unix epoch
	index int   // in the heap plus one; 0: not there
	leg   *Leg
}

// timers is a heap, the earliest deadline first.
type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push is for container/heap.
func (h *timers) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.index = len(*h)
}

// Pop is for container/heap.
func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = 0
	return t
}

func (h *timers) remove(t *timer) {
	if t.index > 0 {
		heap.Remove(h, t.index-1)
	}
}

// arm gives l its deadline. A deadline that moves later stays where it is in
// the heap and is looked at again when it comes up, so messages cost nothing.
func (t *Table) arm(l *Leg) {
	at := t.deadline(l)
	switch {
	case l.timer.index == 0:
		l.timer.at, l.timer.leg = at, l
		heap.Push(&t.timers, &l.timer)
	case at < l.timer.at:
		l.timer.at = at
		heap.Fix(&t.timers, l.timer.index-1)
	}
}

// setupDeadline returns when l is given up without an answer: by Timer B when
// nothing responds at all (RFC 3261 section 17.1.1.2), or after a CANCEL.
func (t *Table) setupDeadline(l *Leg) int64 {
	if l.callerGone || !l.heard {
		return l.lastSeen + int64(transactionLife)
	}
	return l.lastSeen + int64(t.cfg.SetupTimeout)
}

// transactionLife is 64*T1, how long a SIP transaction can live on (RFC 3261
// section 17, Timers B, F and H).
const transactionLife = 32 * time.Second

// deadline returns when l needs a look, from its state alone.
func (t *Table) deadline(l *Leg) int64 {
	switch {
	case l.State == Ended:
		return l.lastChange() + int64(t.cfg.Settle)
	case l.doubt != 0:
		return t.doubtDeadline(l)
	case l.State == Setup:
		return min(t.setupDeadline(l), l.overdue())
	}
	at := min(t.ownDeadline(l), l.overdue())
	if t.cfg.MediaTimeout > 0 && t.cfg.LastMedia != nil {
		at = min(at, max(l.lastSeen, l.mediaSeen)+int64(t.cfg.MediaTimeout))
	}
	return at
}

// ownDeadline is when an answered leg ends by itself.
func (t *Table) ownDeadline(l *Leg) int64 {
	at := l.started() + int64(t.cfg.MaxAge)
	if l.sessionEnd != 0 {
		at = min(at, l.sessionEnd)
	}
	return at
}

// started returns when l began to be answered; a leg joined mid-call began
// when it was first seen.
func (l *Leg) started() int64 {
	if l.Answer != 0 {
		return l.Answer
	}
	return l.Invited
}

// lastChange is the end of a leg, or the last message since.
func (l *Leg) lastChange() int64 { return max(l.End, l.lastSeen) }

// Tick lets time pass until now (nanoseconds since the Unix epoch) and returns
// what follows. The slice and the legs in it are valid until the next call.
func (t *Table) Tick(now int64) []Effect {
	t.effects = t.effects[:0]
	for len(t.timers) > 0 && t.timers[0].at <= now {
		l := t.timers[0].leg
		t.expire(l, now)
		if l.timer.index == 0 {
			continue // closed
		}
		l.timer.at = max(t.deadline(l), now+1)
		heap.Fix(&t.timers, l.timer.index-1)
	}
	t.closed.age(now)
	return t.effects
}

// expire looks at a leg whose time has come and releases or closes it when it
// really has.
func (t *Table) expire(l *Leg, now int64) {
	if t.deadline(l) > now {
		return // messages came since
	}
	if l.doubt != 0 && l.State != Ended {
		t.expireDoubtful(l, now)
		return
	}
	t.releaseOverdue(l, now)
	switch l.State {
	case Ended:
		t.close(l)
	case Setup:
		if t.setupDeadline(l) > now {
			return
		}
		why := NoResponse
		if l.callerGone {
			why = Cancelled
		}
		t.release(l, now, why)
	case Answered:
		t.expireAnswered(l, now)
	}
}

func (t *Table) expireAnswered(l *Leg, now int64) {
	switch {
	case l.sessionEnd != 0 && l.sessionEnd <= now:
		t.release(l, now, SessionTimer)
	case l.started()+int64(t.cfg.MaxAge) <= now:
		t.release(l, now, MaxAge)
	case t.cfg.MediaTimeout > 0 && t.cfg.LastMedia != nil:
		last := t.cfg.LastMedia(l)
		switch {
		case last == 0 || l.Held():
			l.mediaSeen = now // never seen, or on hold: silence says nothing
		case last+int64(t.cfg.MediaTimeout) <= now:
			t.release(l, max(last, l.started(), l.lastSeen), MediaSilence)
		default:
			l.mediaSeen = last
		}
	}
}

// Finish releases and closes every leg: the capture, or the agent, ends at now.
func (t *Table) Finish(now int64) []Effect {
	t.effects = t.effects[:0]
	for len(t.timers) > 0 {
		l := t.timers[0].leg
		t.release(l, now, CaptureEnd)
		t.close(l)
	}
	return t.effects
}
