package dialog

import (
	"cmp"
	"slices"
	"time"
)

// Restore takes over the legs that another table had open, as its Save wrote
// them. It comes before the first message, at now; alive is when they were last
// watched, both in nanoseconds since the Unix epoch. What follows opens their
// media and their places in the live gauges, and counts no call as started
// again. Legs keep their IDs, those that are opened later get higher ones.
//
// A leg that says nothing more, where its media would be seen, may have ended
// while nobody watched: it is closed as EndMissed when it was silent for the
// media timeout, and as ended when it was last known to be alive. So is one
// whose own timers run out without a sign of life.
//
// Many legs are best given in parts, those with the lowest IDs first.
//
// bad lists those of saved that could not be read, did not fit, or came twice.
func (t *Table) Restore(saved [][]byte, alive, now int64) (effects []Effect, bad []int) {
	t.effects = t.effects[:0]
	t.since = now
	names := partyNames(t.book)
	type loaded struct {
		leg *Leg
		i   int
	}
	legs := make([]loaded, 0, len(saved))
	for i, b := range saved {
		l, err := t.load(b, names)
		if err != nil {
			bad = append(bad, i)
			continue
		}
		legs = append(legs, loaded{l, i})
	}
	slices.SortStableFunc(legs, func(a, b loaded) int { return cmp.Compare(a.leg.ID, b.leg.ID) })
	for _, x := range legs {
		if l := x.leg; l.ID <= t.lastID || t.count >= t.cfg.MaxLegs || t.crowded(l.CallID) {
			bad = append(bad, x.i)
			continue
		}
		t.takeOver(x.leg, alive)
	}
	return t.effects, bad
}

func (t *Table) takeOver(l *Leg, alive int64) {
	t.lastID = l.ID
	t.count++
	l.next = t.legs[l.CallID]
	t.legs[l.CallID] = l
	l.Restored, l.kept = true, true
	l.mediaSeen = t.since
	if l.State != Ended && l.doubt == 0 {
		l.doubt = max(alive, l.lastSeen, 1)
	}
	for i := range l.Attempts {
		if a := &l.Attempts[i]; a.State == Setup && a.challenged() {
			a.sent = l.lastSeen // at most
		}
	}
	if l.session != 0 { // it may have been refreshed while nobody watched
		l.sessionEnd = max(l.sessionEnd, t.since+l.session)
	}
	if len(l.announced) > 0 {
		for hop := range l.hops {
			t.emitMedia(l, uint8(hop), t.since) // below maxHops
		}
	}
	t.emit(Effect{Kind: LegOpened, Again: true, Now: l.State, Time: t.since, Leg: l})
	for i := range l.Attempts {
		t.emit(Effect{Kind: AttemptOpened, Again: true, Now: l.Attempts[i].State, Time: t.since, Leg: l, Attempt: i})
	}
	t.arm(l)
}

// doubtDeadline returns when a restored leg of which nothing was seen yet
// needs a look.
func (t *Table) doubtDeadline(l *Leg) int64 {
	if l.State == Setup { // what is about to come has its time to come
		return max(t.setupDeadline(l), t.since+int64(transactionLife))
	}
	at := min(t.ownDeadline(l), l.overdue())
	if t.cfg.Alive != nil {
		at = min(at, l.silentUntil(t))
	}
	return at
}

// silentUntil is when the media of a restored leg is looked at.
func (l *Leg) silentUntil(t *Table) int64 { return l.mediaSeen + int64(t.patience()) }

// patience is how long a restored leg may be silent, whether or not silence
// ends other calls.
func (t *Table) patience() time.Duration {
	if t.cfg.MediaTimeout > 0 {
		return t.cfg.MediaTimeout
	}
	return Config{}.withDefaults().MediaTimeout
}

// expireDoubtful looks for a sign of life of a restored leg whose time has
// come, and releases it when there is none.
func (t *Table) expireDoubtful(l *Leg, now int64) {
	if l.State == Setup {
		t.release(l, l.lastAlive(), EndMissed)
		return
	}
	t.releaseOverdue(l, now)
	last, sure := int64(0), false
	if t.cfg.Alive != nil {
		last, sure = t.cfg.Alive(l)
	}
	silent := l.silentUntil(t) <= now
	switch {
	case last > 0:
		l.doubt, l.mediaSeen = 0, last
		t.change(l)
	case t.ownDeadline(l) <= now, silent && sure && !l.Held():
		t.release(l, l.lastAlive(), EndMissed)
	case silent:
		l.mediaSeen = now // nothing would be seen: silence says nothing
	}
}

// lastAlive is when a restored leg was last known to be alive.
func (l *Leg) lastAlive() int64 { return max(l.doubt, l.lastSeen, l.started()) }
