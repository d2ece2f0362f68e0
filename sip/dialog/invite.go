package dialog

import (
	"slices"
	"strings"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// initialInvite takes an INVITE without a To tag: a new leg, a retransmission,
// a further hop or branch of a known leg, or the leg sent again after a
// challenge, a redirect or a failure.
func (t *Table) initialInvite(p *packet.Packet, m *parse.Message) {
	if t.adopt(p, m) {
		return
	}
	l := t.sameLeg(p, m)
	branch := branchHash(m.Branch)
	if l != nil {
		if l.transaction(branch, m.CSeq) != nil {
			t.saw(l, p.Time)
			return // a retransmission, or the same packet seen twice
		}
		if t.replaces(l, p) {
			t.release(l, p.Time, Reused)
			t.close(l)
			l = nil
		}
	}
	role := t.classify(p, m)
	switch {
	case l == nil:
		if l = t.open(p, m); l == nil {
			return
		}
		l.Initial = true
		l.State = Setup
		l.Customer, l.Call, l.Inbound = role.customer, role.call, role.inbound
		t.announce(l, p, m, media.Caller)
		t.emit(Effect{Kind: LegOpened, Now: Setup, Time: p.Time, Leg: l})
	default:
		t.announce(l, p, m, media.Caller)
		t.claim(l, p.Time, role)
		if l.State == Ended {
			t.comeBack(l, p.Time, Setup)
		}
	}
	t.saw(l, p.Time)
	t.addTransaction(l, p, m, branch, role)
	t.answerEarly(l, p, m)
	t.arm(l)
}

// sameLeg finds the leg that an initial INVITE repeats: same From tag, or the
// only leg of its Call-ID when that was challenged and the client changed its
// tag for the retry.
func (t *Table) sameLeg(p *packet.Packet, m *parse.Message) *Leg {
	first := t.legs[m.CallID]
	for l := first; l != nil; l = l.next {
		if l.FromTag == m.FromTag && l.Initial {
			return l
		}
	}
	if first != nil && first.next == nil && challenged(first) && first.Src == p.Src {
		first.FromTag = strings.Clone(m.FromTag)
		return first
	}
	return nil
}

func challenged(l *Leg) bool {
	return l.State == Ended && (l.Status == 401 || l.Status == 407)
}

// replaces reports whether a new INVITE transaction for l is a new call that
// reuses the Call-ID: the old one was answered and is over, or its end was
// missed and the caller starts afresh on the first hop.
func (t *Table) replaces(l *Leg, p *packet.Packet) bool {
	if l.Answer == 0 {
		return false
	}
	return l.State == Ended || l.hops[0] == hop{p.Src, p.Dst}
}

// invitedBy reports whether one of the initial INVITEs had this CSeq number.
func (l *Leg) invitedBy(cseq uint32) bool {
	return slices.ContainsFunc(l.txs, func(tx transaction) bool { return tx.cseq == cseq })
}

func (l *Leg) transaction(branch uint64, cseq uint32) *transaction {
	for i := range l.txs {
		if l.txs[i].branch == branch && l.txs[i].cseq == cseq {
			return &l.txs[i]
		}
	}
	return nil
}

// addTransaction records one more INVITE of l and the attempt that it is.
func (t *Table) addTransaction(l *Leg, p *packet.Packet, m *parse.Message, branch uint64, r role) {
	onward := len(l.hops) > 0 && l.hops[0] != hop{p.Src, p.Dst}
	vias := uint8(min(m.Vias, 255)) // bounded
	tx := transaction{branch: branch, cseq: m.CSeq, vias: vias, hop: t.addHop(l, p), attempt: -1}
	if r.carrier != party.Unknown || r.toUnknown && (onward || !l.Call) {
		tx.attempt = t.openAttempt(l, p, m, tx.hop, r.carrier)
	}
	if len(l.txs) == maxTransactions {
		t.stats.Overflow++
		l.txs = slices.Delete(l.txs, 0, 1)
	}
	l.txs = append(l.txs, tx)
}

// openAttempt returns the index of the attempt that an INVITE to a carrier
// belongs to: a challenged one goes on, anything else is a new one.
func (t *Table) openAttempt(l *Leg, p *packet.Packet, m *parse.Message, hop uint8, carrier party.ID) int8 {
	for i := range l.txs {
		tx := &l.txs[i]
		if tx.hop != hop || tx.attempt < 0 || tx.final != 401 && tx.final != 407 {
			continue
		}
		if a := &l.Attempts[tx.attempt]; a.Challenged() && a.Status == tx.final {
			a.heard, a.sent = false, p.Time // only the challenge was
			t.reopenAttempt(l, int(tx.attempt), p.Time)
			return tx.attempt
		}
	}
	if len(l.Attempts) == maxAttempts {
		t.stats.Overflow++
		return -1
	}
	l.Attempts = append(l.Attempts, Attempt{
		Carrier: carrier, Src: p.Src, Dst: p.Dst, Number: strings.Clone(m.RequestURI.User),
		State: Setup, Invited: p.Time,
	})
	i := len(l.Attempts) - 1
	t.emit(Effect{Kind: AttemptOpened, Now: Setup, Time: p.Time, Leg: l, Attempt: i})
	return int8(i) // below maxAttempts
}

// reopenAttempt takes the end of an attempt back that was none.
func (t *Table) reopenAttempt(l *Leg, i int, now int64) {
	a := &l.Attempts[i]
	a.State, a.End, a.Release = Setup, 0, 0
	t.emit(Effect{Kind: AttemptOpened, Again: true, Was: Ended, Now: Setup, Time: now, Leg: l, Attempt: i})
}
