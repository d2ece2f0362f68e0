package dialog

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
		if a := &l.Attempts[i]; a.State != Ended && (tag == "" || a.toTag == tag) {
			t.releaseAttempt(l, i, now, why)
		}
	}
}

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
	case NoResponse, SessionTimer, MediaSilence, MaxAge:
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
	if s.young == nil || len(s.young) >= maxTombs {
		s.old, s.young = s.young, map[uint64]struct{}{}
	}
	s.young[key] = struct{}{}
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
		s.old, s.young = s.young, nil
	}
}
