package dialog

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCSeqs(t *testing.T) {
	var c cseqs
	for i, step := range []struct {
		n   uint32
		new bool
	}{
		{0, true}, {0, false}, {2, true}, {1, true}, {1, false}, {2, false}, {0, false}, {34, true}, {33, true},
		{2, false}, {1, false}, {35, true}, {34, false}, {33, false}, {3, true}, {100, true}, {69, true}, {68, true}, {67, false},
		{math.MaxInt32, true}, {100, false}, {math.MaxInt32, false}, {math.MaxInt32 - 1, true},
	} {
		if got := c.add(step.n); got != step.new {
			t.Errorf("step %d: %d is new: %v, want %v", i, step.n, got, step.new)
		}
	}
}

// Numbers that come late, but not too late, and twice are each new once.
func TestCSeqsInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var c cseqs
		fresh, top := map[uint32]bool{}, uint32(0)
		for range 300 {
			n := top + uint32(r.IntN(4))
			if r.IntN(2) == 0 {
				n = top - min(top, uint32(r.IntN(32)))
			}
			top = max(top, n)
			if got := c.add(n); got == fresh[n] {
				t.Fatalf("seed %d: %d is new: %v", seed, n, got)
			}
			fresh[n] = true
		}
	}
}
