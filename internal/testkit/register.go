package testkit

import (
	"fmt"
	"net/netip"
	"time"
)

// registrations starts the registrations of the plan, spread over the time
// that its calls take to begin, or one after the other at the plan's rate.
type registrations struct{ n int }

func (r *registrations) run(p *player, now int64) (int64, bool, error) {
	p.at(now, p.newRegistration(r.n, now))
	r.n++
	interval := float64(time.Second) / p.plan.Rate
	if p.plan.Calls > 0 {
		interval *= float64(p.plan.Calls) / float64(p.plan.Registers)
	}
	next := p.plan.Start.UnixNano() + int64(float64(r.n)*interval)
	return next, r.n < p.plan.Registers && !p.progress.stop.Load(), nil
}

// newRegistration is REGISTER, 401, REGISTER with credentials, 200 or 403
// (RFC 3261 section 10.2). Who is denied asks for a number of the next customer's
// block.
func (p *player) newRegistration(n int, now int64) *call {
	customer := n % p.plan.Customers
	status, block := 200, customer
	if n < p.plan.RegistersDenied {
		status, block = 403, customer+1
	}
	first, _ := p.plan.Block(block)
	c := &call{id: n, customer: customer, number: first[:len(first)-3] + fmt.Sprintf("%03d", n/p.plan.Customers%1000)}
	l := p.customerLeg(c)
	l.callID = fmt.Sprintf("%d-%d-%x@register", p.plan.Seed, n, p.rng.Uint32())
	l.callee = c.number // who is registered
	l.upContact = netip.AddrPortFrom(l.up.Addr(), p.plan.Port)
	c.in = l

	w := &writer{player: p, call: c, now: now}
	for cseq, answer := range []int{401, status} {
		vias := w.one(w.via(l.up))
		w.send(l, message{method: "REGISTER", cseq: cseq + 1, vias: vias, auth: cseq == 1})
		w.wait(hopTime)
		w.send(l, message{method: "REGISTER", status: answer, cseq: cseq + 1, vias: vias, toUp: true, tag: fmt.Sprintf("r%d", cseq)})
		w.wait(hopTime)
		p.want.Registrations.Requests++
		p.want.Registrations.Transactions++
		if block != customer {
			p.want.Registrations.Foreign++
		}
		p.want.Registrations.Outcomes[answer]++
	}
	if status == 200 {
		p.want.Registrations.Accepted++
	}
	w.do(func(p *player) { p.progress.Registration.Add(1) })
	return c
}
