package guard

import (
	"net/netip"

	"github.com/sipward/sipward/internal/site"
	"github.com/sipward/sipward/sip/party"
)

// address is a source as a map key: no pointers. IPv4 is mapped.
type address [16]byte

func addressOf(a netip.Addr) address { return a.As16() }

// siteOf is the address by which refusals of a source are counted.
func siteOf(a netip.Addr) address { return site.Of(a).Addr().As16() }

// prefix is what a site means to the kernel.
func (a address) prefix() netip.Prefix {
	ip := netip.AddrFrom16(a).Unmap()
	if ip.Is4() {
		return netip.PrefixFrom(ip, 32)
	}
	return netip.PrefixFrom(ip, 64)
}

// protected knows the sources that are never banned, whatever they send.
type protected struct {
	book  *party.Book
	allow []netip.Prefix
	sites map[address]bool // that hold a protected IPv6 address, or a longer prefix than a site has
}

// newProtected protects the prefixes allow, the parties that book knows by their
// address, and the host's own addresses.
func newProtected(book *party.Book, allow []netip.Prefix, local []netip.Addr) protected {
	p := protected{book: book, allow: allow, sites: map[address]bool{}}
	for _, a := range local {
		p.sites[siteOf(a)] = true
	}
	for _, x := range allow {
		p.within(x)
	}
	for id := range book.Len() {
		for _, x := range book.Entry(party.ID(id)).Addresses { // below Len
			p.within(x)
		}
	}
	return p
}

// within notes x when it is a part of a site.
func (p *protected) within(x netip.Prefix) {
	if x.Addr().Is6() && !x.Addr().Is4In6() && x.Bits() > 64 {
		p.sites[siteOf(x.Addr())] = true
	}
}

// holds reports whether a must not be banned.
func (p *protected) holds(a netip.Addr) bool {
	if a.IsLoopback() || p.book.Local(a) || p.sites[siteOf(a)] || p.book.ByAddr(a) != party.Unknown {
		return true
	}
	for _, x := range p.allow {
		if x.Contains(a) {
			return true
		}
	}
	return false
}
