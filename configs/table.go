package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/party"
)

// Table is what the centre says of customers and carriers, to all nodes alike.
type Table struct {
	Version   uint64     `yaml:"version"` // from 1; each table has a higher one than those before
	Issued    time.Time  `yaml:"issued"`  // UTC
	Grid      Grid       `yaml:"grid"`    // where the next customer's block begins
	Customers []Customer `yaml:"customers"`
	Carriers  []Carrier  `yaml:"carriers"`
}

// Grid says which blocks are handed out: Start, and Size numbers from it on, then
// the next Size. The zero value hands out none.
type Grid struct {
	Start string `yaml:"start"` // a number; all of the grid have its length
	Size  int    `yaml:"size"`  // numbers in a block
}

// On reports whether there is a grid.
func (g Grid) On() bool { return g != Grid{} }

const (
	maxTable    = 64 << 20  // bytes
	maxVersion  = 1<<53 - 1 // whoever reads it as a JSON number reads it right
	maxGridSize = 1_000_000_000
)

// ParseTable reads and checks a table; name stands for the file in errors, which
// join one *Error a problem, in the order of their lines. Customers and carriers
// are checked as those of an agent's own file.
func ParseTable(name string, text []byte) (*Table, error) {
	if len(text) > maxTable {
		return nil, &Error{name, 1, fmt.Sprintf("the table is larger than %d MiB", maxTable>>20)}
	}
	t := &Table{}
	d := decode(name, text, t)
	if len(d.errs) == 0 {
		t.check(d)
	}
	if len(d.errs) > 0 {
		return nil, inOrder(d.errs)
	}
	return t, nil
}

func (t *Table) check(d *decoder) {
	switch {
	case t.Version == 0:
		d.at("version", "a table needs a version of 1 or more, higher than that of the table before")
	case t.Version > maxVersion:
		d.at("version", "version %d is out of range: from 1 to %d", t.Version, uint64(maxVersion))
	}
	if t.Issued.IsZero() {
		d.at("issued", "a table needs the time when it was issued, as 2026-01-31T12:00:00Z")
	} else if y := t.Issued.Year(); y < 1970 || y > 9999 {
		d.at("issued", "%v is no time when a table was issued", t.Issued)
	}
	t.Grid.check(d)
	checkParties(d, t.Customers, t.Carriers)
	if len(d.errs) == 0 {
		if _, err := t.Book(nil); err != nil {
			d.at("customers", "%v", err)
		}
	}
}

func (g Grid) check(d *decoder) {
	if !g.On() {
		return
	}
	if key, err := g.Check(); err != nil {
		d.at(key, "%v", err)
	}
}

// Check says what is wrong with a grid, and under which key of a table.
func (g Grid) Check() (key string, err error) {
	switch {
	case g.Start == "" || g.Size == 0:
		return "grid", errors.New("a grid needs both: start, as 1000, and size, as 1000")
	case !party.IsNumber(g.Start):
		return "grid.start", fmt.Errorf("start %q: write the first number of the grid, of at most %d digits and without +", g.Start, party.MaxDigits)
	case g.Size < 1 || g.Size > maxGridSize:
		return "grid.size", fmt.Errorf("%d is out of range: from 1 to %d", g.Size, maxGridSize)
	}
	last := strings.Repeat("9", len(g.Start))
	if room := party.Pack(last) - party.Pack(g.Start); room < party.Number(g.Size-1) { // positive
		return "grid.size", fmt.Errorf("no block of %d numbers fits between %s and %s", g.Size, g.Start, last)
	}
	return "", nil
}

// Book builds the table of parties without addresses of a switch. Where before is
// not nil, parties that it knows keep their IDs.
func (t *Table) Book(before *party.Book) (*party.Book, error) {
	return (&Agent{Customers: t.Customers, Carriers: t.Carriers}).Book(before)
}

// Use makes the customers and carriers of the table the agent's.
func (a *Agent) Use(t *Table) { a.Customers, a.Carriers = t.Customers, t.Carriers }

// Sort puts customers and carriers in the order of their ids, and blocks in that
// of their numbers: two tables then differ where they say different things.
func (t *Table) Sort() {
	slices.SortStableFunc(t.Customers, func(x, y Customer) int { return strings.Compare(x.ID, y.ID) })
	slices.SortStableFunc(t.Carriers, func(x, y Carrier) int { return strings.Compare(x.ID, y.ID) })
	for i := range t.Customers {
		slices.SortStableFunc(t.Customers[i].Blocks, Block.Compare)
	}
}

// Compare orders blocks by the length of their numbers, then by the first.
func (b Block) Compare(other Block) int {
	if n := len(b.First) - len(other.First); n != 0 {
		return n
	}
	return strings.Compare(b.First, other.First)
}
