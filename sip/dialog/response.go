package dialog

import (
	"strings"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// inviteResponse takes a response to any INVITE.
func (t *Table) inviteResponse(p *packet.Packet, m *parse.Message) {
	l, fromCaller := t.find(p, m)
	if l == nil {
		if m.Status >= 200 && m.Status < 300 && m.ToTag != "" {
			t.joinMidCall(p, m)
		}
		return
	}
	t.within(l, p, m)
	if fromCaller || !l.invitedBy(m.CSeq) {
		t.reinviteResponse(l, p, m)
		return
	}
	l.heard = true
	tx := l.transaction(branchHash(m.Branch), m.CSeq)
	if a := l.attemptOf(tx); a != nil && tx.final == 0 { // else it is no news of the INVITE that followed
		a.heard = true
	}
	switch {
	case m.Status == 100:
	case m.Status < 200:
		t.provisional(l, tx, p, m)
	case m.Status < 300:
		t.answered(l, tx, p, m)
	default:
		t.failed(l, tx, p, m)
	}
	t.arm(l)
}

// dialogOf returns the leg's dialog with the given To tag, adding it.
func (t *Table) dialogOf(l *Leg, tag string) *toTag {
	for i := range l.toTags {
		if l.toTags[i].tag == tag {
			return &l.toTags[i]
		}
	}
	if len(l.toTags) == maxToTags {
		t.stats.Overflow++
		return &l.toTags[maxToTags-1]
	}
	l.toTags = append(l.toTags, toTag{tag: strings.Clone(tag)})
	return &l.toTags[len(l.toTags)-1]
}

// countForks counts the To tags. A 2xx without one, as from before RFC 3261, is
// a dialog but names no branch.
func (l *Leg) countForks() {
	l.Forks = 0
	for i := range l.toTags {
		if l.toTags[i].tag != "" {
			l.Forks++
		}
	}
}

func (t *Table) provisional(l *Leg, tx *transaction, p *packet.Packet, m *parse.Message) {
	if m.ToTag != "" {
		t.dialogOf(l, m.ToTag)
		l.countForks()
	}
	t.announce(l, p, m, media.Callee)
	if m.Status != 180 && m.Status != 183 {
		return
	}
	if l.Rang == 0 {
		l.Rang = p.Time
	}
	if a := l.attemptOf(tx); a != nil && a.Rang == 0 {
		a.Rang = p.Time
	}
}

func (l *Leg) attemptOf(tx *transaction) *Attempt {
	if tx == nil || tx.attempt < 0 {
		return nil
	}
	return &l.Attempts[tx.attempt]
}

func (t *Table) answered(l *Leg, tx *transaction, p *packet.Packet, m *parse.Message) {
	d := t.dialogOf(l, m.ToTag)
	l.countForks()
	again := !d.answered
	d.answered = true
	t.announce(l, p, m, media.Callee)
	t.refreshSession(l, p.Time, m)
	l.Status, l.Phrase = m.Status, ""
	if tx != nil {
		tx.final = m.Status
	}
	switch {
	case l.Answer == 0 && l.Release == ByeCaller, l.Answer == 0 && l.Release == ByeCallee:
		l.Answer = p.Time // its BYE came first: packets were reordered
		d.ended, d.why = l.End, l.Release
		t.emit(Effect{Kind: LegAnswered, Was: Ended, Now: Ended, Time: p.Time, Leg: l})
	case l.Answer == 0:
		if l.State == Ended { // CANCEL or a time-out lost the race with the 2xx
			t.comeBack(l, p.Time, Setup)
		}
		l.Answer = p.Time
		l.State = Answered
		t.emit(Effect{Kind: LegAnswered, Was: Setup, Now: Answered, Time: p.Time, Leg: l})
	case l.State == Ended && again: // a second branch answered after the first hung up
		t.comeBack(l, p.Time, Answered)
	}
	t.answerAttempt(l, tx, d, p.Time)
}

// answerAttempt notes that the attempt of tx, if any, was answered by d.
func (t *Table) answerAttempt(l *Leg, tx *transaction, d *toTag, now int64) {
	a := l.attemptOf(tx)
	if a == nil || a.Answer != 0 {
		return
	}
	if a.State == Ended && (a.Release == EndMissed || a.Challenged()) { // without an outcome
		t.reopenAttempt(l, int(tx.attempt), now)
	}
	was := a.State
	a.Answer, a.Status, a.toTag = now, tx.final, d.tag
	a.State, a.End, a.Release = Answered, 0, 0
	t.emit(Effect{Kind: AttemptAnswered, Was: was, Now: Answered, Time: now, Leg: l, Attempt: int(tx.attempt)})
	switch {
	case d.ended != 0:
		t.releaseAttempt(l, int(tx.attempt), max(now, d.ended), d.why)
	case l.State == Ended:
		t.releaseAttempt(l, int(tx.attempt), max(now, l.End), l.Release)
	}
}

// failed takes a final response above 299. The leg fails unless another INVITE
// of it is pending that is as near to the caller: a carrier that refuses does
// not end a call that its proxy sends on to the next, and what the proxy
// answers the caller ends it though a silent carrier never answered.
func (t *Table) failed(l *Leg, tx *transaction, p *packet.Packet, m *parse.Message) {
	news := tx == nil || tx.final == 0
	l.Refused = p.Time
	if tx != nil {
		tx.final = m.Status
		// A challenge that comes again is no news of the INVITE that answers it.
		if a := l.attemptOf(tx); news && a != nil && a.State == Setup {
			a.Status = m.Status
			why := Failed
			if m.Status == 487 && l.Canceled {
				why = Cancelled
			}
			t.releaseAttempt(l, int(tx.attempt), p.Time, why)
		}
	}
	if news && l.State == Ended && l.Answer == 0 {
		switch l.Release {
		case Failed:
			l.End = p.Time // the last word of a call that failed on several hops
			l.Status, l.Phrase = m.Status, phrase(m.Phrase)
		case ByeCaller, ByeCallee: // within the early dialog; the INVITE is answered after it (RFC 3261 section 15.1.2)
			l.Status, l.Phrase = m.Status, phrase(m.Phrase)
		default:
		}
	}
	if l.State != Setup {
		return
	}
	l.Status, l.Phrase = m.Status, phrase(m.Phrase)
	if m.Cause != 0 {
		l.Cause = m.Cause
	}
	for i := range l.txs {
		if other := &l.txs[i]; other.final == 0 && (tx == nil || other.vias <= tx.vias) {
			return
		}
	}
	why := Failed
	if l.callerGone && m.Status == 487 {
		why = Cancelled
	}
	t.release(l, p.Time, why)
}

// phrase keeps a reason phrase of sane length.
func phrase(s string) string { return strings.Clone(s[:min(len(s), 64)]) }

// comeBack makes a released leg live again.
func (t *Table) comeBack(l *Leg, now int64, s State) {
	l.State, l.End, l.Release = s, 0, 0
	t.emit(Effect{Kind: LegOpened, Again: true, Was: Ended, Now: s, Time: now, Leg: l})
}
