package configs

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/party"
)

const tableHead = "version: 7\nissued: 2026-01-31T12:00:00Z\n"

var theTable = &Table{
	Version: 7, Issued: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Grid: Grid{Start: "1000", Size: 1000},
	Customers: []Customer{
		{
			ID: "acme", Channels: 30, Nets: nets("203.0.113.16/28", "203.0.113.77/32", "2001:db8:5::/48"), Domains: []string{"acme.example", "1.2"},
			Blocks: []Block{{"1000", "1999"}, {"0100", "0199"}}, NonNumeric: Allow, MaxContacts: 3,
		},
		{ID: "42"}, {ID: "0x42"}, {ID: "null"}, {ID: "On"}, {ID: "1e3", Domains: []string{"müller.example", "a,b", "{x}", "#"}},
	},
	Carriers: []Carrier{{ID: "telco", Channels: 120, Nets: nets("198.51.100.0/29"), Domains: []string{"sip.telco.example"}}},
}

const theText = `version: 7
issued: "2026-01-31T12:00:00Z"
grid: {start: 1000, size: 1000}
customers:
  - id: acme
    channels: 30
    addresses: [203.0.113.16/28, 203.0.113.77, "2001:db8:5::/48"]
    domains: [acme.example, "1.2"]
    blocks:
      - {first: 1000, last: 1999}
      - {first: "0100", last: "0199"}
    non_numeric: allow
    max_contacts: 3
  - id: "42"
  - id: "0x42"
  - id: "null"
  - id: "On"
  - id: "1e3"
    domains: ["müller.example", "a,b", "{x}", "#"]
carriers:
  - id: telco
    channels: 120
    addresses: [198.51.100.0/29]
    domains: [sip.telco.example]
`

func nets(texts ...string) (out []Prefix) {
	for _, s := range texts {
		out = append(out, Prefix{netip.MustParsePrefix(s)})
	}
	return out
}

var tableOptions = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(x, y Prefix) bool { return x == y })}

func TestTable(t *testing.T) {
	if diff := cmp.Diff(theText, string(theTable.Text())); diff != "" {
		t.Error(diff)
	}
	got, err := ParseTable("f", []byte(theText))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(theTable, got, tableOptions); diff != "" {
		t.Error(diff)
	}
	book, err := got.Book(nil)
	if err != nil || book.Entry(book.ByNumber("+0150")).Name != "acme" || book.Entry(book.ByNumber("0150")).NonNumeric != party.Allow || book.ByNumber("150") != party.Unknown {
		t.Errorf("%v, %v", book, err)
	}
	a := Defaults()
	a.Use(got)
	if diff := cmp.Diff(entries(got.Customers, got.Carriers), a.Entries(), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
	got.Sort()
	if c := got.Customers; c[0].ID != "0x42" || c[5].ID != "null" || c[4].Blocks[0].First != "0100" && c[4].Blocks[0].First != "1000" {
		t.Errorf("%+v", c)
	}
	if b := got.Customers[4]; b.ID != "acme" || b.Blocks[0].First != "0100" {
		t.Errorf("%+v", b)
	}
	empty, err := ParseTable("f", []byte(tableHead))
	if err != nil || len(empty.Customers) != 0 || empty.Grid.On() {
		t.Errorf("%+v, %v", empty, err)
	}
}

// TestTableErrors: each of the two files is told from the other's, and what they
// share has the same words in both.
func TestTableErrors(t *testing.T) {
	const (
		a = "customers:\n- id: a\n  addresses: [192.0.2.1]\n  domains: [a.org]\n  blocks: [{first: 1000, last: 1999}]\n" // lines 3 to 7
		b = "- id: b\n"                                                                                                  // line 8
	)
	tests := []struct{ name, text, want string }{
		{"nothing", "", "f:1: a table needs a version of 1 or more, higher than that of the table before\n" +
			"f:1: a table needs the time when it was issued, as 2026-01-31T12:00:00Z"},
		{"no version", "issued: 2026-01-31T12:00:00Z", "f:1: a table needs a version of 1 or more, higher than that of the table before"},
		{"version 0", "issued: 2026-01-31T12:00:00Z\nversion: 0", "f:2: a table needs a version of 1 or more, higher than that of the table before"},
		{"version -1", "version: -1", `f:1: version: "-1" is no number from 0 to 18446744073709551615`},
		{"version beyond", "issued: 2026-01-31T12:00:00Z\nversion: 9007199254740992", "f:2: version 9007199254740992 is out of range: from 1 to 9007199254740991"},
		{"not issued", "version: 1", "f:1: a table needs the time when it was issued, as 2026-01-31T12:00:00Z"},
		{"issued some day", "issued: monday", `f:1: issued: "monday" is no time; write it as 2026-01-31T12:00:00Z`},
		{"issued long ago", "version: 1\nissued: 0001-01-02T00:00:00Z", "f:2: 0001-01-02 00:00:00 +0000 UTC is no time when a table was issued"},
		{"half a grid", tableHead + "grid: {start: 1000}", "f:3: a grid needs both: start, as 1000, and size, as 1000"},
		{"the other half", tableHead + "grid:\n  size: 1000", "f:3: a grid needs both: start, as 1000, and size, as 1000"},
		{"grid of no number", tableHead + "grid:\n  start: +1000\n  size: 1000", `f:4: start "+1000": write the first number of the grid, of at most 18 digits and without +`},
		{"grid of many digits", tableHead + "grid:\n  start: 1000000000000000000\n  size: 1000", `f:4: start "1000000000000000000": write the first number`},
		{"grid of negative size", tableHead + "grid:\n  start: 1000\n  size: -1", "f:5: -1 is out of range: from 1 to 1000000000"},
		{"grid without room", tableHead + "grid:\n  start: 9500\n  size: 1000", "f:5: no block of 1000 numbers fits between 9500 and 9999"},
		{"unknown key", tableHead + "verson: 8", `f:3: unknown key "verson"; did you mean "version"?`},
		{"a key of the agent", tableHead + "node: sw1", `f:3: unknown key "node"; known are carriers, customers, grid, issued, version`},
		{"unknown key of a customer", tableHead + a + "  block: []", `f:8: unknown key "block" in customers[0]; did you mean "blocks"?`},
		{"unknown key of a block", tableHead + a + b + "  blocks:\n  - frist: 1", `f:10: unknown key "frist" in customers[1].blocks[0]; did you mean "first"?`},
		{"blocks of a carrier", tableHead + "carriers:\n- id: t\n  blocks: []", `f:5: unknown key "blocks" in carriers[0]; known are addresses, channels, domains, id`},
		{"key twice", tableHead + "version: 8", `f:3: key "version" is given twice, first in line 1`},
		{"overlap", tableHead + a + b + "  blocks:\n  - {first: 5000, last: 5999}\n  - {first: 1999, last: 2998}", "f:11: block 1999-2998 of b overlaps block 1000-1999 of a in line 7"},
		{"overlap of one", tableHead + a + b + "  blocks:\n  - {first: 5000, last: 5999}\n  - {first: 5000, last: 5999}", "f:11: block 5000-5999 of b overlaps block 5000-5999 of b in line 10"},
		{"overlaps", tableHead + a + b + "  blocks:\n  - {first: 1000, last: 1000}\n  - {first: 1500, last: 1600}",
			"f:10: block 1000-1000 of b overlaps block 1000-1999 of a in line 7\nf:11: block 1500-1600 of b overlaps block 1000-1999 of a in line 7"},
		{"reversed", tableHead + a + b + "  blocks:\n  - {first: 2999, last: 2000}", `f:10: block "2999" to "2000": write two numbers of equal length without +, the smaller as first`},
		{"unequal", tableHead + a + b + "  blocks:\n  - {first: 900, last: 1999}", `f:10: block "900" to "1999": write two numbers of equal length`},
		{"plus", tableHead + a + b + "  blocks:\n  - {first: +900, last: +999}", `f:10: block "+900" to "+999": write two numbers of equal length`},
		{"half a block", tableHead + a + b + "  blocks:\n  - {first: 900}", `f:10: block "900" to "": write two numbers`},
		{"same id", tableHead + a + "- id: a", "f:8: customer a is listed twice"},
		{"same address", tableHead + a + b + "  addresses:\n  - 192.0.2.1", "f:10: address 192.0.2.1 of customer b belongs to customer a already, in line 5"},
		{"same domain", tableHead + a + "carriers:\n- id: c\n  domains:\n  - A.org", "f:11: domain a.org of carrier c belongs to customer a already, in line 6"},
		{"no id", tableHead + a + "- channels: 2", "f:8: a customer needs an id"},
		{"bad id", tableHead + "customers:\n- id: -a", `f:4: id "-a": use 1 to 63 letters`},
		{"bad domain", tableHead + "customers:\n- id: a\n  domains: [\"a\\\"b\"]", `f:5: domain "a\"b": write the host part of a SIP address alone`},
		{"not YAML", tableHead + "customers: [", "f:3: "},
		{"cut", "version: 7\nissued: 2026-01-31T12:00:00Z\ncustomers:\n- id: a\n  blocks:\n  - {first: 10", "f:6: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseTable("f", []byte(tt.text))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f" || e.Line < 1 {
				t.Errorf("no file and line in %#v", err)
			}
		})
	}
}

// TestTableErrorsTogether: one look at the message is enough, however many there are.
func TestTableErrorsTogether(t *testing.T) {
	_, err := ParseTable("f", []byte(`grid: {start: 1000, size: -3}
customers:
- {id: a, blocks: [{first: 20, last: 10}]}
- {id: a}
carriers:
- {id: unknown}
`))
	want := `f:1: a table needs a version of 1 or more, higher than that of the table before
f:1: a table needs the time when it was issued, as 2026-01-31T12:00:00Z
f:1: -3 is out of range: from 1 to 1000000000
f:3: block "20" to "10": write two numbers of equal length without +, the smaller as first
f:4: customer a is listed twice
f:6: id "unknown": use 1 to 63 letters, digits, dots, dashes and underscores, and not "unknown"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = ParseTable("f", []byte(tableHead+"customers:\n"+strings.Repeat("- id: a\n", 5001)))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 101 || lines[0] != "f:5: customer a is listed twice" || lines[100] != "and 4900 problems more" {
		t.Errorf("%d lines: %s ... %s", len(lines), lines[0], lines[len(lines)-1])
	}
}

// large is a table of 10,000 customers with 50,000 blocks.
func large() *Table {
	t := &Table{Version: 1, Issued: theTable.Issued, Grid: Grid{"1000000", 100}}
	for i := range 10_000 {
		c := Customer{
			ID: fmt.Sprintf("customer-%05d", i), Channels: 30, Domains: []string{fmt.Sprintf("c%d.example", i)},
			Nets: nets(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)),
		}
		for j := range 5 {
			first := 1_000_000 + 100*(5*i+j)
			c.Blocks = append(c.Blocks, Block{First: strconv.Itoa(first), Last: strconv.Itoa(first + 99)})
		}
		t.Customers = append(t.Customers, c)
	}
	return t
}

// TestLargeTable: what the centre writes is what the quick reader reads, and so
// is what the library reads of it.
func TestLargeTable(t *testing.T) {
	text := large().Text()
	part := text[:race.Of(100<<10, 10<<10)]
	if !same(t, string(part[:bytes.LastIndex(part, []byte("  - id"))])) {
		t.Error("the quick reader gave up")
	}
	if _, ok := quick(string(text)); !ok {
		t.Error("the quick reader gave up on the whole table")
	}
	got, err := ParseTable("f", text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Text(), text) || len(got.Customers) != 10_000 {
		t.Error("it was read as something else")
	}
}

// BenchmarkParseTable reads and checks 10,000 customers with 50,000 blocks.
func BenchmarkParseTable(b *testing.B) {
	text := large().Text()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTable("f", text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseTableYAML is the same by the YAML library: what the quick reader is for.
func BenchmarkParseTableYAML(b *testing.B) {
	text := append(large().Text(), "# ä"...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTable("f", text); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParseTable: a table that is read is written, and read again as the same;
// all else is an error with a line.
func FuzzParseTable(f *testing.F) {
	f.Add(theText)
	f.Add(tableHead)
	f.Add(tableHead + "customers: [{id: a, blocks: [{first: 1, last: 2}]}]")
	f.Add(tableHead + "customers: [{id: a, domains: [\"\\u00e4\", '', \"\\x07\"]}]")
	f.Add("version: 1\nissued: 2026-01-31T12:00:00.123456789+02:00\ngrid: {start: 007, size: 1}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			t.Skip("deep nesting takes the square of its length")
		}
		first, err := ParseTable("f", []byte(text))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 {
				t.Errorf("no line in %v", err)
			}
			return
		}
		written := first.Text()
		again, err := ParseTable("f", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(first, again, tableOptions); diff != "" {
			t.Errorf("%s in\n%s", diff, written)
		}
		same(t, string(written))
	})
}

// BenchmarkParseAgent reads and checks an agent's own file with those customers.
func BenchmarkParseAgent(b *testing.B) {
	_, text, _ := bytes.Cut(large().Text(), []byte("customers:\n"))
	text = append([]byte("node: sw1\n# by hand\ncustomers:\n"), text...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", text); err != nil {
			b.Fatal(err)
		}
	}
}
