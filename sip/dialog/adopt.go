package dialog

import (
	"slices"
	"strings"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// adopt takes an INVITE whose 2xx, or whose BYE, was captured before it, as
// happens with two interfaces and a callee that answers at once, and over TCP
// behind a hole in the stream: the leg that was joined midway becomes a whole
// call. It reports false when there is no such leg.
func (t *Table) adopt(p *packet.Packet, m *parse.Message) bool {
	l := t.legs[m.CallID]
	for l != nil && !l.followed(p, m) {
		l = l.next
	}
	if l == nil {
		return false
	}
	role := t.classify(p, m)
	if l.joined != 0 {
		l.Answer = l.Invited
	}
	l.joined = 0
	l.Initial, l.Invited = true, min(p.Time, l.Invited)
	t.beginAt(l, hop{p.Src, p.Dst})
	if role.call {
		l.Src, l.Dst, l.Transport = p.Src, p.Dst, p.Transport
	}
	l.Request, l.UserAgent = clone(m.RequestURI), strings.Clone(m.UserAgent)
	l.countForks()
	t.saw(l, p.Time)
	t.announce(l, p, m, media.Caller)
	if role.call && !l.Call {
		t.claim(l, p.Time, role)
	} else {
		if role.call { // the carrier's hop does not know whose it is
			l.Inbound = role.inbound
		}
		t.emit(Effect{Kind: LegOpened, Was: l.State, Now: l.State, Time: p.Time, Leg: l})
	}
	t.addTransaction(l, p, m, branchHash(m.Branch), role)
	if l.Answer != 0 {
		if l.State == Ended {
			t.emit(Effect{Kind: LegAnswered, Was: Ended, Now: Ended, Time: p.Time, Leg: l})
		}
		tx := &l.txs[len(l.txs)-1]
		tx.final = l.Status
		t.answerAttempt(l, tx, &l.toTags[0], l.Answer)
	}
	if l.State == Ended {
		t.releaseAttempts(l, "", l.End, l.Release)
	}
	t.arm(l)
	return true
}

// beginAt puts the hop on which the INVITE of l was seen before the one on which
// l was joined.
func (t *Table) beginAt(l *Leg, first hop) {
	if l.hops[0] == first || len(l.hops) == maxHops {
		return
	}
	l.hops = slices.Insert(l.hops, 0, first)
	for i := range l.announced {
		l.announced[i].hop++
	}
}

// followed reports whether l was joined by what follows the INVITE m: by the
// 2xx to it, or by its caller's BYE alone.
func (l *Leg) followed(p *packet.Packet, m *parse.Message) bool {
	byBye := l.State == Ended && (l.Release == ByeCaller || l.Release == ByeCallee)
	switch {
	case l.Initial || l.FromTag != m.FromTag:
		return false
	case l.joined != 0:
		return l.joined == m.CSeq+1 && (l.State == Answered || byBye && p.Time < l.End)
	}
	return byBye && p.Time < l.End && l.Invited == l.End
}

// early is a 2xx that was captured before the INVITE that it answers: one that
// was sent again, which over TCP may wait behind a hole in the stream, or that on
// the carrier's hop of a leg that was joined by this 2xx.
type early struct {
	at             int64
	tag            string
	branch         uint64
	cseq           uint32
	sessionExpires uint32
	status         uint16
}

func earlyOf(p *packet.Packet, m *parse.Message) *early {
	return &early{p.Time, strings.Clone(m.ToTag), branchHash(m.Branch), m.CSeq, m.SessionExpires, m.Status}
}

// keepEarly keeps a 2xx to an INVITE of the caller that was not seen so far: of those to
// the INVITE of a leg that was joined midway the carrier's, which answers an attempt.
func (t *Table) keepEarly(l *Leg, p *packet.Packet, m *parse.Message) {
	switch {
	case l.Initial && l.Answer == 0:
	case l.joined == m.CSeq+1 && (t.isCarrier(p.Src) || t.isCarrier(p.Dst)):
	default:
		return
	}
	l.early = earlyOf(p, m)
}

func (t *Table) isCarrier(e packet.Endpoint) bool {
	return t.book.Is(t.book.ByAddr(e.Addr()), party.Carrier)
}

// answerEarly has the INVITE in p, just added, answered by the 2xx that came
// before it, if one did.
func (t *Table) answerEarly(l *Leg, p *packet.Packet, m *parse.Message) {
	e := l.early
	if e == nil || e.cseq != m.CSeq {
		return
	}
	tx := &l.txs[len(l.txs)-1]
	switch {
	case l.Answer == 0:
		l.early, l.heard = nil, true
		answer, at := parse.Message{Status: e.status, CSeq: e.cseq, ToTag: e.tag, SessionExpires: e.sessionExpires}, *p
		at.Time = e.at
		t.answered(l, tx, &at, &answer)
	case e.branch == tx.branch:
		l.early, tx.final = nil, e.status
		t.answerAttempt(l, tx, t.dialogOf(l, e.tag), e.at)
	}
}
