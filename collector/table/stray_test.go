package table

import (
	"testing"

	"github.com/sipward/sipward/configs"
)

func TestStray(t *testing.T) {
	o, err := NewOwners(example(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		number, customer string
		stray            bool
	}{
		{"1005", "acme", false},
		{"+1005", "acme", false},
		{"2005", "acme", true},     // Globex's
		{"5005", "acme", true},     // nobody's, and acme has blocks
		{"alice", "acme", false},   // not for blocks to say
		{"5005", "initech", false}, // without blocks
		{"1005", "initech", true},  // acme's
		{"5005", "unknown", false}, // what nodes do with the unknown is their own
		{"1005", "unknown", true},  // acme's
		{"5005", "gone", true},     // a customer that is in no table
		{"alice", "gone", true},
		{"100", "acme", true}, // another number than 0100
		{"0100", "Globex", false},
	} {
		if got := o.Stray(tt.number, tt.customer); got != tt.stray {
			t.Errorf("%s of %s: %v", tt.number, tt.customer, got)
		}
	}
}

func TestTouched(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*configs.Table)
		want string
		all  bool
	}{
		{"nothing", func(*configs.Table) {}, "", false},
		{"a block for one who has some", func(x *configs.Table) { _, _ = Assign(x, Assignment{Customer: "acme"}) }, "4000-4999", false},
		{"the first block", func(x *configs.Table) { _, _ = Assign(x, Assignment{Customer: "initech"}) }, "4000-4999", true},
		{"a new customer", func(x *configs.Table) { _, _ = Assign(x, Assignment{Customer: "new", New: true}) }, "4000-4999", false},
		{"neighbours become one", func(x *configs.Table) {
			x.Customers[0].Blocks = blocks(t, "3500-4500")
			x.Customers[1].Blocks = nil
		}, "0100-0199 1000-3499 4000-4500", false},
	} {
		x := example(t)
		tt.do(x)
		got, all := diff(example(t), x).Touched(example(t))
		if words(got) != tt.want || all != tt.all {
			t.Errorf("%s: %s, %v", tt.name, words(got), all)
		}
	}
}
