package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"github.com/sipward/sipward/sip/dtmf"
)

// Odd lists what is allowed but probably not meant, each with file and line.
func (a *Agent) Odd() []string { return a.odd }

// lookOdd finds what is odd while the lines are known.
func (a *Agent) lookOdd(d *decoder) {
	note := func(path, format string, args ...any) {
		a.odd = append(a.odd, fmt.Sprintf("%s:%d: %s", a.file, d.lineOf(path), fmt.Sprintf(format, args...)))
	}
	a.oddParties(note)
	a.oddGuard(note)
	a.oddTable(note)
	a.oddNets(note)
	if a.DTMF.Digits == dtmf.Store {
		note("dtmf.digits", "digits are stored: they can be card numbers and PINs; count is enough to know who uses them")
	}
	a.Admin.odd(note)
	for i, h := range a.Capture.HEP {
		host, _, _ := net.SplitHostPort(h.Address)
		if !loopback(host) && h.AuthFile == "" {
			note(fmt.Sprintf("capture.hep[%d].address", i), "anyone who reaches %s can send made-up calls; set auth_key_file", h.Address)
		}
	}
	for i, b := range a.Uplink.Brokers {
		if u, err := url.Parse(b); err == nil && !secure(b) && !loopback(u.Hostname()) {
			note(fmt.Sprintf("uplink.brokers[%d]", i), "call records go to %s in clear; use mqtts://", u.Host)
		}
	}
	if a.Spool != Defaults().Spool && !a.Uplink.On() {
		note("spool", "there is no spool without uplink.brokers: nobody would take what is in it")
	}
	if a.Calls.MaxAge < a.Calls.SetupTimeout {
		note("calls.max_age", "max_age is shorter than setup_timeout")
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

type noter = func(path, format string, args ...any)

func (a *Agent) oddParties(note noter) {
	if len(a.Customers) == 0 && !a.Table.On() {
		note("customers", "no customers: every call counts for the customer unknown")
	}
	for i, c := range a.Customers {
		if len(c.Nets)+len(c.Domains)+len(c.Blocks) == 0 {
			note(fmt.Sprintf("customers[%d]", i), "customer %s has no addresses, domains or blocks: no call can be theirs", c.ID)
		}
	}
	for i, c := range a.Carriers {
		if len(c.Nets)+len(c.Domains) == 0 {
			note(fmt.Sprintf("carriers[%d]", i), "carrier %s has no addresses or domains: no attempt can be theirs", c.ID)
		}
	}
}

// oddNets finds a network inside another party's, and the switch's own
// addresses inside a party's.
func (a *Agent) oddNets(note noter) {
	type owned struct {
		netip.Prefix
		at, owner string
	}
	var all []owned
	for i, c := range a.Customers {
		for j, p := range c.Nets {
			all = append(all, owned{p.Prefix, fmt.Sprintf("customers[%d].addresses[%d]", i, j), "customer " + c.ID})
		}
	}
	for i, c := range a.Carriers {
		for j, p := range c.Nets {
			all = append(all, owned{p.Prefix, fmt.Sprintf("carriers[%d].addresses[%d]", i, j), "carrier " + c.ID})
		}
	}
	// Prefixes nest or are apart: sorted, each one's holder is on a stack.
	slices.SortStableFunc(all, func(x, y owned) int {
		if c := x.Addr().Compare(y.Addr()); c != 0 {
			return c
		}
		return x.Bits() - y.Bits()
	})
	var holders []owned
	for _, x := range all {
		for len(holders) > 0 && !holders[len(holders)-1].Overlaps(x.Prefix) {
			holders = holders[:len(holders)-1]
		}
		if n := len(holders); n > 0 && holders[n-1].owner != x.owner {
			note(x.at, "%s of %s lies inside %s of %s; the longer one wins", short(x.Prefix), x.owner, short(holders[n-1].Prefix), holders[n-1].owner)
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
