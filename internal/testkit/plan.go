// Package testkit plays made-up SIP traffic: calls with ringing, audio and
// digits, failures and failover, and registrations. One Plan gives the same
// packets every time, as live sockets, as HEPv3 or as frames of a capture, and
// Play returns what whoever watches them must have counted.
//
// It shares no code with the agent, so that a mistake cannot hide in both.
package testkit

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Outcome is how a call ends.
type Outcome uint8

// Outcomes; the zero value is invalid.
const (
	Answered    Outcome = iota + 1 // rings, is answered, one side hangs up
	Busy                           // 486
	NotFound                       // 404, at once
	NoAnswer                       // rings, then 480
	Declined                       // rings, then 603
	Cancelled                      // rings, the caller gives up: CANCEL, 487
	Failover                       // 503 from one carrier, answered by the next
	Unavailable                    // 503 from every carrier
)

// Share is how often an outcome occurs, relative to the other shares.
type Share struct {
	Outcome Outcome
	Weight  int
}

// Switch is what kind of switch stands between customers and carriers.
type Switch uint8

// Switches; the zero value is invalid.
const (
	// Proxy keeps the Call-ID on both hops; media goes past it, from customer to carrier.
	Proxy Switch = iota + 1
	// B2BUA has a Call-ID of its own towards each carrier and relays media.
	B2BUA
)

// Plan says what to play. The zero value of a field means the default that
// Fill gives it.
type Plan struct {
	Seed  uint64
	Start time.Time // time of the first packet; default 2024-01-01T00:00:00Z

	Calls  int
	Rate   float64       // new calls a second, evenly spaced; default 10
	Delay  time.Duration // INVITE to ringing or failure, beyond the hops; default none
	Ring   time.Duration // ringing to answer or failure; default 1 s
	Hold   time.Duration // answer to BYE; default 5 s
	Spread float64       // Delay, Ring and Hold vary by up to this share, 0 to 0.9
	Mix    []Share       // default: only Answered

	Switch    Switch // default Proxy
	Customers int    // default 2
	Carriers  int    // default 2
	Challenge bool   // every call is first answered 407

	RTP          bool // G.711 in both directions while a call is answered
	EarlyMedia   bool // 183 with SDP, and audio from the callee while it rings
	Digits       int  // RFC 4733 digits that the caller presses in each answered call
	CalleeDigits int
	DigitShare   float64  // so many of the answered calls have digits at all, 0 to 1; default 1
	EventTypes   [2]uint8 // telephone-event type in the SDP of caller and callee; default 101

	Registers       int // registrations: REGISTER, 401, REGISTER, 200
	RegistersDenied int // so many of them ask for another customer's number, and end with 403

	TCPCustomers int  // the first so many customers use TCP
	TCPCarriers  int  // the first so many carriers are reached by TCP
	BigInvite    bool // INVITEs of about 2,900 bytes: fragments at an MTU of 1,500

	Port     uint16     // SIP port of every party; default 5060
	IPv6     bool       // default addresses from fd00::/16 instead of 127.0.0.0/16
	SwitchIP netip.Addr // default 127.0.0.10 or fd00::10
	Customer netip.Addr // of the first customer, the others follow; default 127.0.1.1 or fd00:1::1
	Carrier  netip.Addr // of the first carrier; default 127.0.2.1 or fd00:2::1
}

// Bounds of a plan; beyond them ports or numbers would be used twice.
const (
	maxParties = 200
	tick       = 20 * time.Millisecond // one RTP packet
	pressTime  = 10 * tick             // one digit with the pause after it
)

// Fill returns the plan with its defaults, or says what cannot be played.
func (p Plan) Fill() (Plan, error) {
	p = p.defaults()
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{p.Calls < 0 || p.Registers < 0 || p.Digits < 0 || p.CalleeDigits < 0, "counts must not be negative"},
		{p.Calls+p.Registers == 0, "nothing to play: no calls and no registrations"},
		{p.Rate <= 0 || p.Delay < 0 || p.Ring < 0 || p.Hold < 0, "rate, delay, ring and hold must not be negative"},
		{p.Spread < 0 || p.Spread > 0.9, "spread must be within 0 and 0.9"},
		{p.Customers > maxParties || p.Carriers > maxParties, fmt.Sprintf("at most %d customers and carriers", maxParties)},
		{p.DigitShare < 0 || p.DigitShare > 1, "the share of calls with digits must be within 0 and 1"},
		{p.RegistersDenied > p.Registers, "more registrations denied than played"},
		{p.TCPCustomers > p.Customers || p.TCPCarriers > p.Carriers, "more parties on TCP than there are"},
		{p.EventTypes[0] < 96 || p.EventTypes[0] > 127 || p.EventTypes[1] < 96 || p.EventTypes[1] > 127, "event types are 96 to 127"},
		{p.Digits+p.CalleeDigits > 0 && !p.RTP, "digits need RTP"},
		{p.Calls > 0 && p.Digits+p.CalleeDigits > 0 && time.Duration(max(p.Digits, p.CalleeDigits)+2)*pressTime > time.Duration(float64(p.Hold)*(1-p.Spread)),
			fmt.Sprintf("the digits do not fit into the shortest call: each takes %v", pressTime)},
		{p.Switch != Proxy && p.Switch != B2BUA, "unknown kind of switch"},
	} {
		if c.bad {
			return p, errors.New("testkit: " + c.text)
		}
	}
	return p, p.checkMix()
}

func (p Plan) checkMix() error {
	total := 0
	for _, s := range p.Mix {
		if s.Outcome < Answered || s.Outcome > Unavailable || s.Weight < 0 {
			return fmt.Errorf("testkit: outcome %d with weight %d cannot be played", s.Outcome, s.Weight)
		}
		if s.Outcome == Failover && s.Weight > 0 && p.Carriers < 2 {
			return errors.New("testkit: failover needs two carriers")
		}
		total += s.Weight
	}
	if total == 0 {
		return errors.New("testkit: the weights of the mix add up to nothing")
	}
	live := p.Rate * (p.Delay + p.Ring + p.Hold).Seconds() * (1 + p.Spread)
	if p.RTP && live > float64(mediaPorts/4*min(p.Customers, p.Carriers)) {
		return fmt.Errorf("testkit: %.0f calls at a time need more than the media ports of %d customers and %d carriers", live, p.Customers, p.Carriers)
	}
	return nil
}

func (p Plan) defaults() Plan {
	set(&p.Start, time.Unix(1704067200, 0).UTC())
	set(&p.Rate, 10)
	set(&p.Ring, time.Second)
	set(&p.Hold, 5*time.Second)
	set(&p.Switch, Proxy)
	set(&p.Customers, 2)
	set(&p.Carriers, 2)
	set(&p.DigitShare, 1)
	set(&p.EventTypes[0], 101)
	set(&p.EventTypes[1], 101)
	set(&p.Port, 5060)
	v4, v6 := [3]string{"127.0.0.10", "127.0.1.1", "127.0.2.1"}, [3]string{"fd00::10", "fd00:1::1", "fd00:2::1"}
	if p.IPv6 {
		v4 = v6
	}
	set(&p.SwitchIP, netip.MustParseAddr(v4[0]))
	set(&p.Customer, netip.MustParseAddr(v4[1]))
	set(&p.Carrier, netip.MustParseAddr(v4[2]))
	if len(p.Mix) == 0 {
		p.Mix = []Share{{Answered, 1}}
	}
	return p
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// CustomerAddr is the address of customer i, from 0.
func (p *Plan) CustomerAddr(i int) netip.Addr { return nth(p.Customer, i) }

// CarrierAddr is the address of carrier i, from 0.
func (p *Plan) CarrierAddr(i int) netip.Addr { return nth(p.Carrier, i) }

// Block is the first and last extension number of customer i: 1000-1999, 2000-2999, ...
func (p *Plan) Block(i int) (first, last string) {
	return fmt.Sprint(1000 * (i + 1)), fmt.Sprint(1000*(i+1) + 999)
}

func nth(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}
