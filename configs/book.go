package configs

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/sipward/sipward/sip/party"
)

// Entries returns the customers and carriers as the core knows them.
func (a *Agent) Entries() []party.Entry { return entries(a.Customers, a.Carriers) }

func entries(customers []Customer, carriers []Carrier) []party.Entry {
	entries := make([]party.Entry, 0, len(customers)+len(carriers))
	for i := range customers {
		c := &customers[i]
		e := party.Entry{
			Name: c.ID, Kind: party.Customer, Channels: c.Channels, Addresses: prefixes(c.Nets), Domains: c.Domains,
			NonNumeric: c.NonNumeric.party(), MaxContacts: c.MaxContacts,
		}
		for _, b := range c.Blocks {
			e.Blocks = append(e.Blocks, party.Block{First: b.First, Last: b.Last})
		}
		entries = append(entries, e)
	}
	for i := range carriers {
		c := &carriers[i]
		entries = append(entries, party.Entry{Name: c.ID, Kind: party.Carrier, Channels: c.Channels, Addresses: prefixes(c.Nets), Domains: c.Domains})
	}
	return entries
}

func prefixes(nets []Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(nets))
	for i, n := range nets {
		out[i] = n.Prefix
	}
	return out
}

// Book builds the table of parties. Where before is not nil, parties that it
// knows keep their IDs.
func (a *Agent) Book(before *party.Book) (*party.Book, error) {
	if before != nil {
		return before.Next(a.Entries(), a.Local)
	}
	return party.NewBook(a.Entries(), a.Local)
}

// FindLocal takes the host's addresses, as read returns them, when the file
// names none. It can be called again; changed says whether they are others than
// before. The order of addresses means nothing.
func (a *Agent) FindLocal(read func() ([]net.Addr, error)) (changed bool, err error) {
	if len(a.Local) > 0 && !a.found {
		return false, nil
	}
	addrs, err := read()
	if err != nil {
		return false, fmt.Errorf("listing the host's addresses: %w; set local_addresses", err)
	}
	var now []netip.Addr
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				now = append(now, ip.Unmap())
			}
		}
	}
	slices.SortFunc(now, netip.Addr.Compare)
	now = slices.Compact(now)
	changed = !slices.Equal(now, a.Local)
	a.Local, a.found = now, true
	return changed, nil
}
