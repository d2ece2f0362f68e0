package register

import (
	"github.com/sipward/sipward/sip/party"
)

// Select says which bindings a listing has; the zero value means all.
type Select struct {
	First, Last string // numbers of equal length, inclusive; "": any
	Customer    string // by name; "": any
	Strays      bool   // strays only
}

// Cursor is where a listing goes on; it begins, and ends, with 0.
type Cursor uint32

// pageSlots is how many slots List looks at in one call: some 50 microseconds.
const pageSlots = 1 << 12

// List appends up to most bindings that are live at now and wanted to to, and
// returns where to go on. It looks at a bounded number of bindings, so it can
// return none and a cursor. What lives throughout a listing is in it once; the
// order is none that means anything.
func (r *Registry) List(from Cursor, want Select, now int64, most int, to []Binding) ([]Binding, Cursor) {
	first, last := party.Pack(want.First), party.Pack(want.Last)
	ranged := want.First != "" || want.Last != ""
	end := min(uint32(from)+pageSlots, r.used)
	for i := uint32(from) + 1; i <= end; i++ {
		s := r.at(i)
		switch {
		case s.expires <= now, want.Strays && r.of(i).stray == 0,
			ranged && (s.key < uint64(first) || s.key > uint64(last)),
			want.Customer != "" && r.book.Name(s.customer) != want.Customer:
			continue
		}
		if most--; most < 0 {
			return to, Cursor(i - 1)
		}
		to = append(to, r.binding(i))
	}
	if end >= r.used {
		return to, 0
	}
	return to, Cursor(end)
}
