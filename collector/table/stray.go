package table

import (
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sip/party"
)

// Owners says who may register which number, as a table has it.
type Owners struct {
	book   *party.Book
	blocks map[string]bool // customers, and whether they have any block
}

// NewOwners reads a table that was checked.
func NewOwners(t *configs.Table) (*Owners, error) {
	book, err := t.Book(nil)
	if err != nil {
		return nil, err
	}
	o := &Owners{book: book, blocks: map[string]bool{}}
	for i := range t.Customers {
		o.blocks[t.Customers[i].ID] = len(t.Customers[i].Blocks) > 0
	}
	return o, nil
}

// Stray reports whether a customer's phone with a number would be one that the table
// refuses: the number is another's, or the customer has blocks, none of which holds
// it. A customer that is not in the table is unknown to the nodes, and what they do
// then is their own: it counts as refused.
func (o *Owners) Stray(number, customer string) bool {
	blocks, known := o.blocks[customer]
	if !known && customer != party.UnknownName {
		return true
	}
	if owner := o.book.ByNumber(number); owner != party.Unknown {
		return o.book.Entry(owner).Name != customer
	}
	return blocks && party.IsNumber(number)
}

// Touched lists the ranges in which a difference can make strays. Of customers who
// had no block and get one, every number counts: all is true then.
func (d *Difference) Touched(before *configs.Table) (ranges []configs.Block, all bool) {
	for i := range d.Parties {
		p := &d.Parties[i]
		ranges = append(append(ranges, p.Lost...), p.Gained...)
		if c, err := find(before, p.ID); p.Kind == "customer" && err == nil && len(c.Blocks) == 0 && len(p.Gained) > 0 {
			all = true
		}
	}
	return merged(ranges), all
}

// merged joins blocks that overlap or touch.
func merged(blocks []configs.Block) (out []configs.Block) {
	for _, b := range sorted(blocks) {
		if n := len(out) - 1; n >= 0 && len(out[n].Last) == len(b.First) && (out[n].Last >= b.First || after(out[n].Last) == b.First) {
			out[n].Last = max(out[n].Last, b.Last)
			continue
		}
		out = append(out, b)
	}
	return out
}
