package guard

import (
	"cmp"
	"slices"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Passed is the word for a REGISTER that nothing speaks against; those for the
// others are of register.Kind.
const Passed = "passed"

const kinds = int(register.WouldRefuse) + 1 // 0 stands for Passed

// tallies count verdicts by customer, kind and reason. Both are closed sets and
// customers come from the table, so they need no further bound.
type tallies struct {
	by []*[kinds][register.Reasons]uint64
}

// add counts one verdict. kind 0: it passed.
func (t *tallies) add(customer party.ID, kind register.Kind, reason register.Reason) {
	if n := int(customer) + 1; n > len(t.by) {
		t.by = slices.Grow(t.by, n-len(t.by))[:n]
	}
	c := t.by[customer]
	if c == nil {
		c = new([kinds][register.Reasons]uint64)
		t.by[customer] = c
	}
	c[kind][reason]++
}

// Verdict counts the transactions of one customer that got the same verdict for the
// same reason.
type Verdict struct {
	Customer string // its id; party.UnknownName for nobody's
	Verdict  string // Passed, or a register.Kind
	Reason   string
	Count    uint64
}

// portion appends what was counted of a few hundred customers, from an index on, and
// returns where to go on; 0 at the end.
func (t *tallies) portion(from int, book *party.Book, to []Verdict) ([]Verdict, int) {
	const most = 256
	end := min(from+most, len(t.by))
	for id := from; id < end; id++ {
		if c := t.by[id]; c != nil {
			to = appendVerdicts(to, partyName(book, party.ID(id)), c) // an index that came from one
		}
	}
	if end >= len(t.by) {
		return to, 0
	}
	return to, end
}

// appendVerdicts appends what was counted of one customer.
func appendVerdicts(to []Verdict, name string, c *[kinds][register.Reasons]uint64) []Verdict {
	for kind := range c {
		for reason, n := range c[kind] {
			if n > 0 {
				to = append(to, Verdict{name, kindWord(kind), register.Reason(reason).String(), n}) // below Reasons
			}
		}
	}
	return to
}

func kindWord(kind int) string {
	if kind == 0 {
		return Passed
	}
	return register.Kind(kind).String() // below kinds
}

// verdicts lists what was counted, by customer, verdict and reason. Parties of
// one name, a customer and a carrier, are one.
func (g *Guard) verdicts() (out []Verdict) {
	for at := 0; ; {
		g.yield()
		g.mu.Lock()
		out, at = g.tallies.portion(at, g.book, out)
		g.mu.Unlock()
		if at == 0 {
			break
		}
	}
	slices.SortFunc(out, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason))
	})
	return merged(out)
}

// merged adds up neighbours that differ in nothing but their count.
func merged(in []Verdict) []Verdict {
	out := in[:0]
	for _, v := range in {
		if n := len(out); n > 0 && out[n-1].Customer == v.Customer && out[n-1].Verdict == v.Verdict && out[n-1].Reason == v.Reason {
			out[n-1].Count += v.Count
			continue
		}
		out = append(out, v)
	}
	return out
}

// Name is what reports call a party.
func (g *Guard) Name(id party.ID) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return partyName(g.book, id)
}

// partyName is what reports call id.
func partyName(book *party.Book, id party.ID) string {
	if int(id) >= book.Len() {
		return party.UnknownName
	}
	return book.Name(id)
}
