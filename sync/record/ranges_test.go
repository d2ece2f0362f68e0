package record

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// TestRangesAgainstMap does random things to a set and to a map of the same
// numbers, and compares all that can be asked.
func TestRangesAgainstMap(t *testing.T) {
	const top = 40
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		var set Ranges
		numbers := map[uint64]bool{}
		for range 30 {
			x := Range{r.Uint64N(top), r.Uint64N(top)}
			remove := r.IntN(3) == 0
			if remove {
				set.Remove(x)
			} else {
				set.Add(x)
			}
			for n := x.First; n <= x.Last && x.First != 0; n++ {
				numbers[n] = !remove
			}
			if why := differs(set, numbers, Range{r.Uint64N(top), r.Uint64N(top)}); why != "" {
				t.Fatalf("seed %d: %s: %v", seed, why, set)
			}
		}
	}
}

// differs says where set and the map of its numbers do not agree.
func differs(set Ranges, numbers map[uint64]bool, asked Range) string {
	count, last, missing := uint64(0), uint64(0), Ranges{}
	for n := uint64(1); n <= 64; n++ {
		if set.Has(n) != numbers[n] {
			return fmt.Sprintf("%d: in the set %v", n, set.Has(n))
		}
		if numbers[n] {
			count, last = count+1, n
		} else if asked.First != 0 && n >= asked.First && n <= asked.Last {
			missing.Add(Range{n, n})
		}
	}
	contiguous := uint64(0)
	for numbers[contiguous+1] {
		contiguous++
	}
	for i, x := range set {
		if x.Len() == 0 || i > 0 && x.First <= set[i-1].Last+1 {
			return "ranges are empty, touch or are out of order"
		}
	}
	switch {
	case set.Len() != count, set.Last() != last, set.Contiguous() != contiguous:
		return fmt.Sprintf("%d numbers up to %d, without a gap to %d, want %d, %d, %d", set.Len(), set.Last(), set.Contiguous(), count, last, contiguous)
	case set.Contains(asked) != (len(missing) == 0):
		return fmt.Sprintf("contains %v: %v", asked, set.Contains(asked))
	case !slices.Equal(set.Missing(asked), missing):
		return fmt.Sprintf("missing of %v: %v, want %v", asked, set.Missing(asked), missing)
	}
	return ""
}

func TestRangesAtTheEdges(t *testing.T) {
	const top = math.MaxUint64
	for _, tt := range []struct {
		name string
		add  []Range
		want Ranges
	}{
		{"none", nil, nil},
		{"empty and reversed", []Range{{0, 0}, {0, 5}, {7, 6}}, nil},
		{"touching", []Range{{1, 2}, {5, 6}, {3, 4}}, Ranges{{1, 6}}},
		{"before", []Range{{5, 6}, {1, 2}}, Ranges{{1, 2}, {5, 6}}},
		{"over several", []Range{{2, 2}, {4, 4}, {6, 6}, {3, 5}}, Ranges{{2, 6}}},
		{"to the last number", []Range{{5, top}, {1, 4}, {7, 9}}, Ranges{{1, top}}},
		{"the last number twice", []Range{{top, top}, {top - 1, top}}, Ranges{{top - 1, top}}},
		{"same again", []Range{{3, 5}, {3, 5}, {4, 4}}, Ranges{{3, 5}}},
	} {
		var got, all Ranges
		for _, r := range tt.add {
			got.Add(r)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		all.AddAll(got)
		if c := got.Clone(); !slices.Equal(all, c) {
			t.Errorf("%s: all of %v added is %v, cloned %v", tt.name, got, all, c)
		}
	}
	s := Ranges{{1, top}}
	s.Remove(Range{top, top})
	s.Remove(Range{1, 1})
	if !slices.Equal(s, Ranges{{2, top - 1}}) {
		t.Errorf("without its ends: %v", s)
	}
	if m := (Ranges{{2, top - 1}}).Missing(Range{1, top}); !slices.Equal(m, Ranges{{1, 1}, {top, top}}) {
		t.Errorf("missing: %v", m)
	}
}

// TestCursor: a set survives an ack, which a peer may fill with nonsense.
func TestCursor(t *testing.T) {
	for _, set := range []Ranges{nil, {{1, 9}}, {{3, 4}}, {{1, 2}, {5, 6}, {9, math.MaxUint64}}} {
		b, err := EncodeMessage(&Ack{Version: Version, Cursors: []*Cursor{NewCursor(math.MaxUint64, Telemetry, set)}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := DecodeAck(b)
		if err != nil {
			t.Fatal(err)
		}
		c := a.GetCursors()[0]
		if got := c.Done(); !slices.Equal(got, set) || c.GetEpoch() != math.MaxUint64 || c.GetStream() != 2 {
			t.Errorf("%v became %v of %v", set, got, c)
		}
	}
	odd := &Cursor{Beyond: []*Span{nil, {First: 9, Last: 3}, {Last: 4}, {First: 5, Last: 6}}}
	if got := odd.Done(); !slices.Equal(got, Ranges{{5, 6}}) {
		t.Errorf("nonsense: %v", got)
	}
	if proto.Size(NewCursor(1, Calls, Ranges{{1, 1 << 40}})) > 24 {
		t.Error("a cursor without gaps is not small")
	}
}

// BenchmarkRangesAdd adds ranges in order, with gaps that close behind.
func BenchmarkRangesAdd(b *testing.B) {
	b.ReportAllocs()
	var s Ranges
	n := uint64(1)
	for b.Loop() {
		s.Add(Range{n + 10, n + 19})
		s.Add(Range{n, n + 9})
		n += 20
	}
}

// TestRangesMinusAnd compares both with what they mean of each number.
func TestRangesMinusAnd(t *testing.T) {
	const top = 40
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 8))
		var a, b Ranges
		for range r.IntN(8) {
			a.Add(Range{1 + r.Uint64N(top), r.Uint64N(top)})
			b.Add(Range{1 + r.Uint64N(top), r.Uint64N(top)})
		}
		minus, and := map[uint64]bool{}, map[uint64]bool{}
		for n := uint64(1); n <= top; n++ {
			minus[n], and[n] = a.Has(n) && !b.Has(n), a.Has(n) && b.Has(n)
		}
		none := Range{1, 0}
		if why := differs(a.Minus(b), minus, none); why != "" {
			t.Fatalf("seed %d: %v minus %v is %v: %s", seed, a, b, a.Minus(b), why)
		}
		if why := differs(a.And(b), and, none); why != "" {
			t.Fatalf("seed %d: %v and %v is %v: %s", seed, a, b, a.And(b), why)
		}
	}
}
