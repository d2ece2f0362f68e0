package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// register lets a phone register, refresh, be refused for a wrong password,
// and take its binding away.
func register(a peers.Addresses, tcp bool) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if err := s.startSwitch(ctx, plan{addresses: a}); err != nil {
			return err
		}
		if err := s.record(ctx); err != nil {
			return err
		}
		phone := &peers.SIPp{Host: s.Customer, Name: "phone", TCP: tcp, Calls: 1, Timeout: 60,
			Local: peers.At(a.Customer), Remote: peers.At(a.ToCustomer),
			Fill: peers.Register{Rounds: []peers.RegisterRound{
				{User: "7001", Password: "secret", Expires: 600, Outcome: "200"},
				{User: "7001", Password: "secret", Expires: 600, Outcome: "200"},
				{User: "7002", Password: "wrong", Expires: 600, Outcome: "401"},
				{User: "7001", Password: "secret", Expires: 0, Outcome: "200"},
			}}}
		_, err := phone.Run(ctx)
		return err
	}
}

// loopback has both ends on one host, so that every packet leaves and arrives
// on the same interface.
func loopback(ctx context.Context, s *stage) error {
	if err := s.record(ctx); err != nil {
		return err
	}
	lo := netip.MustParseAddr("127.0.0.1")
	answer, err := (&peers.SIPp{Host: s.Switch, Name: "callee", Fill: peers.Callee{Answer: 200}, Local: netip.AddrPortFrom(lo, 5070)}).Start(ctx)
	if err != nil {
		return err
	}
	call := &peers.SIPp{Host: s.Switch, Name: "caller", Fill: peers.Caller{User: "100", Hold: 500}, Calls: 3, Timeout: 60,
		Local: peers.At(lo), Remote: netip.AddrPortFrom(lo, 5070), Service: "1000", Media: 7000}
	if _, err := call.Run(ctx); err != nil {
		return err
	}
	return answer.End(ctx)
}

// vlan and qinq send a recorded call again with VLAN tags (IEEE 802.1Q, 802.1ad),
// and record what arrives: the kernel takes the tag out of the frame, dumpcap
// puts it back.
func vlan(ctx context.Context, s *stage) error {
	return tagged(ctx, s, []string{"--enet-vlan=add", "--enet-vlan-tag=100", "--enet-vlan-cfi=0", "--enet-vlan-pri=0"})
}

func qinq(ctx context.Context, s *stage) error {
	return tagged(ctx, s,
		[]string{"--enet-vlan=add", "--enet-vlan-tag=100", "--enet-vlan-cfi=0", "--enet-vlan-pri=0"},
		[]string{"--enet-vlan=add", "--enet-vlan-tag=200", "--enet-vlan-cfi=0", "--enet-vlan-pri=0", "--enet-vlan-proto=802.1ad"})
}

func tagged(ctx context.Context, s *stage, rewrites ...[]string) error {
	plain := filepath.Join(s.dir, "plain.pcap")
	first, err := s.Switch.Record(ctx, plain, "", peers.CustomerSide)
	if err != nil {
		return err
	}
	inner := &stage{Site: s.Site, dir: s.dir, take: s.take, capture: first}
	if err := digitsCall(ctx, inner); err != nil {
		return err
	}
	if err := first.End(ctx); err != nil {
		return err
	}
	in := plain
	for i, args := range rewrites {
		out := filepath.Join(s.dir, fmt.Sprintf("tagged%d.pcap", i))
		if err := s.Switch.Run(ctx, "tcprewrite", append(args, "-i", in, "-o", out)...); err != nil {
			return err
		}
		in = out
	}
	if s.capture, err = s.Customer.Record(ctx, s.file, "", s.take.interfaces...); err != nil {
		return err
	}
	replay, err := s.Switch.Start("tcpreplay", "tcpreplay", "--intf1="+peers.CustomerSide, "--multiplier=2", in)
	if err != nil {
		return err
	}
	return replay.Wait(ctx)
}

// digitsCall is a direct call with digits while something else records.
func digitsCall(ctx context.Context, s *stage) error {
	answer, err := s.callee("carrier-a-sipp", s.CarrierA, peers.V4.CarrierA, false, peers.Callee{}).Start(ctx)
	if err != nil {
		return err
	}
	call := s.caller(peers.V4, false, peers.Caller{Play: peers.Keys("36")}, "1000", 1)
	call.Remote = peers.At(peers.V4.CarrierA)
	if _, err := call.Run(ctx); err != nil {
		return err
	}
	return answer.End(ctx)
}

// baresip is a call between two registered phones, with digits both ways and
// the same digit twice.
func baresip(ctx context.Context, s *stage) error {
	if err := s.startSwitch(ctx, plan{addresses: peers.V4}); err != nil {
		return err
	}
	if err := s.record(ctx); err != nil {
		return err
	}
	a := &peers.Phone{Host: s.Customer, Number: "7001", Local: peers.V4.Customer, Switch: peers.V4.ToCustomer, Password: "secret"}
	b := &peers.Phone{Host: s.CarrierA, Number: "7002", Local: peers.V4.CarrierA, Switch: peers.V4.ToA, Password: "secret"}
	for _, p := range []*peers.Phone{a, b} {
		if err := p.Start(ctx); err != nil {
			return err
		}
		if err := p.WaitLog(ctx, "200 OK"); err != nil {
			return err
		}
	}
	if err := a.Do(ctx, "dial", "sip:7002@"+peers.V4.ToCustomer.String()); err != nil {
		return err
	}
	for _, p := range []*peers.Phone{a, b} {
		if err := p.WaitLog(ctx, "established"); err != nil {
			return err
		}
	}
	for _, d := range []struct {
		from *peers.Phone
		keys string
	}{{a, "1"}, {a, "1"}, {b, "5"}, {a, "#"}} {
		if err := press(ctx, d.from, d.keys); err != nil {
			return err
		}
	}
	if err := a.Do(ctx, "hangup", ""); err != nil {
		return err
	}
	return b.WaitLog(ctx, "session closed")
}

// press types a key on a phone and stays silent for as long as a person would:
// a phone that gets keys faster than it can send them drops some.
func press(ctx context.Context, p *peers.Phone, key string) error {
	if err := p.Do(ctx, "sndcode", key); err != nil {
		return err
	}
	select {
	case <-time.After(400 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lossy has both ends ignore a fifth of what arrives, so that all is sent again.
func lossy(ctx context.Context, s *stage) error {
	if err := s.record(ctx); err != nil {
		return err
	}
	answer := s.callee("carrier-a-sipp", s.CarrierA, peers.V4.CarrierA, false, peers.Callee{Answer: 200})
	answer.More = []string{"-lost", "20"}
	callee, err := answer.Start(ctx)
	if err != nil {
		return err
	}
	call := s.caller(peers.V4, false, peers.Caller{Hold: 2000}, "1000", 8)
	call.Remote = peers.At(peers.V4.CarrierA)
	call.More = answer.More
	play, err := call.Start(ctx)
	if err != nil {
		return err
	}
	// Some calls may fail, which is sipp's only error here.
	select {
	case <-play.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	return callee.End(ctx)
}
