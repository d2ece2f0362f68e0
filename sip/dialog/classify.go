package dialog

import (
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// role says what an INVITE on one hop is to the operator.
type role struct {
	customer  party.ID
	carrier   party.ID
	call      bool // it comes from, or goes to, a customer; or nobody knows better
	inbound   bool // it goes to the customer
	toUnknown bool // it leaves the switch for a peer in no list
}

// classify finds the customer and the carrier of an INVITE: by peer address,
// then by domain, then by the number block that owns the extension.
//
//	customer -> switch    a call
//	switch   -> carrier   an attempt
//	carrier  -> switch    an attempt (inbound)
//	switch   -> customer  a call (inbound), when it is not a later hop of one
//	unknown  -> switch    a call of the unknown customer
//	switch   -> unknown   an attempt at the unknown carrier
func (t *Table) classify(p *packet.Packet, m *parse.Message) role {
	src, dst := p.Src.Addr(), p.Dst.Addr()
	from, to := t.book.ByAddr(src), t.book.ByAddr(dst)
	fromSwitch := t.book.Local(src)
	var r role
	switch {
	case t.book.Is(to, party.Carrier):
		r.carrier = to
	case t.book.Is(from, party.Carrier):
		r.carrier = from
	case from == party.Unknown && to == party.Unknown:
		if d := t.book.ByDomain(m.RequestURI.Host); t.book.Is(d, party.Carrier) {
			r.carrier = d
		}
	}
	if t.book.Is(from, party.Customer) {
		r.customer, r.call = from, true
		return r
	}
	if t.book.Is(to, party.Customer) {
		r.customer, r.call, r.inbound = to, true, true
		return r
	}
	if fromSwitch || t.book.Is(from, party.Carrier) {
		if r.carrier == to && to != party.Unknown {
			return r // on its way to a carrier: the customer is on another leg
		}
		r.customer = t.customerOf(m.RequestURI)
		r.call, r.inbound = r.customer != party.Unknown, r.customer != party.Unknown
		r.toUnknown = fromSwitch && !t.book.Local(dst) && r.customer == party.Unknown && r.carrier == party.Unknown
		return r
	}
	r.customer = t.customerOf(m.From)
	r.call = r.customer != party.Unknown || r.carrier == party.Unknown
	return r
}

// customerOf finds the customer of a URI by domain, then by number block.
func (t *Table) customerOf(u parse.URI) party.ID {
	if id := t.book.ByDomain(u.Host); t.book.Is(id, party.Customer) {
		return id
	}
	return t.book.ByNumber(u.User)
}

// classifyMidCall does the same for a packet within a dialog, sent by either
// side. A response goes back the way that its request came, and has no
// Request-URI: To was the same once, on the first hop.
func (t *Table) classifyMidCall(p *packet.Packet, m *parse.Message) role {
	there, msg := *p, *m
	if !m.Request() {
		there.Src, there.Dst = p.Dst, p.Src
		msg.RequestURI = m.To
	}
	r := t.classify(&there, &msg)
	if r.customer == party.Unknown { // had the other side sent it, From would be who is in To
		there.Src, there.Dst, msg.From = there.Dst, there.Src, m.To
		if b := t.classify(&there, &msg); b.customer != party.Unknown || b.carrier != party.Unknown {
			return b
		}
	}
	return r
}

// claim makes l the customer's call that r says, where only a carrier's hop of
// it had been seen so far.
func (t *Table) claim(l *Leg, now int64, r role) {
	if !r.call || l.Call {
		return
	}
	l.Customer, l.Call, l.Inbound = r.customer, true, r.inbound
	t.emit(Effect{Kind: LegOpened, Now: l.State, Time: now, Leg: l})
}
