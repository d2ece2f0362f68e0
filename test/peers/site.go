package peers

import (
	"context"
	"errors"
	"net/netip"
)

// Site is a switch host with one customer and two carriers, each on a cable of
// its own:
//
//	customer --- c0 switch a0 --- carrier A
//	                    b0 --- carrier B
//
// The switch also routes, so that media which it does not relay passes through
// it all the same, in at one interface and out at another.
type Site struct {
	*Lab
	Customer, Switch, CarrierA, CarrierB *Host
}

// Addresses of a site, from the ranges for documentation (RFC 5737, RFC 3849).
type Addresses struct {
	Customer, CarrierA, CarrierB netip.Addr
	ToCustomer, ToA, ToB         netip.Addr // the switch, on each cable
}

// V4 and V6 are the addresses of every site.
var (
	V4 = Addresses{
		Customer: netip.MustParseAddr("192.0.2.2"), ToCustomer: netip.MustParseAddr("192.0.2.1"),
		CarrierA: netip.MustParseAddr("198.51.100.2"), ToA: netip.MustParseAddr("198.51.100.1"),
		CarrierB: netip.MustParseAddr("203.0.113.2"), ToB: netip.MustParseAddr("203.0.113.1"),
	}
	V6 = Addresses{
		Customer: netip.MustParseAddr("2001:db8:0:1::2"), ToCustomer: netip.MustParseAddr("2001:db8:0:1::1"),
		CarrierA: netip.MustParseAddr("2001:db8:0:a::2"), ToA: netip.MustParseAddr("2001:db8:0:a::1"),
		CarrierB: netip.MustParseAddr("2001:db8:0:b::2"), ToB: netip.MustParseAddr("2001:db8:0:b::1"),
	}
)

// Interfaces of the switch.
const (
	CustomerSide = "c0"
	CarrierASide = "a0"
	CarrierBSide = "b0"
)

// NewSite builds the hosts and cables; on an error nothing is left.
func NewSite(ctx context.Context, dir string) (*Site, error) {
	lab, err := NewLab(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &Site{Lab: lab}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	return s, nil
}

func (s *Site) build(ctx context.Context) error {
	for _, h := range []struct {
		name string
		at   **Host
	}{{"customer", &s.Customer}, {"switch", &s.Switch}, {"carrier-a", &s.CarrierA}, {"carrier-b", &s.CarrierB}} {
		host, err := s.Host(ctx, h.name)
		if err != nil {
			return err
		}
		*h.at = host
	}
	if err := s.Switch.Forward(ctx); err != nil {
		return err
	}
	cables := []struct {
		peer           *Host
		iface          string
		peer4, switch4 netip.Addr
		peer6, switch6 netip.Addr
	}{
		{s.Customer, CustomerSide, V4.Customer, V4.ToCustomer, V6.Customer, V6.ToCustomer},
		{s.CarrierA, CarrierASide, V4.CarrierA, V4.ToA, V6.CarrierA, V6.ToA},
		{s.CarrierB, CarrierBSide, V4.CarrierB, V4.ToB, V6.CarrierB, V6.ToB},
	}
	for _, c := range cables {
		err := s.Connect(ctx,
			End{c.peer, "eth0", []netip.Prefix{netip.PrefixFrom(c.peer4, 24), netip.PrefixFrom(c.peer6, 64)}},
			End{s.Switch, c.iface, []netip.Prefix{netip.PrefixFrom(c.switch4, 24), netip.PrefixFrom(c.switch6, 64)}})
		if err != nil {
			return err
		}
		if err := c.peer.Route(ctx, c.switch4, c.switch6); err != nil {
			return err
		}
	}
	return nil
}

// At is an address with SIP's own port.
func At(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 5060) }
