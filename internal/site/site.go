// Package site says what counts as one source of packets and requests: an IPv4
// address, or the /64 of an IPv6 one, since a single host is given as many
// addresses as it likes of that (RFC 4291, section 2.5.4).
package site

import "net/netip"

// Of returns the site of an address, without its zone; the zero Prefix for none.
func Of(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for no address
	return p
}

// Name is Of for people, and as a key: an IPv4 address alone, an IPv6 /64.
func Name(a netip.Addr) string {
	if p := Of(a); p.IsValid() && !p.IsSingleIP() {
		return p.String()
	}
	return a.Unmap().String()
}
