package table

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sipward/sipward/configs"
)

// large is a table of 10,000 customers with 50,000 blocks, beside its version.
func large(t testing.TB, version int) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "version: %d\nissued: 2026-01-31T12:00:00Z\ncustomers:\n", version)
	for i := range 10_000 {
		fmt.Fprintf(&s, "  - id: customer-%05d\n    addresses: [10.%d.%d.0/24]\n    domains: [c%d.example]\n    blocks:\n", i, i>>8, i&255, i)
		for j := range 5 {
			first := 1_000_000 + 100*(5*i+j)
			fmt.Fprintf(&s, "      - {first: %d, last: %d}\n", first, first+99)
		}
	}
	return signed(t, s.String(), 'a')
}

// BenchmarkOffer verifies, reads, writes and hands over a large table.
func BenchmarkOffer(b *testing.B) {
	k := New(Config{Dir: b.TempDir(), Keys: nil, Use: func(*configs.Table) error { return nil }})
	k.SetKeys(keysOf("a"))
	if _, err := k.Open(); err != nil {
		b.Fatal(err)
	}
	version := 0
	b.SetBytes(int64(len(large(b, 1))))
	for b.Loop() {
		b.StopTimer()
		version++
		offer := large(b, version)
		b.StartTimer()
		if err := k.Offer(offer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOfferAgain is what every new connection costs: the same table comes again.
func BenchmarkOfferAgain(b *testing.B) {
	k := New(Config{Dir: b.TempDir(), Keys: keysOf("a"), Use: func(*configs.Table) error { return nil }})
	if _, err := k.Open(); err != nil {
		b.Fatal(err)
	}
	offer := large(b, 1)
	for b.Loop() {
		if err := k.Offer(offer); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzOffer: whatever comes, the table in force is one that was signed, and never
// an older one.
func FuzzOffer(f *testing.F) {
	f.Add(signed(f, text(6, fine), 'a'), "version: 6\nissued: 2026-01-31T12:00:00Z\n")
	f.Add(signed(f, text(4, fine), 'a'), "version: 5\nissued: 2026-01-31T12:00:00Z\n")
	f.Add([]byte("# signature ed25519"), "version: [")
	var now uint64
	k := New(Config{Dir: f.TempDir(), Keys: keysOf("a"), Use: func(x *configs.Table) error {
		if x.Version <= now {
			return fmt.Errorf("from %d back to %d", now, x.Version)
		}
		now = x.Version
		return nil
	}})
	if _, err := k.Open(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		before := now
		if err := k.Offer(raw); err == nil && !bytes.Contains(raw, []byte("# signature ed25519 ")) {
			t.Errorf("an unsigned table was taken")
		}
		if err := k.Offer(signed(t, text, 'a')); err != nil && strings.Contains(err.Error(), "back to") || now < before {
			t.Errorf("%d after %d: %v", now, before, err)
		}
	})
}
