package testkit

import (
	"fmt"
	"net/netip"
	"time"
)

// step is one message of a call's script, or something that happens then.
type step struct {
	at  int64
	leg *leg
	msg message
	do  func(p *player)
}

// call plays a script that was written when it began. Steps are in order.
type call struct {
	id       int
	customer int
	outcome  Outcome
	number   string // the caller's
	callee   string
	in       *leg
	carriers []int // to try, in order

	script []step
	next   int
	branch int
}

const hopTime = int64(400 * time.Microsecond) // one hop, and the switch's work

func (c *call) run(p *player, now int64) (int64, bool, error) {
	s := &c.script[c.next]
	c.next++
	if s.do != nil {
		s.do(p)
	}
	if s.leg != nil {
		src, dst := s.leg.up, s.leg.down
		if s.msg.toUp {
			src, dst = dst, src
		}
		p.buf = s.leg.write(p.buf[:0], &s.msg)
		if err := p.send(now, src, dst, SIP, s.leg.tcp); err != nil {
			return 0, false, err
		}
	}
	if c.next == len(c.script) {
		return 0, false, nil
	}
	return c.script[c.next].at, true, nil
}

func (p *player) newCall(n int, now int64) *call {
	c := &call{
		id:       n,
		customer: p.rng.IntN(p.plan.Customers),
		outcome:  p.pick(),
		callee:   fmt.Sprintf("4930%07d", p.rng.IntN(10_000_000)),
	}
	first, _ := p.plan.Block(c.customer)
	c.number = first[:len(first)-3] + fmt.Sprintf("%03d", p.rng.IntN(1000))
	c.in = p.customerLeg(c)
	begin := p.rng.IntN(p.plan.Carriers)
	tries := map[Outcome]int{Failover: 2, Unavailable: min(2, p.plan.Carriers)}[c.outcome]
	for i := range max(tries, 1) {
		c.carriers = append(c.carriers, (begin+i)%p.plan.Carriers)
	}
	p.write(c, now)
	return c
}

func (p *player) pick() Outcome {
	total := 0
	for _, s := range p.plan.Mix {
		total += s.Weight
	}
	n := p.rng.IntN(total)
	for _, s := range p.plan.Mix {
		if n -= s.Weight; n < 0 {
			return s.Outcome
		}
	}
	panic("testkit: weights add up to more than their sum")
}

// Source ports of TCP connections; UDP uses the SIP port on both sides.
const (
	tcpCustomerPort = 40000
	tcpSwitchPort   = 41000
)

func (p *player) customerLeg(c *call) *leg {
	port := p.plan.Port
	tcp := c.customer < p.plan.TCPCustomers
	if tcp {
		port = tcpCustomerPort + uint16(c.customer)
	}
	up := netip.AddrPortFrom(p.plan.CustomerAddr(c.customer), port)
	l := &leg{
		up: up, tcp: tcp, pad: p.plan.BigInvite,
		down:   netip.AddrPortFrom(p.plan.SwitchIP, p.plan.Port),
		callID: fmt.Sprintf("%d-%d-%x@customer", p.plan.Seed, c.id, p.rng.Uint32()), fromTag: fmt.Sprintf("f%x", p.rng.Uint64()),
		caller: c.number, callee: c.callee, domain: p.plan.SwitchIP,
		offer: p.mediaPort(up.Addr()), offerEvents: p.plan.EventTypes[0], answerEvent: p.plan.EventTypes[1],
	}
	l.upContact, l.downContact = up, l.down
	if p.plan.Switch == B2BUA {
		l.answer = p.mediaPort(p.plan.SwitchIP)
	}
	return l
}

// carrierLeg is the hop to a carrier: the same dialog through a proxy, a new
// one from a B2BUA.
func (p *player) carrierLeg(c *call, carrier int) *leg {
	l := *c.in
	l.tcp = carrier < p.plan.TCPCarriers
	l.up = netip.AddrPortFrom(p.plan.SwitchIP, p.plan.Port)
	if l.tcp {
		l.up = netip.AddrPortFrom(p.plan.SwitchIP, tcpSwitchPort+uint16(carrier))
	}
	l.down = netip.AddrPortFrom(p.plan.CarrierAddr(carrier), p.plan.Port)
	l.downContact = l.down
	l.answer = p.mediaPort(l.down.Addr())
	if p.plan.Switch == Proxy {
		c.in.downContact, c.in.answer = l.down, l.answer
		c.in.route = netip.AddrPortFrom(p.plan.SwitchIP, p.plan.Port)
		l.route = c.in.route
		return &l
	}
	l.callID = fmt.Sprintf("%d-%d-%x@switch", p.plan.Seed, c.id, p.rng.Uint32())
	l.fromTag = fmt.Sprintf("s%x", p.rng.Uint64())
	l.upContact = netip.AddrPortFrom(p.plan.SwitchIP, p.plan.Port)
	l.offer = p.mediaPort(p.plan.SwitchIP)
	return &l
}
