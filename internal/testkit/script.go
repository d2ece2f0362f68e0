package testkit

import (
	"fmt"
	"net/netip"
	"time"
)

// write lays down everything that will happen in a call that begins now.
func (p *player) write(c *call, now int64) {
	w := &writer{player: p, call: c, now: now, cseq: 1, customer: result{party: c.customer, from: now}}
	w.do(func(p *player) { p.progress.Calls.Add(1); p.progress.Setup.Add(1) })
	w.invite = w.via(c.in.up)
	w.send(c.in, message{method: "INVITE", cseq: w.cseq, vias: w.one(w.invite), sdp: 'o'})
	if p.plan.Challenge {
		w.challenge()
	}
	w.wait(hopTime)
	w.send(c.in, message{method: "INVITE", status: 100, cseq: w.cseq, vias: w.one(w.invite), toUp: true})
	for i, carrier := range c.carriers {
		w.attempt(carrier, i == len(c.carriers)-1)
	}
	p.want.call(w)
}

// writer appends to a call's script as its time goes on.
type writer struct {
	*player
	call   *call
	now    int64
	cseq   int
	invite via // of the customer's INVITE

	customer result
	carriers []result
}

// result is what became of a call or an attempt; times are those of the first
// packet that shows it, on whichever hop.
type result struct {
	party             int
	from, answer, end int64
	status            int
	cancelled         bool
}

func (w *writer) wait(d int64) { w.now += d }

func (w *writer) send(l *leg, m message) {
	w.call.script = append(w.call.script, step{at: w.now, leg: l, msg: m})
}

func (w *writer) do(f func(p *player)) {
	w.call.script = append(w.call.script, step{at: w.now, do: f})
}

func (w *writer) via(by netip.AddrPort) via {
	w.call.branch++
	return via{by, fmt.Sprintf("%d.%016x", w.call.branch, w.rng.Uint64())}
}

func (w *writer) switchAddr() netip.AddrPort {
	return netip.AddrPortFrom(w.plan.SwitchIP, w.plan.Port)
}

func (w *writer) one(v via) [2]via { return [2]via{v} }

// both are the Vias of a request that the proxy sent on: its own, and the sender's.
func (w *writer) both(own, sender via) [2]via {
	if w.plan.Switch == B2BUA {
		return [2]via{own}
	}
	return [2]via{own, sender}
}

// challenge answers the first INVITE 407 and sends it again with credentials.
func (w *writer) challenge() {
	in, tag := w.call.in, fmt.Sprintf("c%x", w.rng.Uint64())
	w.wait(hopTime)
	w.send(in, message{method: "INVITE", status: 407, cseq: w.cseq, vias: w.one(w.invite), toUp: true, tag: tag})
	w.wait(hopTime)
	w.send(in, message{method: "ACK", cseq: w.cseq, vias: w.one(w.invite), tag: tag})
	w.cseq++
	w.invite = w.via(in.up)
	w.wait(hopTime)
	w.send(in, message{method: "INVITE", cseq: w.cseq, vias: w.one(w.invite), sdp: 'o', auth: true})
}

// attempt sends the call to a carrier and goes on with what the carrier does.
func (w *writer) attempt(carrier int, last bool) {
	c := w.call
	l := w.carrierLeg(c, carrier)
	vias := w.both(w.via(w.switchAddr()), w.invite)
	w.wait(hopTime)
	w.carriers = append(w.carriers, result{party: carrier, from: w.now})
	w.send(l, message{method: "INVITE", cseq: w.cseq, vias: vias, sdp: 'o'})
	w.wait(hopTime)
	w.send(l, message{method: "INVITE", status: 100, cseq: w.cseq, vias: vias, toUp: true})
	if w.plan.Delay > 0 {
		w.wait(w.vary(w.plan.Delay))
	}
	tag := fmt.Sprintf("t%x", w.rng.Uint64())
	a := &attempt{leg: l, vias: vias, tag: tag, result: &w.carriers[len(w.carriers)-1]}

	switch {
	case c.outcome == Failover && !last:
		w.refuse(a, 503, false)
	case c.outcome == Unavailable:
		w.refuse(a, 503, last)
	case c.outcome == NotFound:
		w.refuse(a, 404, true)
	case c.outcome == Busy:
		w.refuse(a, 486, true)
	default:
		w.ring(a)
		switch c.outcome {
		case NoAnswer:
			w.refuse(a, 480, true)
		case Declined:
			w.refuse(a, 603, true)
		case Cancelled:
			w.cancel(a)
		case Answered, Failover:
			w.answer(a)
		case Busy, NotFound, Unavailable:
			panic("testkit: these do not ring")
		}
	}
}

// attempt is one carrier's leg with what its messages repeat.
type attempt struct {
	leg    *leg
	vias   [2]via
	tag    string
	result *result // valid until the next attempt
}

// back sends a response to the INVITE on both hops: carrier, then customer.
func (w *writer) back(a *attempt, status int, sdp byte) {
	w.send(a.leg, message{method: "INVITE", status: status, cseq: w.cseq, vias: a.vias, toUp: true, tag: a.tag, sdp: sdp})
	w.wait(hopTime)
	w.send(w.call.in, message{method: "INVITE", status: status, cseq: w.cseq, vias: w.one(w.invite), toUp: true, tag: a.tag, sdp: sdp})
}

func (w *writer) ring(a *attempt) {
	w.wait(hopTime)
	if w.plan.EarlyMedia {
		from := w.now + hopTime
		w.back(a, 183, 'a')
		until := w.now + w.vary(w.plan.Ring)
		if w.plan.RTP {
			w.do(func(p *player) { p.early(w.call, a.leg, from, until) })
		}
		w.now = until
		return
	}
	w.back(a, 180, 0)
	w.wait(w.vary(w.plan.Ring))
}

// refuse ends the attempt with a failure; final gives it to the customer too.
func (w *writer) refuse(a *attempt, status int, final bool) {
	w.wait(hopTime)
	w.send(a.leg, message{method: "INVITE", status: status, cseq: w.cseq, vias: a.vias, toUp: true, tag: a.tag})
	a.result.status, a.result.end = status, w.now
	w.wait(hopTime)
	w.send(a.leg, message{method: "ACK", cseq: w.cseq, vias: [2]via{a.vias[0]}, tag: a.tag})
	if final {
		w.fail(a, status)
	}
}

// fail is the failure on the customer's hop, and its ACK (RFC 3261 section 17.1.1.3).
func (w *writer) fail(a *attempt, status int) {
	in := w.call.in
	w.send(in, message{method: "INVITE", status: status, cseq: w.cseq, vias: w.one(w.invite), toUp: true, tag: a.tag})
	w.customer.status, w.customer.end = status, w.now
	w.do(func(p *player) { p.progress.Setup.Add(-1) })
	w.wait(hopTime)
	w.send(in, message{method: "ACK", cseq: w.cseq, vias: w.one(w.invite), tag: a.tag})
}

// cancel is the caller giving up while it rings (RFC 3261 section 9).
func (w *writer) cancel(a *attempt) {
	in := w.call.in
	w.send(in, message{method: "CANCEL", cseq: w.cseq, vias: w.one(w.invite)})
	w.customer.cancelled, a.result.cancelled = true, true
	w.wait(hopTime)
	w.send(in, message{method: "CANCEL", status: 200, cseq: w.cseq, vias: w.one(w.invite), toUp: true, tag: a.tag})
	own := [2]via{a.vias[0]}
	w.send(a.leg, message{method: "CANCEL", cseq: w.cseq, vias: own})
	w.wait(hopTime)
	w.send(a.leg, message{method: "CANCEL", status: 200, cseq: w.cseq, vias: own, toUp: true, tag: a.tag})
	w.refuse(a, 487, true)
}

// answer is the 2xx, the talk, and the BYE of one side.
func (w *writer) answer(a *attempt) {
	in := w.call.in
	a.result.answer = w.now
	w.back(a, 200, 'a')
	w.customer.answer = w.now
	if w.plan.Switch == Proxy {
		w.customer.answer = a.result.answer
	}
	w.do(func(p *player) {
		p.progress.Setup.Add(-1)
		p.progress.Talking.Add(1)
		p.progress.Answered.Add(1)
	})
	w.wait(hopTime)
	ack := w.via(in.up)
	w.send(in, message{method: "ACK", cseq: w.cseq, vias: w.one(ack), tag: a.tag, target: true})
	w.wait(hopTime)
	own := w.via(w.switchAddr())
	w.send(a.leg, message{method: "ACK", cseq: w.cseq, vias: w.both(own, ack), tag: a.tag, target: true})
	begin, hold := w.now, w.vary(w.plan.Hold)
	if w.plan.RTP {
		w.do(func(p *player) { p.talk(w.call, a.leg, begin, begin+hold) })
	}
	w.wait(hold + int64(5*time.Millisecond)) // the last audio is out before the BYE
	w.bye(a, w.rng.IntN(2) == 0)
}

// bye ends the call, from the caller or the callee, through both hops.
func (w *writer) bye(a *attempt, caller bool) {
	first, second, from, cseq := w.call.in, a.leg, w.call.in.up, w.cseq+1
	if !caller {
		first, second, from, cseq = a.leg, w.call.in, a.leg.down, 1
	}
	sender := w.via(from)
	m := message{method: "BYE", cseq: cseq, vias: w.one(sender), tag: a.tag, target: true, callee: !caller, toUp: !caller}
	n := m
	n.vias = w.both(w.via(w.switchAddr()), sender)
	mOK, nOK := m, n
	mOK.status, nOK.status, mOK.toUp, nOK.toUp = 200, 200, !m.toUp, !n.toUp

	begin := w.now
	w.send(first, m)
	w.wait(hopTime)
	w.customer.end, a.result.end = begin, w.now
	if !caller {
		w.customer.end, a.result.end = w.now, begin
	}
	if w.plan.Switch == Proxy {
		w.customer.end = begin
	}
	w.send(second, n)
	w.wait(hopTime)
	w.send(second, nOK)
	w.wait(hopTime)
	w.send(first, mOK)
	w.do(func(p *player) { p.progress.Talking.Add(-1) })
}
