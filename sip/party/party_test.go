package party

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func customer(name string, prefixes ...string) Entry {
	e := Entry{Name: name, Kind: Customer}
	for _, p := range prefixes {
		e.Addresses = append(e.Addresses, prefix(p))
	}
	return e
}

func (e Entry) with(blocks ...Block) Entry { e.Blocks = blocks; return e }

func TestTheLongestPrefixWins(t *testing.T) {
	b, err := NewBook([]Entry{
		customer("all", "0.0.0.0/0", "::/0"),
		customer("ten", "10.0.0.0/8", "2001:db8::/32"),
		customer("half", "10.128.0.0/9", "2001:db8:8000::/33"),
		customer("host", "10.128.0.0/32", "10.255.255.255/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"),
		customer("end", "255.255.255.255/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]string{
		"0.0.0.0": "all", "9.255.255.255": "all", "10.0.0.0": "ten", "10.127.255.255": "ten", "10.128.0.0": "host",
		"10.128.0.1": "half", "10.255.255.254": "half", "10.255.255.255": "host", "11.0.0.0": "all", "255.255.255.254": "all",
		"255.255.255.255": "end", "::": "all", "2001:db8::": "ten", "2001:db8:7fff::": "ten", "2001:db8:8000::": "half",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff": "host", "2001:db9::": "all", "::ffff:10.0.0.1": "ten",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "end", "fe80::1%eth0": "all",
	} {
		if got := b.Name(b.ByAddr(addr(a))); got != want {
			t.Errorf("%s is %s, want %s", a, got, want)
		}
	}
	if id := b.ByAddr(netip.Addr{}); id != Unknown {
		t.Errorf("no address is %d", id)
	}
}

// TestPrefixesByBruteForce compares with a look at every prefix.
func TestPrefixesByBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	random := func(v6 bool) netip.Addr { // few bits differ, so that prefixes nest
		if v6 {
			var a [16]byte
			a[0], a[7], a[8], a[15] = 0xfd, byte(rng.IntN(4)), byte(rng.IntN(4)<<6), byte(rng.IntN(8))
			return netip.AddrFrom16(a)
		}
		return netip.AddrFrom4([4]byte{byte(rng.IntN(2) * 255), byte(rng.IntN(4) << 6), byte(rng.IntN(4)), byte(rng.IntN(256))})
	}
	for round := range 200 {
		var entries []Entry
		seen := map[netip.Prefix]bool{}
		for i := range 1 + rng.IntN(40) {
			a := random(rng.IntN(2) == 0)
			p := netip.PrefixFrom(a, rng.IntN(a.BitLen()+1)).Masked()
			if !seen[p] {
				seen[p] = true
				entries = append(entries, customer(fmt.Sprint(i), p.String()))
			}
		}
		b, err := NewBook(entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			a, want, longest := random(rng.IntN(2) == 0), UnknownName, -1
			for _, e := range entries {
				if p := e.Addresses[0]; p.Contains(a) && p.Bits() > longest {
					want, longest = e.Name, p.Bits()
				}
			}
			if got := b.Name(b.ByAddr(a)); got != want {
				t.Fatalf("round %d: %s is %s, want %s in %v", round, a, got, want, entries)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	b, err := NewBook([]Entry{
		customer("acme").with(Block{"1000", "1999"}, Block{"0100", "0199"}),
		customer("bolt").with(Block{"2000", "2000"}, Block{"10000", "19999"}, Block{strings.Repeat("9", 17) + "0", strings.Repeat("9", 18)}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]string{
		"1000": "acme", "1999": "acme", "+1500": "acme", "0999": "", "2000": "bolt", "2001": "", "100": "", "0100": "acme", "00100": "",
		"0199": "acme", "0200": "", "10000": "bolt", "19999": "bolt", "09999": "", "20000": "", "": "", "+": "", "++1000": "", "1000 ": "",
		"10a0": "", "１０００": "", strings.Repeat("9", 18): "bolt", strings.Repeat("9", 19): "", "1" + strings.Repeat("0", 18): "",
		strings.Repeat("1000", 50): "", "0": "", "-1000": "",
	} {
		block, owner, ok := b.BlockOf(Pack(number))
		if got := b.Name(owner); ok != (want != "") || ok && (got != want || !block.Contains(number)) {
			t.Errorf("%q is in %s of %s, want %q", number, block, got, want)
		}
		if b.ByNumber(number) != owner {
			t.Errorf("%q: ByNumber and BlockOf differ", number)
		}
	}
	if got := b.Blocks(b.ByName(Customer, "acme")); !slices.Equal(got, []Block{{"0100", "0199"}, {"1000", "1999"}}) {
		t.Errorf("%v", got)
	}
	if got := b.Blocks(Unknown); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// FuzzPack: a Number is its digits, in the order of length, then value.
func FuzzPack(f *testing.F) {
	for _, s := range []string{"", "+", "0", "00", "1000", "+49301234567", "999999999999999999", "1000000000000000000", "10a", "18446744073709551615"} {
		f.Add(s, "0100")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		trim := func(s string) string { return strings.TrimPrefix(s, "+") }
		a, b := Pack(x), Pack(y)
		if (a != 0) != (Digits(x) && len(trim(x)) <= MaxDigits) || a != 0 && a.String() != trim(x) || a == 0 && a.String() != "" {
			t.Fatalf("%q is %d, %q", x, a, a)
		}
		if a == 0 || b == 0 {
			return
		}
		less := len(trim(x)) < len(trim(y)) || len(trim(x)) == len(trim(y)) && trim(x) < trim(y)
		if (a < b) != less || (a == b) != (trim(x) == trim(y)) {
			t.Fatalf("%q and %q are %d and %d", x, y, a, b)
		}
	})
}

func TestWhatContradicts(t *testing.T) {
	with := func(e Entry, domain string) Entry { e.Domains = []string{domain}; return e }
	for _, c := range []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"one prefix", []Entry{customer("a", "10.0.0.0/8"), customer("b", "10.1.0.0/8")}, "address 10.0.0.0/8 belongs to customer a and to customer b"},
		{"one prefix, once mapped", []Entry{customer("a", "10.0.0.0/8"), customer("b", "::ffff:10.0.0.0/104")}, "address 10.0.0.0/8 belongs to customer a and to customer b"},
		{"no prefix", []Entry{{Name: "a", Kind: Customer, Addresses: make([]netip.Prefix, 1)}}, "an address of customer a is none"},
		{"one domain", []Entry{with(customer("a"), "X.example"), with(customer("b"), "x.example")}, "domain x.example belongs to customer a and to customer b"},
		{"one name", []Entry{customer("a"), customer("a")}, "customer a is listed twice"},
		{"overlap", []Entry{customer("a").with(Block{"1000", "1999"}), customer("b").with(Block{"1999", "2999"})}, "block 1000-1999 of customer a overlaps block 1999-2999 of customer b"},
		{"inside", []Entry{customer("a").with(Block{"1000", "1999"}), customer("b").with(Block{"1500", "1500"})}, "overlaps"},
		{"the same", []Entry{customer("b").with(Block{"1000", "1999"}), customer("a").with(Block{"1000", "1999"})}, "block 1000-1999 of customer b overlaps block 1000-1999 of customer a"},
		{"inside an earlier one", []Entry{customer("a").with(Block{"1000", "4999"}, Block{"6000", "6999"}), customer("b").with(Block{"4000", "4100"})}, "overlaps"},
		{"its own", []Entry{customer("a").with(Block{"1000", "1999"}, Block{"1999", "2000"})}, "overlaps"},
		{"reversed", []Entry{customer("a").with(Block{"1999", "1000"})}, "the smaller first"},
		{"widths", []Entry{customer("a").with(Block{"999", "1000"})}, "equal length"},
		{"no number", []Entry{customer("a").with(Block{"10a0", "10b0"})}, "need two numbers"},
		{"with a +", []Entry{customer("a").with(Block{"+100", "+199"})}, "need two numbers"},
		{"nothing", []Entry{customer("a").with(Block{})}, "need two numbers"},
		{"too long", []Entry{customer("a").with(Block{strings.Repeat("1", 19), strings.Repeat("2", 19)})}, "at most 18 digits"},
	} {
		if _, err := NewBook(c.entries, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := NewBook([]Entry{customer("a", "10.0.0.0/8", "10.0.0.0/8"), {Name: "a", Kind: Carrier}}, nil); err != nil {
		t.Errorf("twice its own prefix, and a carrier of that name: %v", err)
	}
}

func TestNextKeepsIDs(t *testing.T) {
	first, err := NewBook([]Entry{customer("a", "10.0.0.0/8").with(Block{"1000", "1999"}), customer("b", "11.0.0.0/8")}, []netip.Addr{addr("::ffff:192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.Next([]Entry{customer("c", "10.0.0.0/8").with(Block{"1000", "1999"}), customer("b", "12.0.0.0/8")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := next.ByName(Customer, "a"), next.ByName(Customer, "b"), next.ByName(Customer, "c")
	if a != first.ByName(Customer, "a") || b != first.ByName(Customer, "b") || a == Unknown || b == Unknown || c == Unknown || next.Len() != 4 {
		t.Errorf("a %d, b %d, c %d of %d", a, b, c, next.Len())
	}
	if next.ByAddr(addr("10.1.1.1")) != c || next.ByAddr(addr("11.1.1.1")) != Unknown || next.ByNumber("1000") != c || len(next.Blocks(a)) != 0 ||
		next.Entry(a).Name != "a" || len(next.Entry(a).Blocks) != 0 || !next.Is(a, Customer) {
		t.Error("what a removed party had is still its own")
	}
	if !first.Local(addr("192.0.2.1")) || next.Local(addr("192.0.2.1")) || first.ByNumber("1000") != a {
		t.Error("one book changed with the other")
	}
	if next.ByName(Carrier, "b") != Unknown || next.ByName(Customer, "") != Unknown {
		t.Error("a name is found that is none")
	}
}

func TestRules(t *testing.T) {
	yes, no := customer("yes").with(Block{"1", "2"}), customer("no")
	yes.NonNumeric, no.NonNumeric, no.MaxContacts = Allow, Deny, 3
	b, err := NewBook([]Entry{customer("blocks").with(Block{"3", "4"}), customer("none"), yes, no}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Rule{"blocks": Deny, "none": Allow, "yes": Allow, "no": Deny, UnknownName: Allow} {
		if got := b.NonNumeric(b.ByName(Customer, name)); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	if n := b.MaxContacts(b.ByName(Customer, "no")); n != 3 {
		t.Errorf("%d contacts", n)
	}
}

// manyEntries are 10,000 customers with a prefix and a domain each and 50,000
// blocks between them.
func manyEntries() []Entry {
	entries := make([]Entry, 10_000)
	for i := range entries {
		entries[i] = Entry{
			Name: fmt.Sprintf("customer-%05d", i), Kind: Customer, Domains: []string{fmt.Sprintf("c%05d.pbx.example", i)},
			Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 20+i%13)},
		}
		entries[i].Addresses[0] = netip.PrefixFrom(entries[i].Addresses[0].Addr(), 24+i%9)
	}
	for i := range 50_000 {
		e := &entries[i*7919%len(entries)]
		e.Blocks = append(e.Blocks, Block{fmt.Sprintf("49%07d", i*100), fmt.Sprintf("49%07d", i*100+99)})
	}
	return entries
}

// TestATableOfManyIsFound: BenchmarkNewBook says how long it takes to build.
func TestATableOfManyIsFound(t *testing.T) {
	entries := manyEntries()
	b, err := NewBook(entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if id := b.ByName(Customer, e.Name); int(id) != i+1 || b.ByAddr(e.Addresses[0].Addr()) != id || b.ByNumber(e.Blocks[0].Last) != id || b.ByDomain(e.Domains[0]) != id {
			t.Fatalf("%s is not found", e.Name)
		}
	}
}

func BenchmarkNewBook(b *testing.B) {
	entries := manyEntries()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewBook(entries, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	book, err := NewBook(manyEntries(), nil)
	if err != nil {
		b.Fatal(err)
	}
	addrs, numbers := make([]netip.Addr, 4096), make([]string, 4096)
	for i := range addrs {
		addrs[i] = netip.AddrFrom4([4]byte{10, byte(i * 13 >> 8), byte(i * 13), byte(i)})
		numbers[i] = fmt.Sprintf("49%07d", i*1217%5_000_000)
	}
	b.Run("address", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			book.ByAddr(addrs[i&4095])
		}
	})
	b.Run("number", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			book.ByNumber(numbers[i&4095])
		}
	})
}

func TestValid(t *testing.T) {
	for b, want := range map[Block]bool{
		{"1000", "1999"}: true, {"0100", "0100"}: true, {"000000000000000000", "999999999999999999"}: true,
		{}: false, {"1000", ""}: false, {"2", "1"}: false, {"0100", "99"}: false, {"+1", "+2"}: false,
		{"1a", "1b"}: false, {"0000000000000000000", "9999999999999999999"}: false,
	} {
		if b.Valid() != want {
			t.Errorf("%v: %v", b, !want)
		}
	}
}
