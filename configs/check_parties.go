package configs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/sipward/sipward/sip/party"
)

// checkParties checks each party for itself; what two of them share is found
// with both their names, here where lines are known. The file of an agent and the
// table of the centre are checked alike.
func checkParties(d *decoder, customers []Customer, carriers []Carrier) {
	c := partyChecker{d: d, prefixes: map[netip.Prefix]holder{}, domains: map[string]holder{}, taken: map[string]bool{}}
	for i := range customers {
		x := &customers[i]
		at := fmt.Sprintf("customers[%d]", i)
		c.check(at, "customer", &Carrier{ID: x.ID, Channels: x.Channels, Nets: x.Nets, Domains: x.Domains})
		if x.MaxContacts < 0 || x.MaxContacts > maxContacts {
			within(d, at+".max_contacts", x.MaxContacts, 0, maxContacts)
		}
		for j := range x.Blocks {
			if b := x.Blocks[j]; !party.Block(b).Valid() {
				d.at(fmt.Sprintf("%s.blocks[%d]", at, j),
					"block %q to %q: write two numbers of equal length without +, the smaller as first", b.First, b.Last)
			}
		}
	}
	for i := range carriers {
		c.check(fmt.Sprintf("carriers[%d]", i), "carrier", &carriers[i])
	}
	checkOverlaps(d, customers)
}

// partyChecker checks what customers and carriers have in common.
type partyChecker struct {
	d        *decoder
	prefixes map[netip.Prefix]holder
	domains  map[string]holder
	taken    map[string]bool // kind and ID
}

// holder is the party that has something first, and the path where it says so. Which of
// the two is wrong is not known: both lines are named.
type holder struct{ who, at string }

// sole takes what only one party may have.
func sole[K comparable](c *partyChecker, held map[K]holder, k K, what string, x holder) {
	first, taken := held[k]
	if !taken {
		held[k] = x
		return
	}
	c.d.at(x.at, "%s of %s belongs to %s already, in line %d", what, x.who, first.who, c.d.lineOf(first.at))
}

// check checks the party at a path; kind is "customer" or "carrier".
func (c *partyChecker) check(at, kind string, p *Carrier) {
	who := kind + " " + p.ID
	switch {
	case p.ID == "":
		c.d.at(at, "a %s needs an id", kind)
	case !validID(p.ID) || p.ID == party.UnknownName:
		c.d.at(at+".id", "id %q: use 1 to 63 letters, digits, dots, dashes and underscores, and not %q", p.ID, party.UnknownName)
	case c.taken[who]:
		c.d.at(at+".id", "%s is listed twice", who)
	}
	c.taken[who] = true
	if p.Channels < 0 {
		c.d.at(at+".channels", "channels: %d is less than 0; 0 means that no limit is given", p.Channels)
	}
	for j, n := range p.Nets {
		sole(c, c.prefixes, n.Prefix, "address "+short(n.Prefix), holder{who, fmt.Sprintf("%s.addresses[%d]", at, j)})
	}
	for j, name := range p.Domains {
		x := holder{who, fmt.Sprintf("%s.domains[%d]", at, j)}
		if !validDomain(name) {
			c.d.at(x.at, "domain %q: write the host part of a SIP address alone", name)
		}
		name = strings.ToLower(name)
		sole(c, c.domains, name, "domain "+name, x)
	}
}

// validID reports whether s may name a node or a party: 1 to 63 letters, digits,
// dots, dashes and underscores, the first a letter or a digit.
func validID(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

const domainBytes = 255 // RFC 1035 section 2.3.4

func validDomain(s string) bool {
	return s != "" && len(s) <= domainBytes && !strings.ContainsFunc(s, func(r rune) bool {
		return strings.ContainsRune("@:/* \"'\\", r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	})
}

// checkOverlaps finds numbers that two blocks hold.
func checkOverlaps(d *decoder, customers []Customer) {
	type owned struct {
		*Block
		i, j int // of the customer and of its block
	}
	var all []owned
	for i := range customers {
		for j := range customers[i].Blocks {
			all = append(all, owned{&customers[i].Blocks[j], i, j})
		}
	}
	slices.SortStableFunc(all, func(x, y owned) int {
		return cmp.Or(cmp.Compare(len(x.First), len(y.First)), strings.Compare(x.First, y.First))
	})
	line := func(o owned) string { return fmt.Sprintf("customers[%d].blocks[%d]", o.i, o.j) }
	for i := 1; i < len(all); i++ {
		x, y := all[i-1], all[i]
		if len(x.First) != len(y.First) || x.Last < y.First {
			continue
		}
		d.at(line(y), "block %s-%s of %s overlaps block %s-%s of %s in line %d",
			y.First, y.Last, customers[y.i].ID, x.First, x.Last, customers[x.i].ID, d.lineOf(line(x)))
		if x.Last > y.Last {
			all[i] = x // it may reach over the next one too
		}
	}
}

// short prints a single address without its length.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
