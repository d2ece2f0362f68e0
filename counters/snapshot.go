package counters

import (
	"cmp"
	"slices"

	"github.com/sipward/sipward/sip/party"
)

// Snapshot is a copy of all figures at one moment. Nothing in it changes any
// more; it is safe for concurrent reading.
type Snapshot struct {
	Time      int64   // of the last Tick, nanoseconds since the Unix epoch
	Total     Figures // all calls
	Customers []Party // calls, by name; unknown last
	Carriers  []Party // attempts, by name; unknown last
	Skew      uint64  // gauge changes refused because they led below zero; not 0 is a bug
}

// Party is one customer or carrier with its figures.
type Party struct {
	Name     string
	Channels int // configured; 0: no limit given
	Figures
}

// Snapshot copies the figures. Parties of book that had no call yet are in it
// with zeros, so that whoever reads them sees the whole list from the start;
// parties that were removed from the configuration stay, as their calls may.
func (c *Counters) Snapshot(book *party.Book) *Snapshot {
	return &Snapshot{
		Time:      c.now,
		Total:     c.total.Figures,
		Customers: list(c.customers, book, party.Customer),
		Carriers:  list(c.carriers, book, party.Carrier),
		Skew:      c.skew,
	}
}

func list(of []*account, book *party.Book, kind party.Kind) []Party {
	out := make([]Party, 0, book.Len())
	for i := range book.Len() {
		id := party.ID(i) // bounded by the size of a configuration file
		if id != party.Unknown && !book.Is(id, kind) {
			continue
		}
		e := book.Entry(id)
		p := Party{Name: e.Name, Channels: e.Channels}
		if i < len(of) && of[i] != nil {
			p.Figures = of[i].Figures
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out[1:], func(a, b Party) int { return cmp.Compare(a.Name, b.Name) })
	return append(out[1:], out[0])
}
