package table

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/configs"
)

func example(t testing.TB) *configs.Table {
	return &configs.Table{
		Grid: configs.Grid{Start: "1000", Size: 1000},
		Customers: []configs.Customer{
			{ID: "acme", Blocks: blocks(t, "1000-1999 3000-3999"), Domains: []string{"acme.example"}},
			{ID: "Globex", Blocks: blocks(t, "2000-2999 0100-0199")},
			{ID: "initech"},
		},
		Carriers: []configs.Carrier{{ID: "blue"}},
	}
}

func TestAssignAndRelease(t *testing.T) {
	assign := func(a Assignment) func(*configs.Table) error {
		return func(t *configs.Table) error { _, err := Assign(t, a); return err }
	}
	of := func(s string) *configs.Block { b := blocks(t, s)[0]; return &b }
	release := func(who, b string) func(*configs.Table) error {
		return func(x *configs.Table) error { return Release(x, who, *of(b)) }
	}
	tests := []struct {
		name string
		do   func(*configs.Table) error
		want string // who has what then; or, with !, what the error says
	}{
		{"the lowest free", assign(Assignment{Customer: "initech"}), "initech 4000-4999"},
		{"three", assign(Assignment{Customer: "acme", Count: 3}), "acme 1000-1999 3000-3999 4000-4999 5000-5999 6000-6999"},
		{"a range", assign(Assignment{Customer: "initech", Range: of("5500-5599")}), "initech 5500-5599"},
		{"of another width", assign(Assignment{Customer: "acme", Range: of("100-199")}), "acme 100-199 1000-1999 3000-3999"},
		{"a new customer", assign(Assignment{Customer: "umbrella", New: true}), "umbrella 4000-4999"},
		{"of another's", assign(Assignment{Customer: "initech", Range: of("2500-3500")}), "!2500-3500 overlaps 2000-2999, which Globex has"},
		{"of one's own", assign(Assignment{Customer: "acme", Range: of("1500-1600")}), "!acme has 1500-1600 already, in its block 1000-1999"},
		{"partly of one's own", assign(Assignment{Customer: "acme", Range: of("3500-4500")}), "!overlaps 3000-3999, which acme has"},
		{"nobody", assign(Assignment{Customer: "nobody"}), "!customer nobody: there is no such customer"},
		{"a slip", assign(Assignment{Customer: "globex"}), "!do you mean Globex?"},
		{"not new", assign(Assignment{Customer: "acme", New: true}), "!there is a customer acme already"},
		{"both", assign(Assignment{Customer: "acme", Range: of("7"), Count: 2}), "!a range and a count"},
		{"too many", assign(Assignment{Customer: "acme", Count: 1e6}), "!from 1 to 10000"},
		{"reversed", assign(Assignment{Customer: "acme", Range: &configs.Block{First: "9", Last: "8"}}), "!comes first"},
		{"a whole block back", release("acme", "1000-1999"), "acme 3000-3999"},
		{"both", release("Globex", "2000-2999"), "Globex 0100-0199"},
		{"an end", release("acme", "3500-3999"), "acme 1000-1999 3000-3499"},
		{"the middle", release("acme", "1500-1599"), "acme 1000-1499 1600-1999 3000-3999"},
		{"over a gap", release("acme", "1500-3500"), "!acme does not have 2000-2999: Globex has 2000-2999"},
		{"more than one has", release("acme", "3000-4999"), "!acme does not have 4000-4999: nobody has"},
		{"of another", release("initech", "1000-1999"), "!initech does not have 1000-1999: acme has 1000-1999"},
		{"of nobody", release("nobody", "1000-1999"), "!no such customer"},
		{"another width", release("Globex", "100-199"), "!Globex does not have 100-199: nobody has"},
	}
	for _, tt := range tests {
		x := example(t)
		before := Clone(x)
		err := tt.do(x)
		if says, fails := strings.CutPrefix(tt.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %s", tt.name, err, says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		who, list, _ := strings.Cut(tt.want, " ")
		c, err := find(x, who)
		if err != nil || words(c.Blocks) != list {
			t.Errorf("%s: %v, %v", tt.name, c, err)
		}
		if diff := cmp.Diff(example(t), before); diff != "" {
			t.Errorf("%s changed a copy: %s", tt.name, diff)
		}
	}
}

func TestDiff(t *testing.T) {
	tests := []struct {
		name string
		do   func(*configs.Table)
		want Difference
		lost string
	}{
		{"nothing", func(*configs.Table) {}, Difference{}, ""},
		{"another order, and blocks cut otherwise", func(x *configs.Table) {
			x.Customers[0].Blocks = blocks(t, "3000-3999 1500-1999 1000-1499")
			x.Customers[0], x.Customers[1] = x.Customers[1], x.Customers[0]
			x.Customers[2].Domains = []string{}
		}, Difference{}, ""},
		{"a move", func(x *configs.Table) {
			x.Customers[0].Blocks = blocks(t, "1000-1999 3500-3999")
			x.Customers[1].Blocks = blocks(t, "2000-3499 0100-0199")
		}, Difference{Parties: []Party{
			{Kind: "customer", ID: "Globex", Change: Changed, Gained: blocks(t, "3000-3499")},
			{Kind: "customer", ID: "acme", Change: Changed, Lost: blocks(t, "3000-3499")},
		}}, "acme 3000-3499"},
		{"one goes, one comes", func(x *configs.Table) {
			x.Customers[0].ID = "acme2"
			x.Carriers = nil
		}, Difference{Parties: []Party{
			{Kind: "customer", ID: "acme", Change: Removed, Lost: blocks(t, "1000-1999 3000-3999")},
			{Kind: "customer", ID: "acme2", Change: Added, Gained: blocks(t, "1000-1999 3000-3999")},
			{Kind: "carrier", ID: "blue", Change: Removed},
		}}, "acme 1000-1999 acme 3000-3999"},
		{"other things", func(x *configs.Table) {
			x.Grid.Size = 500
			x.Customers[2].MaxContacts, x.Customers[2].Channels = 3, 4
			x.Carriers[0].Domains = []string{"blue.example"}
		}, Difference{Grid: true, Parties: []Party{
			{Kind: "customer", ID: "initech", Change: Changed, Other: []string{"channels", "max_contacts"}},
			{Kind: "carrier", ID: "blue", Change: Changed, Other: []string{"domains"}},
		}}, ""},
	}
	for _, tt := range tests {
		x := example(t)
		tt.do(x)
		d := diff(example(t), x)
		if diff := cmp.Diff(&tt.want, d); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		var lost []string
		for _, h := range d.Lost() {
			lost = append(lost, h.Customer, Word(h.Block))
		}
		if got := strings.Join(lost, " "); got != tt.lost || d.None() != (len(tt.want.Parties) == 0 && !tt.want.Grid) {
			t.Errorf("%s: lost are %s; none: %v", tt.name, got, d.None())
		}
	}
}
