package media

import (
	"slices"

	"github.com/sipward/sipward/sip/parse"
)

// Summary is what one party of a call received.
type Summary struct {
	Counters
	EventPackets uint64
	Streams      int // flows, those that were summed up included
	Hop          uint8
	Codec        string
	Presses      int
	Digits       string // empty when digits are only counted
	MOS          float64
	Encrypted    bool
}

// Summarize says what side to received of kind in the flows of one owner. A
// proxy's relay shows each packet on both its hops, with the SSRC and timestamp
// kept or rewritten, so hops are never added up: the counters are those of the
// hop with the most packets, the digits those of the hop with the most presses.
// Within a hop, flows add up: a changed SSRC does not undo what was pressed
// before. A kind of 0 means any.
func Summarize(flows []*Flow, to Side, kind parse.MediaKind) Summary {
	var hops []Summary
	for _, f := range inOrder(flows) {
		s := f.Spec()
		if f.To() != to || kind != 0 && s.Kind != kind {
			continue
		}
		h := hopOf(&hops, s.Hop)
		h.Counters.add(&f.Counters)
		h.EventPackets += f.EventPackets
		h.Streams += int(max(f.Folded, 1))
		h.Presses += f.Presses()
		h.Digits = clip(h.Digits + f.Digits())
		h.Codec, h.Encrypted = s.Codec, s.Encrypted
	}
	best := busiest(hops)
	best.MOS = mos(best.Codec, best.Packets, best.Lost, best.Jitter)
	return best
}

// inOrder returns the flows by the time of their first packet, which is the
// order of the digits in them.
func inOrder(flows []*Flow) []*Flow {
	sorted := slices.Clone(flows)
	slices.SortStableFunc(sorted, func(a, b *Flow) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	return sorted
}

// hopOf returns the summary of hop, a new one if need be. A leg has few hops.
func hopOf(hops *[]Summary, hop uint8) *Summary {
	for i := range *hops {
		if (*hops)[i].Hop == hop {
			return &(*hops)[i]
		}
	}
	*hops = append(*hops, Summary{Hop: hop})
	return &(*hops)[len(*hops)-1]
}

// busiest returns the summary of the hop with the most packets, with the
// digits of the hop with the most presses.
func busiest(hops []Summary) Summary {
	var packets, presses Summary
	for _, h := range hops {
		if h.Packets > packets.Packets {
			packets = h
		}
		if h.Presses > presses.Presses {
			presses = h
		}
	}
	packets.Presses, packets.Digits = presses.Presses, presses.Digits
	return packets
}
