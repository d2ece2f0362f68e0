package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// sumKey names a summary of an hour.
type sumKey struct {
	hour              int64 // Unix seconds
	node, kind, party string
}

func (k sumKey) String() string {
	return fmt.Sprintf("%s %s %s %s", time.Unix(k.hour, 0).UTC().Format(time.RFC3339), k.node, k.kind, k.party)
}

// sums are the figures of a summary that calls must add up to.
type sums struct {
	Calls      int64 `json:"calls"`
	Midcall    int64 `json:"seen_midcall"`
	NoOutcome  int64 `json:"no_outcome"`
	Outcomes   int64 `json:"outcomes"`
	Answered   int64 `json:"answered"`
	Effective  int64 `json:"effective"`
	Over       int64 `json:"over"`
	Ended      int64 `json:"answered_ended"`
	AnsweredMs int64 `json:"answered_ms"`
}

// addUp makes the summaries that the agents' calls must give: a call is in the
// total and in its customer's, an attempt in its carrier's.
func addUp(entries []entry) map[sumKey]sums {
	out := make(map[sumKey]sums)
	for _, e := range entries {
		if e.kind != kindCall {
			continue
		}
		c := e.details
		k := sumKey{hour: c.Counted / 1000 / 3600 * 3600, node: e.node}
		add := func(kind, party string, answered, outcome, effective bool, ms int64) {
			k.kind, k.party = kind, party
			s := out[k]
			s.add(c.Midcall, answered, outcome, effective, ms)
			out[k] = s
		}
		if c.Kind == kindCall {
			add("total", "", c.Answered, c.Outcome, c.Effective, c.DurationMs)
			add("customer", c.Customer, c.Answered, c.Outcome, c.Effective, c.DurationMs)
		}
		for _, a := range c.Attempts {
			add("carrier", a.Carrier, a.AnsweredAt != 0, a.Outcome, a.Effective, a.DurationMs)
		}
	}
	return out
}

func (s *sums) add(midcall, answered, outcome, effective bool, ms int64) {
	s.Calls++
	s.NoOutcome += one(!outcome)
	s.Midcall += one(midcall)
	if midcall {
		return // it is in no other figure: nobody knows how it began
	}
	s.Outcomes += one(outcome)
	s.Answered += one(outcome && answered)
	s.Effective += one(outcome && effective)
	s.Over += one(outcome || answered)
	s.Ended += one(answered)
	if answered {
		s.AnsweredMs += ms
	}
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// readSums reads `export summaries --by hour --format jsonl`.
func readSums(r io.Reader) (map[sumKey]sums, error) {
	out := make(map[sumKey]sums)
	err := lines(r, func(b []byte) error {
		var l struct {
			sums
			Time  time.Time `json:"time"`
			Node  string    `json:"node"`
			Kind  string    `json:"kind"`
			Party string    `json:"party"`
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		out[sumKey{l.Time.Unix(), l.Node, l.Kind, l.Party}] = l.sums
		return nil
	})
	return out, err
}

// compareSums says where the collector's sums are not those of the calls.
func compareSums(want, got map[sumKey]sums) (out []finding) {
	all := maps.Clone(want)
	maps.Copy(all, got)
	for k := range all {
		if want[k] != got[k] {
			out = append(out, finding{k.node, invented, fmt.Sprintf("summary %s: stored %+v, its calls add up to %+v", k, got[k], want[k])})
		}
	}
	slices.SortFunc(out, func(a, b finding) int { return strings.Compare(a.text, b.text) })
	return out
}
