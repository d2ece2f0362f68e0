package store

import (
	"cmp"
	"slices"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// sumColumns are the columns of a sum, in the order of its fields.
var sumColumns = [query.SumFields]string{"calls", "no_outcome", "midcall", "outcomes", "connected", "effective", "over_count",
	"ended", "answered_ms", "digit_calls", "media_visible", "pdd_sum_ms", "pdd_count"}

// sumKey is what sums are kept by. Nearly all calls are closed in the hour that
// they are counted in; keeping both lets them be compared with minute counters,
// which know the time of closing only.
type sumKey struct {
	hour, closed      int64 // Unix seconds
	kind, party, node string
}

func compareSumKeys(a, b sumKey) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.kind, b.kind), cmp.Compare(a.party, b.party),
		cmp.Compare(a.node, b.node), cmp.Compare(a.closed, b.closed))
}

type sumMap map[sumKey]*query.Sums

func (m sumMap) at(k sumKey) *query.Sums {
	s := m[k]
	if s == nil {
		s = new(query.Sums)
		m[k] = s
	}
	return s
}

// sorted returns the keys in the order in which rows are locked.
func (m sumMap) sorted() []sumKey {
	return sortedKeys(m, compareSumKeys)
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

const hourMs = 3_600_000

// add adds a call that is counted at the given time. A customer's call is in
// the total and in its customer's sums; each attempt, also of a leg that only a
// carrier was seen on, is in its carrier's.
func (m sumMap) add(node string, counted, closed int64, c *record.Call) {
	k := sumKey{hour: counted - mod(counted, hourMs), closed: closed - mod(closed, hourMs), node: node}
	k.hour, k.closed = k.hour/1000, k.closed/1000
	if c.GetKind() == "call" {
		k.kind = query.KindTotal
		addCall(m.at(k), c)
		k.kind, k.party = query.KindCustomer, text(c.GetCustomer())
		addCall(m.at(k), c)
	}
	k.kind = query.KindCarrier
	for _, a := range c.GetAttempts() {
		k.party = text(a.GetCarrier())
		addAttempt(m.at(k), c, a)
	}
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

func addCall(s *query.Sums, c *record.Call) {
	trial(s, c.GetSeenMidcall(), c.GetOutcome(), c.GetAnswered(), c.GetEffective(), c.GetDurationMs(), c.PddMs)
	media(s, c)
}

func addAttempt(s *query.Sums, c *record.Call, a *record.Attempt) {
	answered := a.GetAnsweredUnixMs() != 0
	trial(s, c.GetSeenMidcall(), a.GetOutcome(), answered, a.GetEffective(), a.GetDurationMs(), a.PddMs)
	if answered {
		media(s, c)
	}
}

func trial(s *query.Sums, midcall, outcome, answered, effective bool, ms int64, pdd *int64) {
	s.Calls++
	if !outcome {
		s.NoOutcome++
	}
	if midcall {
		s.Midcall++
		return
	}
	if outcome {
		s.Outcomes++
		s.Connected += one(answered)
		s.Effective += one(effective)
	}
	s.Over += one(outcome || answered)
	if answered {
		s.Ended++
		s.AnsweredMs += ms
	}
	if pdd != nil {
		s.PddCount++
		s.PddSumMs += *pdd
	}
}

func media(s *query.Sums, c *record.Call) {
	if !c.GetMediaVisible() || c.GetSeenMidcall() {
		return
	}
	s.MediaVisible++
	s.DigitCalls += one(digits(c) > 0)
}

func digits(c *record.Call) int64 {
	return int64(c.GetFromCaller().GetDtmfCount()) + int64(c.GetFromCallee().GetDtmfCount())
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
