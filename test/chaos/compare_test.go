package chaos

import (
	"fmt"
	"slices"
)

// compareFacts says which calls a collector exports otherwise than the agents
// have them.
func compareFacts(accepted []entry, exported map[key]facts) (out []finding) {
	for _, e := range accepted {
		if e.kind != kindCall {
			continue
		}
		if got, ok := exported[e.key]; ok && got != e.details.facts {
			out = append(out, finding{e.node, invented, fmt.Sprintf("%s is exported as %+v, and was %+v", e.key, got, e.details.facts)})
		}
	}
	return out
}

// compareTraffic says which stored calls were never played, and returns how
// many of the played ones are stored.
func compareTraffic(stored []entry, played map[string]map[string]bool) (seen map[string]int, out []finding) {
	seen = make(map[string]int)
	counted := make(map[string]bool)
	for _, e := range stored {
		switch {
		case e.kind != kindCall:
		case !played[e.node][e.callID]:
			out = append(out, finding{e.node, invented, fmt.Sprintf("%s is of Call-ID %q, which was never played", e.key, e.callID)})
		case !counted[e.callID]:
			counted[e.callID] = true
			seen[e.node]++
		}
	}
	return seen, out
}

// span is a range of numbers, both included; spans are what is committed.
type span struct{ first, last uint64 }

type spans map[sequence][]span

func (s spans) holds(k key) bool {
	return slices.ContainsFunc(s[k.sequence], func(r span) bool { return r.first <= k.seq && k.seq <= r.last })
}

// lacks counts the entries that are not committed.
func (s spans) lacks(entries []entry) (n int) {
	for _, e := range entries {
		n += int(one(!s.holds(e.key)))
	}
	return n
}

// compareDone says where numbers are marked as committed that no agent ever
// gave out, or twice.
func compareDone(accepted []entry, done spans) (out []finding) {
	have := make(map[sequence]uint64)
	for _, e := range accepted {
		if done.holds(e.key) {
			have[e.sequence]++
		}
	}
	for q, list := range done {
		if n := (spans{q: list}).total(); n != have[q] {
			out = append(out, finding{q.node, invented, fmt.Sprintf("%s epoch %016x %s: %d numbers are committed, and %d of them are of records: %v", q.node, q.epoch, q.stream, n, have[q], list)})
		}
	}
	return out
}

// total counts all numbers.
func (s spans) total() (n uint64) {
	for _, list := range s {
		for _, r := range list {
			n += r.last - r.first + 1
		}
	}
	return n
}
