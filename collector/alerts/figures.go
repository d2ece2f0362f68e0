package alerts

import (
	"math"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// figures is all that rules are judged by, at one time. It is not safe for concurrent use.
type figures struct {
	// Listening is since when nodes' live messages come in without a break; zero: they do
	// not, and nothing is known of the present.
	Listening time.Time
	Nodes     []Node
	Tally     *tally // nil: it could not be read
	Compared  *compared

	sums   map[party]inUse // of live parties, at summed
	summed time.Time
}

// inUse is what nodes say of one party.
type inUse struct{ use, cps, limit int64 }

// Node is what is known of a node. Times are Unix milliseconds by the collector's clock;
// 0: never.
type Node struct {
	ID              string
	FirstSeenUnixMs int64
	HeardUnixMs     int64 // anything of it, but its will
	LiveUnixMs      int64 // when Live came
	Live            *record.Live
	State           *record.State
}

// Live makes a Node of what a live message and a state say.
func Live(id string, firstSeen, lastSeen time.Time, live *record.Live, liveAt time.Time, state *record.State, stateAt time.Time) Node {
	n := Node{ID: id, Live: live, State: state, FirstSeenUnixMs: unixMs(firstSeen), LiveUnixMs: unixMs(liveAt)}
	n.HeardUnixMs = max(unixMs(lastSeen), unixMs(liveAt))
	if state != nil && state.State == record.StateUp { // a will is not the node's own word
		n.HeardUnixMs = max(n.HeardUnixMs, unixMs(stateAt))
	}
	return n
}

func unixMs(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Limits of what is taken for the present.
const (
	fresh   = 15 * time.Second   // of live figures, which come every second
	silent  = 90 * time.Second   // of a node: its state comes every 30 s, live figures every second
	givenUp = 7 * 24 * time.Hour // of a node: it is expected no more, and its absence is no gap
)

func since(now time.Time, ms int64) time.Duration {
	return max(now.Sub(time.UnixMilli(ms)), 0) // clocks are set back
}

// expected reports whether a node that is silent now is missed.
func (n *Node) expected(now time.Time) bool {
	return n.HeardUnixMs != 0 && since(now, n.HeardUnixMs) < givenUp
}

// speaking reports whether what a node said holds now.
func (n *Node) speaking(now time.Time) bool {
	return n.HeardUnixMs != 0 && since(now, n.HeardUnixMs) < silent && (n.State == nil || n.State.State != record.StateDown)
}

// live returns the node's live figures if they are of now.
func (n *Node) live(now time.Time) *record.Live {
	if n.Live == nil || since(now, n.LiveUnixMs) >= fresh || n.State != nil && n.State.State == record.StateDown {
		return nil
	}
	return n.Live
}

// compared is the newest reconciliation of minute counters and records.
type compared struct {
	AtUnixMs int64
	Rows     []query.Reconciled
}

type party struct{ kind, id string }

// sums is what one party had in one period.
type sums struct {
	outcomes, answered, effective, ended, answeredMs, pddCount, pddSumMs int64
}

// minute is a minute with outcomes of which none was answered.
type minute struct{ unixS, outcomes int64 }

// streak is what a party had since its last answered call, in whole minutes.
type streak struct {
	answered int64 // newest minute with an answer
	failed   []minute
}

// maxParties bounds a tally; further parties are counted in Dropped.
const maxParties = 20_000

// tally adds up minute counters and refusals over several periods that end at one
// minute. It is not safe for concurrent use while it is filled.
type tally struct {
	ToUnixS int64   // end of all periods
	periods []int64 // their lengths in seconds, without doubles
	sums    map[party][]sums
	streaks map[party]*streak
	watched map[string][]int64 // milliseconds by node
	refused map[party][]int64
	Dropped int // rows of parties beyond the bound
}

// newTally makes an empty tally.
func newTally(toUnixS int64, periods []int64) *tally {
	periods = slices.Compact(slices.Sorted(slices.Values(periods)))
	return &tally{ToUnixS: toUnixS, periods: periods, sums: map[party][]sums{}, streaks: map[party]*streak{}, watched: map[string][]int64{}, refused: map[party][]int64{}}
}

// FromUnixS is the begin of the longest period.
func (t *tally) FromUnixS() int64 {
	if len(t.periods) == 0 {
		return t.ToUnixS
	}
	return t.ToUnixS - t.periods[len(t.periods)-1]
}

// within calls each with the place of every period that has a second.
func (t *tally) within(unixS int64, each func(i int)) {
	if unixS >= t.ToUnixS {
		return
	}
	for i := range t.periods {
		if unixS >= t.ToUnixS-t.periods[i] {
			each(i)
		}
	}
}

// clamp makes a counter that came over the wire one that adds up.
func clamp(v uint64) int64 { return int64(min(v, math.MaxInt64>>20)) } // bounded

// AddMinute adds minute counters of a node.
func (t *tally) AddMinute(node string, m *record.Minute) {
	at := m.GetMinuteUnixS()
	if m.GetKind() == query.KindTotal {
		if t.watched[node] == nil {
			if len(t.watched) >= maxParties {
				t.Dropped++
				return
			}
			t.watched[node] = make([]int64, len(t.periods))
		}
		t.within(at, func(i int) { t.watched[node][i] += int64(m.GetObservedMs()) })
	}
	who := party{m.GetKind(), m.GetParty()}
	s := t.sums[who]
	if s == nil {
		if len(t.sums) >= maxParties {
			t.Dropped++
			return
		}
		s = make([]sums, len(t.periods))
		t.sums[who], t.streaks[who] = s, new(streak)
	}
	t.within(at, func(i int) {
		s[i].outcomes += clamp(m.GetOutcomes())
		s[i].answered += clamp(m.GetAnswered())
		s[i].effective += clamp(m.GetEffective())
		s[i].ended += clamp(m.GetEnded())
		s[i].answeredMs += clamp(m.GetAnsweredMs())
		s[i].pddCount += clamp(m.GetPddCount())
		s[i].pddSumMs += clamp(m.GetPddSumMs())
	})
	if at < t.ToUnixS {
		t.streaks[who].add(at, clamp(m.GetOutcomes()), m.GetAnswered() > 0)
	}
}

// add takes rows in any order. Failures in the minute of an answer are left out: which came
// last is not known there.
func (s *streak) add(at, outcomes int64, answered bool) {
	if answered && at > s.answered {
		s.answered = at
		s.failed = slices.DeleteFunc(s.failed, func(m minute) bool { return m.unixS <= at })
	}
	if outcomes > 0 && at > s.answered {
		s.failed = append(s.failed, minute{at, outcomes})
	}
}

// since adds up what failed from a time on.
func (s *streak) since(fromUnixS int64) (n int64) {
	for _, m := range s.failed {
		if m.unixS >= fromUnixS {
			n += m.outcomes
		}
	}
	return n
}

// AddRefusal adds a verdict of a node's guard.
func (t *tally) AddRefusal(node string, r *record.Registration) {
	if v := r.GetVerdict(); v != "refused" && v != "would_refuse" {
		return
	}
	for _, who := range []party{{query.KindTotal, ""}, {query.KindCustomer, r.GetCustomer()}, {KindNode, node}} {
		if t.refused[who] == nil {
			if len(t.refused) >= maxParties {
				t.Dropped++
				continue
			}
			t.refused[who] = make([]int64, len(t.periods))
		}
		t.within(r.GetAtUnixMs()/1000, func(i int) { t.refused[who][i] += 1 + clamp(r.GetRepeated()) })
	}
}
