package media

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func span(from, n int) (out []uint16) {
	for i := range n {
		out = append(out, uint16(from+i))
	}
	return out
}

func TestLoss(t *testing.T) {
	cases := map[string]struct {
		seqs           []uint16
		lost, restarts int
	}{
		"none":                         {span(0, 100), 0, 0},
		"one packet":                   {span(7, 1), 0, 0},
		"a gap":                        {slices.Concat(span(0, 10), span(15, 10)), 5, 0},
		"across the wrap":              {span(65500, 100), 0, 0},
		"a gap across the wrap":        {slices.Concat(span(65530, 3), span(65540, 10)), 7, 0},
		"several wraps":                {span(0, 200_000), 0, 0},
		"overtaken":                    {[]uint16{1, 2, 4, 3, 5}, 0, 0},
		"overtaken across the wrap":    {[]uint16{65534, 0, 65535, 1}, 0, 0},
		"backwards":                    {[]uint16{9, 8, 7, 6, 5}, 0, 0},
		"a block overtaken":            {slices.Concat(span(0, 10), span(20, 10), span(10, 10), span(30, 5)), 0, 0},
		"duplicates":                   {[]uint16{1, 1, 2, 2, 3, 3}, 0, 0},
		"duplicates do not hide loss":  {[]uint16{1, 1, 1, 1, 4, 4}, 2, 0},
		"a gap filled once, not twice": {[]uint16{1, 4, 3, 3, 3}, 1, 0},
		"late beyond the window":       {slices.Concat(span(0, 10), span(11, 80), []uint16{10}), 1, 0},
		"a large gap is loss":          {slices.Concat(span(0, 10), span(1009, 10)), 999, 0},
		"jump forward":                 {slices.Concat(span(0, 10), span(30000, 10)), 0, 1},
		"jump back":                    {slices.Concat(span(30000, 10), span(5, 10)), 0, 1},
		"jump by 3000":                 {slices.Concat(span(0, 10), span(9+3000, 10)), 0, 1},
		"jump, then a gap":             {slices.Concat(span(0, 10), span(30000, 10), span(30012, 10)), 2, 1},
		"jump there and back":          {slices.Concat(span(0, 10), span(30000, 10), span(10, 10)), 0, 2},
		"a stray packet":               {slices.Concat(span(0, 10), []uint16{40000}, span(10, 10)), 0, 0},
		"strays of no order":           {slices.Concat(span(0, 10), []uint16{40000, 20000, 50000}, span(10, 10)), 0, 0},
		"one number in three packets":  {[]uint16{1, 2, 3, 3, 3, 4}, 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var q sequence
			lost, restarts := int64(0), 0
			for _, s := range c.seqs {
				n, what := q.next(s)
				lost += n
				if what == stepRestart {
					restarts++
				}
				if lost < 0 {
					t.Fatalf("%d lost after %d", lost, s)
				}
			}
			if lost != int64(c.lost) || restarts != c.restarts {
				t.Errorf("lost %d, restarts %d; want %d, %d", lost, restarts, c.lost, c.restarts)
			}
		})
	}
}

// TestLossOfRandomNetworks compares with a set of all numbers that came.
func TestLossOfRandomNetworks(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		type arrival struct{ at, seq int }
		var all []arrival
		first := r.IntN(65536)
		for i := range 2000 {
			if r.Float64() < 0.1 && i > 0 {
				continue
			}
			all = append(all, arrival{i + r.IntN(20), first + i})
			if r.Float64() < 0.1 {
				all = append(all, arrival{i + r.IntN(20), first + i})
			}
		}
		slices.SortStableFunc(all, func(a, b arrival) int { return a.at - b.at })
		var q sequence
		lost, begin, end := int64(0), all[0].seq, all[0].seq
		came := map[int]bool{}
		for _, a := range all {
			n, _ := q.next(uint16(a.seq))
			lost += n
			came[a.seq] = true
			end = max(end, a.seq)
		}
		want := int64(0)
		for s := begin; s <= end; s++ {
			if !came[s] {
				want++
			}
		}
		if lost != want {
			t.Fatalf("seed %d: lost %d, want %d", seed, lost, want)
		}
	}
}

func TestJitter(t *testing.T) {
	cases := map[string]struct {
		arrivals []int64 // ms
		ts       []uint32
		hz       uint32
		want     int64 // ns
	}{
		"steady, 8 kHz":              {[]int64{0, 20, 40, 60}, []uint32{0, 160, 320, 480}, 8000, 0},
		"steady, 48 kHz":             {[]int64{0, 20, 40, 60}, []uint32{0, 960, 1920, 2880}, 48000, 0},
		"one packet":                 {[]int64{0}, []uint32{0}, 8000, 0},
		"16 ms late":                 {[]int64{0, 36}, []uint32{0, 160}, 8000, 1_000_000},
		"16 ms early":                {[]int64{0, 4}, []uint32{0, 160}, 8000, 1_000_000},
		"late, then steady":          {[]int64{0, 36, 56}, []uint32{0, 160, 320}, 8000, 937_500},
		"silence suppressed":         {[]int64{0, 20, 1020}, []uint32{0, 160, 8160}, 8000, 0},
		"timestamp wraps":            {[]int64{0, 20}, []uint32{0xFFFFFFF0, 144}, 8000, 0},
		"the sender's clock was set": {[]int64{0, 20, 40}, []uint32{0, 3_000_000_000, 3_000_000_160}, 8000, 0},
		"no clock":                   {[]int64{0, 36}, []uint32{0, 160}, 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var j jitter
			got := int64(0)
			for i := range c.arrivals {
				got = j.next(got, c.arrivals[i]*ms, c.ts[i], c.hz)
			}
			if got != c.want {
				t.Errorf("%d ns, want %d", got, c.want)
			}
		})
	}
}
