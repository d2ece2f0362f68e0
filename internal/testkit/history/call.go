package history

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// outcome is how a made-up call ends.
type outcome struct {
	weight float64
	status uint16
	phrase string
	rings  bool
	cancel bool
}

// outcomes of calls that a carrier takes; the first is an answer.
var outcomes = []outcome{
	{62, 200, "OK", true, false},
	{11, 486, "Busy Here", false, false},
	{10, 480, "Temporarily Unavailable", true, false},
	{8, 487, "Request Terminated", true, true},
	{4, 404, "Not Found", false, false},
	{2, 603, "Decline", true, false},
	{1, 487, "Request Terminated", false, true},
}

// overload is what a carrier says that cannot take a call.
var overload = outcome{status: 503, phrase: "Service Unavailable"}

// How often a carrier cannot take a call: usually, and in trouble.
const (
	overloaded = .03
	troubled   = .75
)

// try is one attempt to be: what it comes to, and when.
type try struct {
	carrier                 int
	invited, rang, answered int64 // 0: never
	ended                   int64
	outcome                 *outcome
}

// call is one made-up call, as it will go.
type call struct {
	customer    int
	inbound     bool
	tries       []try
	last        *try
	end, closed int64
	callerHangs bool
	leg         *dialog.Leg
	media       *counters.MediaResult
}

// makeCall decides all about a call that comes at the time at.
func (s *simulation) makeCall(at int64) *call {
	r := s.rng
	c := &call{
		customer: pick(r, s.cfg.Customers, share), inbound: r.Float64() < .25, callerHangs: r.Float64() < .6,
	}
	carrier := pick(r, s.cfg.Carriers, share)
	if !c.inbound && s.overloaded(carrier, at) {
		c.tries = append(c.tries, s.makeTry(carrier, at+between(r, 2*time.Millisecond, 8*time.Millisecond), &overload))
		at = c.tries[0].ended
		carrier = (carrier + 1) % len(s.cfg.Carriers)
	}
	o := &outcomes[pick(r, outcomes, func(o *outcome) float64 { return o.weight })]
	if len(c.tries) > 0 && s.overloaded(carrier, at) {
		o = &overload
	}
	c.tries = append(c.tries, s.makeTry(carrier, at+between(r, 2*time.Millisecond, 8*time.Millisecond), o))
	c.last = &c.tries[len(c.tries)-1]
	c.end = c.last.ended
	c.closed = c.end + int64(dialog.DefaultSettle)
	return c
}

func share(p *Party) float64 { return p.Share }

func (s *simulation) overloaded(carrier int, at int64) bool {
	p := overloaded
	if carrier == len(s.cfg.Carriers)-1 && contains(s.cfg.Trouble, at) {
		p = troubled
	}
	return s.rng.Float64() < p
}

// makeTry decides how long everything of an attempt takes.
func (s *simulation) makeTry(carrier int, at int64, o *outcome) try {
	r := s.rng
	t := try{carrier: carrier, invited: at, outcome: o}
	set := between(r, 180*time.Millisecond, 900*time.Millisecond) // to the first answer of any kind
	if carrier == len(s.cfg.Carriers)-1 {
		set = wholeMs(set * 3 / 2) // it is the slower one
	}
	if r.Float64() < .05 {
		set += between(r, time.Second, 5*time.Second)
	}
	t.ended = at + set
	if o.rings {
		t.rang = t.ended
		t.ended += between(r, 2*time.Second, 25*time.Second)
	} else if o.cancel {
		t.ended += between(r, 3*time.Second, 9*time.Second)
	}
	if o.status == 200 {
		t.answered = t.ended
		t.ended += length(r)
	}
	return t
}

// opened makes the leg, as the agent's table of dialogs does of the first INVITE.
func (s *simulation) opened(c *call, at int64) {
	s.legs++
	r, cfg := s.rng, s.cfg
	cust, carr := &cfg.Customers[c.customer], &cfg.Carriers[c.tries[0].carrier]
	ext, far := number(r, cust), fmt.Sprintf("4930%07d", r.IntN(10_000_000))
	from, to, src := ext, far, cust.Addr
	if c.inbound {
		from, to, src = far, ext, carr.Addr
	}
	c.leg = &dialog.Leg{
		ID: s.legs, Epoch: s.epoch, CallID: fmt.Sprintf("%016x@%s.history", r.Uint64(), s.node.Name), FromTag: fmt.Sprintf("%08x", r.Uint32()),
		From: parse.URI{User: from, Host: src.String()}, To: parse.URI{User: to, Host: s.node.Addr.Addr().String()},
		Request:   parse.URI{User: to, Host: s.node.Addr.Addr().String()},
		UserAgent: phones[r.IntN(len(phones))],
		Src:       endpoint(src, s.node.Addr.Port()), Dst: packet.EndpointFrom(s.node.Addr), Transport: packet.UDP,
		Customer: s.customers[c.customer], Call: true, Inbound: c.inbound, Initial: true, State: dialog.Setup, Invited: at,
	}
}

// phones are what customers use.
var phones = []string{"Yealink SIP-T46U 108.86.0.90", "Snom-D785/10.1.198.19", "Grandstream GXP2170 1.0.11.90", "PolyEdge-E350-UA/8.2.1", "Sangoma PBX 16.0.40"}

// number is an extension of the customer.
func number(r *rand.Rand, p *Party) string {
	first, _ := strconv.Atoi(p.First) // checked: at most nine digits
	last, _ := strconv.Atoi(p.Last)
	return fmt.Sprintf("%0*d", len(p.First), first+r.IntN(min(last-first+1, 80)))
}

func endpoint(a netip.Addr, port uint16) packet.Endpoint {
	return packet.EndpointFrom(netip.AddrPortFrom(a, port))
}

// attempt makes the attempt of a try.
func (s *simulation) attempt(c *call, t *try) dialog.Attempt {
	src, dst := c.leg.Dst, endpoint(s.cfg.Carriers[t.carrier].Addr, s.node.Addr.Port())
	if c.inbound {
		src, dst = c.leg.Src, c.leg.Dst
	}
	return dialog.Attempt{Carrier: s.carriers[t.carrier], Src: src, Dst: dst, Number: c.leg.Request.User, State: dialog.Setup, Invited: t.invited}
}

// heard makes up what both sides of an answered call sent.
func (s *simulation) heard(c *call) *counters.MediaResult {
	m := &counters.MediaResult{Expected: true}
	r, talked := s.rng, c.end-c.leg.Answer
	switch x := r.Float64(); {
	case x < .04:
		m.Encrypted, c.leg.Encrypted = true, true
	case x < .05:
		m.Expected = false // it went past the switch
		return m
	}
	bad := r.Float64() < .03
	for i := range m.Sent {
		n := uint64(talked / int64(20*time.Millisecond)) // not negative
		sent := &m.Sent[i]
		sent.Packets, sent.Bytes, sent.Streams, sent.Codec = n, 172*n, 1, "PCMA"
		sent.Jitter = int64(500*time.Microsecond) + r.Int64N(int64(3*time.Millisecond))
		sent.MOS = 4.3 + .1*r.Float64()
		if bad {
			sent.Lost, sent.Jitter, sent.MOS = n/20, sent.Jitter*8, 2.6+r.Float64()
		}
		sent.Encrypted = m.Encrypted
	}
	if r.Float64() < .01 {
		m.Sent[1] = media.Summary{} // one way
	}
	if !m.Encrypted && talked > int64(15*time.Second) && r.Float64() < .22 {
		m.Sent[0].Presses = 1 + r.IntN(12)
	}
	return m
}

// ids of the parties, in the order of the configuration.
func ids(b *party.Book, k party.Kind, list []Party) (out []party.ID) {
	for i := range list {
		out = append(out, b.ByName(k, list[i].ID))
	}
	return out
}
