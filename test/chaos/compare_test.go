package chaos

import (
	"fmt"
	"slices"
	"time"
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

// traces are what became of the calls that were played for one node.
type traces struct {
	played, seen int      // all calls; of those: stored
	sure         int      // that began long before the agent was killed
	unseen       []string // of the sure ones: not stored
}

// Times around a kill. An agent is given some time until it listens; and what
// it knows of calls that go on is on disk two seconds later.
const (
	untilListening = time.Second
	untilKept      = 2500 * time.Millisecond
)

// compareTraffic follows the calls that were played: none is stored that was not
// among them, and those that began while the agent ran, and for some time to
// come, are stored.
func compareTraffic(node string, stored []entry, played map[string]time.Time, alive []life) (tr traces, out []finding) {
	have := make(map[string]bool)
	for _, e := range stored {
		if e.kind != kindCall || e.node != node {
			continue
		}
		if have[e.callID] = true; played[e.callID].IsZero() {
			out = append(out, finding{node, invented, fmt.Sprintf("%s is of Call-ID %q, which was never played", e.key, e.callID)})
		}
	}
	tr.played = len(played)
	for id, began := range played {
		sure := slices.ContainsFunc(alive, func(l life) bool {
			return began.After(l.from.Add(untilListening)) && began.Before(l.to.Add(-untilKept))
		})
		tr.seen += int(one(have[id]))
		tr.sure += int(one(sure))
		if sure && !have[id] {
			tr.unseen = append(tr.unseen, fmt.Sprintf("%s at %s", id, began.UTC().Format(logTime)))
		}
	}
	slices.Sort(tr.unseen)
	return tr, out
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
