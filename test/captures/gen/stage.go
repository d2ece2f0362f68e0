package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sipward/sipward/test/peers"
)

// sip is the port of every SIP program.
const sip = 5060

// stage is a site while a capture is taken on it.
type stage struct {
	*peers.Site
	take    *take
	dir     string
	file    string
	capture *peers.Capture
	runs    int
}

// record starts the capture; what ran before is not in it.
func (s *stage) record(ctx context.Context) (err error) {
	s.capture, err = s.Switch.Record(ctx, s.file, s.take.link, s.take.interfaces...)
	return err
}

// direct lets a caller at the customer's call a callee at carrier A, through
// the switch as a mere router.
func direct(a peers.Addresses, tcp bool, calls int, caller peers.Caller, callee peers.Callee) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if err := s.record(ctx); err != nil {
			return err
		}
		answer, err := s.callee("carrier-a-sipp", s.CarrierA, a.CarrierA, tcp, callee).Start(ctx)
		if err != nil {
			return err
		}
		call := s.caller(a, tcp, caller, "1000", calls)
		call.Remote = netip.AddrPortFrom(a.CarrierA, sip)
		if _, err := call.Run(ctx); err != nil {
			return err
		}
		return answer.End(ctx)
	}
}

// plan is calls through Kamailio.
type plan struct {
	addresses peers.Addresses
	tcp       bool
	rtpengine bool
	number    string // what is called; the first digit is the route
	calls     int    // 0: 1
	caller    peers.Caller
	a, b      peers.Callee
}

// proxied makes the calls of the plans one after the other, on one switch.
func proxied(plans ...plan) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		p := plans[0]
		if err := s.startSwitch(ctx, p); err != nil {
			return err
		}
		if err := s.record(ctx); err != nil {
			return err
		}
		for _, p := range plans {
			if err := s.make(ctx, p); err != nil {
				return fmt.Errorf("number %s: %w", p.number, err)
			}
		}
		return nil
	}
}

func (s *stage) startSwitch(ctx context.Context, p plan) error {
	if p.rtpengine {
		if _, err := (&peers.RTPEngine{Host: s.Switch, Addresses: p.addresses}).Start(ctx); err != nil {
			return err
		}
	}
	_, err := (&peers.Kamailio{Host: s.Switch, Addresses: p.addresses, TCP: p.tcp, RTPEngine: p.rtpengine}).Start(ctx)
	return err
}

// make runs one plan: both carriers wait, the customer calls.
func (s *stage) make(ctx context.Context, p plan) error {
	s.runs++
	a, err := s.callee(fmt.Sprintf("carrier-a-sipp%d", s.runs), s.CarrierA, p.addresses.CarrierA, p.tcp, p.a).Start(ctx)
	if err != nil {
		return err
	}
	b, err := s.callee(fmt.Sprintf("carrier-b-sipp%d", s.runs), s.CarrierB, p.addresses.CarrierB, p.tcp, p.b).Start(ctx)
	if err != nil {
		return err
	}
	if _, err := s.caller(p.addresses, p.tcp, p.caller, p.number, p.calls).Run(ctx); err != nil {
		return err
	}
	if err := a.End(ctx); err != nil {
		return err
	}
	return b.End(ctx)
}

func (s *stage) callee(name string, h *peers.Host, at netip.Addr, tcp bool, c peers.Callee) *peers.SIPp {
	return &peers.SIPp{Host: h, Name: name, Fill: c, Local: netip.AddrPortFrom(at, sip), TCP: tcp, Echo: true}
}

func (s *stage) caller(a peers.Addresses, tcp bool, c peers.Caller, number string, calls int) *peers.SIPp {
	if c.User == "" {
		c.User = "2125550100"
	}
	if c.Hold == 0 {
		c.Hold = 500
	}
	return &peers.SIPp{Host: s.Customer, Name: fmt.Sprintf("customer-sipp%d", s.runs), Fill: c, TCP: tcp,
		Local: netip.AddrPortFrom(a.Customer, sip), Remote: netip.AddrPortFrom(a.ToCustomer, sip),
		Service: number, Calls: max(calls, 1), Timeout: 60}
}
