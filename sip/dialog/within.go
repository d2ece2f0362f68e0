package dialog

import (
	"strings"
	"time"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// side turns "the caller sent it" into whose side that is.
func side(fromCaller bool) media.Side {
	if fromCaller {
		return media.Caller
	}
	return media.Callee
}

// index is 0 for the caller and 1 for the callee, for arrays of both.
func index(fromCaller bool) int {
	if fromCaller {
		return 0
	}
	return 1
}

// within notes that m came within the dialog of l. Of one that was joined midway
// the carrier's hop may have been seen first: the customer's, which is another, says
// whose it is. On a carrier's leg of a B2BUA there is none; a hop within the switch is
// nobody's. On a hop that was seen already, what the switch sends to a phone names it.
func (t *Table) within(l *Leg, p *packet.Packet, m *parse.Message) {
	t.saw(l, p.Time)
	fromSwitch := t.book.Local(p.Src.Addr())
	if l.Initial || l.Call || fromSwitch && t.book.Local(p.Dst.Addr()) {
		return
	}
	var r role
	switch {
	case t.elsewhere(l, p):
		r = t.classifyMidCall(p, m)
	case fromSwitch && m.Request():
		r = t.classify(p, m)
		r.call = r.customer != party.Unknown
	}
	if r.carrier == party.Unknown {
		t.claim(l, p.Time, r)
	}
}

// reinvite takes an INVITE with a To tag: hold, media moved, session refresh.
func (t *Table) reinvite(p *packet.Packet, m *parse.Message) {
	l, fromCaller := t.find(p, m)
	if l == nil {
		l = t.joinMidCall(p, m)
		if l == nil {
			return
		}
		fromCaller = true
	}
	t.within(l, p, m)
	// The callee numbers its requests on its own (RFC 3261 section 12.2.1.1):
	// that one has the number of the caller's INVITE says nothing.
	if (!fromCaller || !l.invitedBy(m.CSeq)) && l.reinvite[index(fromCaller)].add(m.CSeq) {
		l.Reinvites++
	}
	t.announce(l, p, m, side(fromCaller))
}

func (t *Table) reinviteResponse(l *Leg, p *packet.Packet, m *parse.Message) {
	_, fromCaller := t.find(p, m)
	switch {
	case m.Status >= 300:
		t.dialogGone(l, p, m)
	case m.Status >= 200:
		if l.unproven() {
			t.comeBack(l, p.Time, Answered)
		}
		t.refreshSession(l, p.Time, m)
		t.announce(l, p, m, side(fromCaller))
		if !fromCaller {
			t.keepEarly(l, p, m)
		}
	}
	t.arm(l)
}

// unproven reports whether all that was seen of l is an INVITE within a dialog
// that nobody knows: anyone can send that, so it is no channel until a 2xx.
func (l *Leg) unproven() bool { return !l.Initial && l.State == Ended && l.Release == NoResponse }

// dialogGone ends a leg whose peer does not know the dialog any more, or
// cannot be reached (RFC 3261 section 12.2.1.2, RFC 5057 section 5.1).
func (t *Table) dialogGone(l *Leg, p *packet.Packet, m *parse.Message) {
	switch m.Status {
	case 404, 408, 410, 416, 481, 482, 483, 484, 485, 502, 604:
		if l.State == Answered {
			t.release(l, p.Time, DialogGone)
		}
	}
}

// joinMidCall opens a leg for a dialog that began before we watched: by a 2xx
// an answered channel whose start is unknown, by a request one to be proven.
func (t *Table) joinMidCall(p *packet.Packet, m *parse.Message) *Leg {
	if t.closed.has(t.hash(m.CallID)) {
		t.stats.Late++
		return nil
	}
	l := t.open(p, m)
	if l == nil {
		return nil
	}
	r := t.classifyMidCall(p, m)
	l.Customer, l.Call, l.Inbound = r.customer, r.call, r.inbound
	l.State = Answered
	if m.Request() {
		l.State, l.End, l.Release = Ended, p.Time, NoResponse
	}
	l.hops = append(l.hops, hop{p.Src, p.Dst})
	l.toTags = append(l.toTags, toTag{tag: strings.Clone(m.ToTag), answered: true})
	t.saw(l, p.Time)
	if !m.Request() { // it answers the caller's request: turn the packet round
		l.Src, l.Dst = p.Dst, p.Src
		l.hops[0] = hop{p.Dst, p.Src}
		l.Status, l.joined, l.early = m.Status, m.CSeq+1, earlyOf(p, m)
		t.announce(l, p, m, media.Callee)
	}
	t.emit(Effect{Kind: LegOpened, Now: l.State, Time: p.Time, Leg: l})
	t.arm(l)
	return l
}

// withinDialog takes ACK, PRACK, UPDATE and their responses: they move media
// and refresh sessions.
func (t *Table) withinDialog(p *packet.Packet, m *parse.Message) {
	l, fromCaller := t.find(p, m)
	if l == nil {
		t.stats.Strange++
		return
	}
	t.within(l, p, m)
	t.announce(l, p, m, side(fromCaller))
	if m.Method == parse.UPDATE && m.Status >= 200 {
		if m.Status < 300 {
			t.refreshSession(l, p.Time, m)
		} else {
			t.dialogGone(l, p, m)
		}
	}
	if l.State != Ended {
		t.arm(l)
	}
}

// refreshSession reads the session timer of a 2xx (RFC 4028 section 9). The
// grace is one transaction: the refresher may use all of the interval.
func (t *Table) refreshSession(l *Leg, now int64, m *parse.Message) {
	l.sessionEnd, l.session = 0, 0
	if m.SessionExpires > 0 {
		l.session = int64(time.Duration(m.SessionExpires)*time.Second + transactionLife)
		l.sessionEnd = now + l.session
	}
}

// bye ends the dialog that a BYE belongs to, and the leg with its last one.
func (t *Table) bye(p *packet.Packet, m *parse.Message) {
	l, fromCaller := t.find(p, m)
	if l == nil {
		t.byeMidCall(p, m)
		return
	}
	t.within(l, p, m)
	if m.Cause != 0 {
		l.Cause = m.Cause
	}
	why := ByeCallee
	if fromCaller {
		why = ByeCaller
	}
	if d := l.endedBy(m, fromCaller); d != nil && d.ended == 0 {
		d.ended, d.why = p.Time, why
		t.releaseAttempts(l, d.tag, p.Time, why)
	}
	for i := range l.toTags {
		if l.toTags[i].answered && l.toTags[i].ended == 0 {
			return
		}
	}
	if l.State != Ended || l.Release != ByeCaller && l.Release != ByeCallee && l.Answer != 0 {
		t.endByBye(l, p.Time, why)
	}
}

// endedBy returns the dialog that a BYE names; any BYE ends the only answered
// one.
func (l *Leg) endedBy(m *parse.Message, fromCaller bool) *toTag {
	far := m.ToTag
	if !fromCaller {
		far = m.FromTag
	}
	var answered *toTag
	n := 0
	for i := range l.toTags {
		d := &l.toTags[i]
		if d.tag == far {
			return d
		}
		if d.answered {
			answered = d
			n++
		}
	}
	if n == 1 {
		return answered
	}
	return nil
}

func (t *Table) endByBye(l *Leg, now int64, why Release) {
	if l.State == Ended { // a timer had given it up
		l.Release = why
		l.End = now
		return
	}
	t.release(l, now, why)
	t.arm(l)
}

// byeMidCall records the end of a call whose beginning was not seen.
func (t *Table) byeMidCall(p *packet.Packet, m *parse.Message) {
	if t.closed.has(t.hash(m.CallID)) {
		t.stats.Late++
		return
	}
	l := t.open(p, m)
	if l == nil {
		return
	}
	r := t.classifyMidCall(p, m)
	l.Customer, l.Call, l.Inbound = r.customer, r.call, r.inbound
	l.State, l.End, l.Release, l.Cause = Ended, p.Time, ByeCaller, m.Cause
	l.hops = append(l.hops, hop{p.Src, p.Dst})
	l.toTags = append(l.toTags, toTag{tag: strings.Clone(m.ToTag), answered: true, ended: p.Time, why: ByeCaller})
	t.emit(Effect{Kind: LegOpened, Now: Ended, Time: p.Time, Leg: l})
	t.arm(l)
}

// cancel notes a CANCEL. The caller's own, on the first hop, explains a 487;
// those that a proxy sends to losing branches do not.
func (t *Table) cancel(p *packet.Packet, m *parse.Message) {
	l, _ := t.find(p, m)
	if l == nil {
		t.stats.Strange++
		return
	}
	l.Canceled = true
	t.within(l, p, m)
	if len(l.hops) > 0 && l.hopOf(p) == 0 {
		l.callerGone = true
	}
	if a := l.attemptOf(l.transaction(branchHash(m.Branch), m.CSeq)); a != nil {
		a.canceled = true
		if m.Cause != 0 {
			l.Cause = m.Cause
		}
	}
	t.arm(l)
}

// referOrInfo counts transfers and INFO digits, each CSeq once.
func (t *Table) referOrInfo(p *packet.Packet, m *parse.Message) {
	l, fromCaller := t.find(p, m)
	if l == nil {
		t.stats.Strange++
		return
	}
	t.within(l, p, m)
	i := index(fromCaller)
	known := &l.info[i]
	if m.Method == parse.REFER {
		known = &l.refer[i]
	}
	if !known.add(m.CSeq) {
		return
	}
	switch {
	case m.Method == parse.REFER:
		l.Refers++
	case m.Digit != 0:
		d := &l.Digits[i]
		d.Count++
		if t.cfg.KeepDigits && len(d.Text) < maxInfoDigits {
			d.Text += string(m.Digit)
		}
	}
}

const maxInfoDigits = 128
