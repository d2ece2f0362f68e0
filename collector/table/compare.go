package table

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/sipward/sipward/configs"
)

// Change says what became of a party.
type Change uint8

// Changes; the zero value is invalid.
const (
	Added Change = iota + 1
	Removed
	Changed
)

// String returns the word that people and programs read.
func (c Change) String() string {
	switch c {
	case Added:
		return "added"
	case Removed:
		return "removed"
	case Changed:
		return "changed"
	}
	return "invalid"
}

// Party is what is different of one customer or carrier.
type Party struct {
	Kind         string // customer or carrier
	ID           string
	Change       Change
	Gained, Lost []configs.Block // numbers that it has now, and had before
	Other        []string        // keys whose values differ, beside blocks
}

// Difference is what is different of two tables.
type Difference struct {
	Parties []Party // customers first, by id
	Grid    bool
}

// None reports whether both tables say the same.
func (d *Difference) None() bool { return len(d.Parties) == 0 && !d.Grid }

// Lost lists the numbers that somebody has no more, and who that is, in the order of
// numbers: bindings of theirs become strays.
func (d *Difference) Lost() (out []Holding) {
	for i := range d.Parties {
		for _, b := range d.Parties[i].Lost {
			out = append(out, Holding{b, d.Parties[i].ID})
		}
	}
	slices.SortFunc(out, func(a, b Holding) int { return Compare(a.First, b.First) })
	return out
}

// diff says what is different of the table after, compared with before. The order
// of parties and how blocks are cut mean nothing.
func diff(before, after *configs.Table) *Difference {
	d := &Difference{Grid: before.Grid != after.Grid}
	d.Parties = append(
		diffParties("customer", before.Customers, after.Customers,
			func(c *configs.Customer) string { return c.ID }, func(c *configs.Customer) []configs.Block { return c.Blocks }),
		diffParties("carrier", before.Carriers, after.Carriers,
			func(c *configs.Carrier) string { return c.ID }, func(*configs.Carrier) []configs.Block { return nil })...)
	return d
}

func diffParties[T any](kind string, before, after []T, id func(*T) string, blocks func(*T) []configs.Block) (out []Party) {
	old := map[string]*T{}
	for i := range before {
		old[id(&before[i])] = &before[i]
	}
	for i := range after {
		x := &after[i]
		p := Party{Kind: kind, ID: id(x), Change: Changed}
		was := old[p.ID]
		delete(old, p.ID)
		if was == nil {
			p.Change, p.Gained = Added, sorted(blocks(x))
			out = append(out, p)
			continue
		}
		p.Gained, p.Lost = subtract(blocks(x), blocks(was)), subtract(blocks(was), blocks(x))
		if p.Other = others(was, x); len(p.Gained)+len(p.Lost)+len(p.Other) > 0 {
			out = append(out, p)
		}
	}
	for name, was := range old {
		out = append(out, Party{Kind: kind, ID: name, Change: Removed, Lost: sorted(blocks(was))})
	}
	slices.SortFunc(out, func(a, b Party) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// others lists the keys, beside blocks, whose values differ. An empty list is as
// good as none.
func others(a, b any) (keys []string) {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		key, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("yaml"), ",")
		f, g := x.Field(i), y.Field(i)
		if key == "" || key == "blocks" || f.Kind() == reflect.Slice && f.Len() == 0 && g.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(f.Interface(), g.Interface()) {
			keys = append(keys, key)
		}
	}
	return keys
}
