package dtmf

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// network is what happens to a sequence of presses on the way.
type network struct {
	loss, duplicate float64
	displaced       int  // how many packets one can be overtaken by
	spare           bool // leave at least one packet of each press
}

// mangle returns the packets as they arrive.
func (n network) mangle(r *rand.Rand, presses [][]sent) (out []sent) {
	type arrival struct {
		at int
		p  sent
	}
	var all []arrival
	sentAt := 0
	for _, press := range presses {
		spared := r.IntN(len(press))
		for i, p := range press {
			sentAt++
			if r.Float64() < n.loss && !(n.spare && i == spared) {
				continue
			}
			copies := 1
			for r.Float64() < n.duplicate {
				copies++
			}
			for range copies {
				all = append(all, arrival{sentAt + r.IntN(n.displaced+1), p})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	for _, a := range all {
		out = append(out, a.p)
	}
	return out
}

// typed returns a random sequence of presses by a sender of clock hz.
func typed(r *rand.Rand, hz int) (presses [][]sent, digits []byte) {
	ts, seq, ssrc := r.Uint32(), uint16(r.Uint32()), r.Uint32()
	for range 1 + r.IntN(30) {
		event := uint8(r.IntN(17))
		steps := 2 + r.IntN(6)
		press := keyPress(ssrc, ts, seq, event, steps)
		presses = append(presses, press)
		digits = append(digits, alphabet[event])
		ts += uint32((steps + 1) * hz / 50)
		ts += uint32(hz/100 + r.IntN(hz/4)) // a pause of 10 ms or more
		seq += uint16(steps + 1 + r.IntN(20))
	}
	return presses, digits
}

func TestAnyNetworkGivesNoDigitTwice(t *testing.T) {
	networks := map[string]network{
		"perfect":                      {},
		"lossy":                        {loss: 0.5, spare: true},
		"doubling":                     {duplicate: 0.6},
		"reordering":                   {displaced: 15},
		"everything, a packet is left": {loss: 0.7, duplicate: 0.4, displaced: 15, spare: true},
		"everything, some are gone":    {loss: 0.9, duplicate: 0.4, displaced: 15},
	}
	for name, n := range networks {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(400) {
				r := rand.New(rand.NewPCG(seed, 1))
				hz := []int{8000, 16000, 48000}[r.IntN(3)]
				presses, want := typed(r, hz)
				got := run(n.mangle(r, presses))
				if n.displaced > 0 { // order is that of arrival
					slices.Sort(got)
					slices.Sort(want)
				}
				if n.loss > 0 && !n.spare {
					if !within(got, want) {
						t.Fatalf("seed %d: %q out of %q", seed, got, want)
					}
				} else if !slices.Equal(got, want) {
					t.Fatalf("seed %d: got %q, want %q", seed, got, want)
				}
			}
		})
	}
}

// within reports whether the sorted got is part of the sorted want.
func within(got, want []byte) bool {
	for _, w := range want {
		if len(got) > 0 && got[0] == w {
			got = got[1:]
		}
	}
	return len(got) == 0
}

func run(packets []sent) []byte {
	var d Detector
	var s State
	for _, p := range packets {
		d.Step(&s, p.bytes(), negotiated, true)
	}
	return []byte(s.Digits())
}
