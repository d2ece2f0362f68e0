package dialog

import (
	"strings"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// adopt takes an INVITE whose 2xx was captured before it, as happens with two
// interfaces and a callee that answers at once: the leg that was joined by the
// 2xx becomes a whole call. It reports false when there is no such leg.
func (t *Table) adopt(p *packet.Packet, m *parse.Message) bool {
	l := t.legs[m.CallID]
	for l != nil && !l.joinedBy(m) {
		l = l.next
	}
	if l == nil {
		return false
	}
	role := t.classify(p, m)
	l.joined = 0
	l.Initial, l.Answer, l.Invited = true, l.Invited, min(p.Time, l.Invited)
	l.Inbound = role.inbound
	l.Request, l.UserAgent = clone(m.RequestURI), strings.Clone(m.UserAgent)
	l.countForks()
	t.saw(l, p.Time)
	t.announce(l, p, m, media.Caller)
	t.emit(Effect{Kind: LegOpened, Was: Answered, Now: Answered, Time: p.Time, Leg: l})
	t.addTransaction(l, p, m, branchHash(m.Branch), role)
	tx := &l.txs[len(l.txs)-1]
	tx.final = l.Status
	t.answerAttempt(l, tx, &l.toTags[0], l.Answer)
	t.arm(l)
	return true
}

// joinedBy reports whether l was joined by a 2xx to the INVITE m, and is still
// up.
func (l *Leg) joinedBy(m *parse.Message) bool {
	return l.joined == m.CSeq+1 && l.FromTag == m.FromTag && l.State == Answered
}
