package dialog

import (
	"math"
	"time"
)

// release ends l at now. Its record follows when the leg has settled.
func (t *Table) release(l *Leg, now int64, why Release) {
	if l.State == Ended {
		return
	}
	was := l.State
	l.State, l.End, l.Release = Ended, now, why
	t.releaseAttempts(l, "", now, why)
	t.emit(Effect{Kind: LegReleased, Was: was, Now: Ended, Time: now, Leg: l})
}

// releaseAttempts ends the attempts that were answered with the given To tag,
// or all of them for "".
func (t *Table) releaseAttempts(l *Leg, tag string, now int64, why Release) {
	for i := range l.Attempts {
		switch a := &l.Attempts[i]; {
		case a.State == Answered && (tag == "" || a.toTag == tag):
			t.releaseAttempt(l, i, now, why)
		case a.State == Setup && tag == "":
			t.releaseAttempt(l, i, now, a.unanswered(why))
		}
	}
}

// unanswered says why an attempt without a final response ended with its leg.
func (a *Attempt) unanswered(leg Release) Release {
	switch {
	case a.canceled, leg == Cancelled:
		return Cancelled
	case leg == CaptureEnd, leg == Reused, leg == EndMissed:
		return leg
	}
	return NoResponse
}

// releaseOverdue ends the attempts whose INVITE got no response within Timer B
// (RFC 3261 section 17.1.1.2).
func (t *Table) releaseOverdue(l *Leg, now int64) {
	for i := range l.Attempts {
		if a := &l.Attempts[i]; a.overdue(l.Answer) <= now {
			t.releaseAttempt(l, i, now, NoResponse)
		}
	}
}

// overdue returns when the first of the leg's attempts is given up.
func (l *Leg) overdue() int64 {
	at := int64(math.MaxInt64)
	for i := range l.Attempts {
		at = min(at, l.Attempts[i].overdue(l.Answer))
	}
	return at
}

// overdue returns when an attempt that nobody responds to is given up: soon
// after another one was answered, since its switch has then gone on without it.
func (a *Attempt) overdue(answer int64) int64 {
	sent := max(a.Invited, a.sent)
	switch {
	case a.State != Setup || a.heard:
		return math.MaxInt64
	case answer != 0:
		return min(sent+int64(transactionLife), max(answer, sent)+int64(goneOn))
	}
	return sent + int64(transactionLife)
}

// goneOn is how much later than the answer on one hop that on another may be
// captured.
const goneOn = 2 * time.Second

func (t *Table) releaseAttempt(l *Leg, i int, now int64, why Release) {
	a := &l.Attempts[i]
	was := a.State
	a.State, a.End, a.Release = Ended, now, why
	t.emit(Effect{Kind: AttemptReleased, Was: was, Now: Ended, Time: now, Leg: l, Attempt: i})
}

// close writes l off. What still comes of it is recognised for a while and
// opens nothing, unless a timer had ended it: then it may well be alive.
func (t *Table) close(l *Leg) {
	switch l.Release {
	case NoResponse, SessionTimer, MediaSilence, MaxAge, EndMissed:
	default:
		t.closed.add(t.hash(l.CallID))
	}
	t.emit(Effect{Kind: LegClosed, Was: Ended, Now: Ended, Time: l.End, Leg: l})
	t.drop(l)
}

// tombs remembers the Call-IDs of closed legs for one to two transaction
// lives, in two generations of bounded size.
type tombs struct {
	young, old map[uint64]struct{}
	turned     int64
}

const maxTombs = 1 << 18

func (s *tombs) add(key uint64) {
	if len(s.young) >= maxTombs {
		s.turn()
	}
	if s.young == nil {
		s.young = map[uint64]struct{}{}
	}
	s.young[key] = struct{}{}
}

func (s *tombs) turn() {
	s.old, s.young = s.young, s.old
	clear(s.young)
}

func (s *tombs) has(key uint64) bool {
	if _, ok := s.young[key]; ok {
		return true
	}
	_, ok := s.old[key]
	return ok
}

func (s *tombs) age(now int64) {
	if now-s.turned >= int64(transactionLife) {
		s.turned = now
		s.turn()
	}
}
