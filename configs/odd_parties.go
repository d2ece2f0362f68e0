package configs

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
)

func (a *Agent) oddParties(note noter) {
	if len(a.Customers) == 0 && !a.Table.On() {
		note("customers", "no customers: every call counts for the customer unknown")
	}
	for i, c := range a.Customers {
		switch {
		case len(c.Nets)+len(c.Domains) > 0:
		case len(c.Blocks) > 0:
			note(fmt.Sprintf("customers[%d].blocks", i), "nobody can reach the blocks of customer %s to register in them: it has no addresses or domains, which say whose a REGISTER is", c.ID)
		default:
			note(fmt.Sprintf("customers[%d]", i), "customer %s has no addresses, domains or blocks: no call can be theirs", c.ID)
		}
	}
	for i, c := range a.Carriers {
		if len(c.Nets)+len(c.Domains) == 0 {
			note(fmt.Sprintf("carriers[%d]", i), "carrier %s has no addresses or domains: no attempt can be theirs", c.ID)
		}
	}
}

// oddNets finds a network inside another party's, one that longer ones hide
// whole, and the switch's own addresses inside a party's.
func (a *Agent) oddNets(note noter) {
	type owned struct {
		netip.Prefix
		at, owner string
		hidden    float64 // share of it that longer networks hold, exact as long as it can be 1
	}
	var all []owned
	for i, c := range a.Customers {
		for j, p := range c.Nets {
			all = append(all, owned{p.Prefix, fmt.Sprintf("customers[%d].addresses[%d]", i, j), "customer " + c.ID, 0})
		}
	}
	for i, c := range a.Carriers {
		for j, p := range c.Nets {
			all = append(all, owned{p.Prefix, fmt.Sprintf("carriers[%d].addresses[%d]", i, j), "carrier " + c.ID, 0})
		}
	}
	// Prefixes nest or are apart: sorted, each one's holder is on a stack.
	slices.SortStableFunc(all, func(x, y owned) int {
		if c := x.Addr().Compare(y.Addr()); c != 0 {
			return c
		}
		return x.Bits() - y.Bits()
	})
	var holders []*owned
	for i := range all {
		x := &all[i]
		for len(holders) > 0 && !holders[len(holders)-1].Overlaps(x.Prefix) {
			holders = holders[:len(holders)-1]
		}
		if n := len(holders); n > 0 {
			h := holders[n-1]
			if h.owner != x.owner {
				note(x.at, "%s of %s lies inside %s of %s; the longer one wins", short(x.Prefix), x.owner, short(h.Prefix), h.owner)
			}
			if h.hidden += math.Ldexp(1, h.Bits()-x.Bits()); h.hidden == 1 {
				note(h.at, "%s of %s can match nothing: longer networks hold all of it, and win", short(h.Prefix), h.owner)
			}
		}
		if x.Bits() == 0 {
			note(x.at, "%s of %s is every address there is", x.Prefix, x.owner)
		}
		for _, l := range a.Local {
			if x.Contains(l) {
				note(x.at, "%s of %s holds %s, an address of the switch itself", short(x.Prefix), x.owner, l)
			}
		}
		holders = append(holders, x)
	}
}
