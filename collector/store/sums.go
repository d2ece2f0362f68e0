package store

import (
	"cmp"
	"slices"

	"github.com/sipward/sipward/sync/record"
)

// Kinds of sums.
const (
	kindTotal    = "total"
	kindCustomer = "customer"
	kindCarrier  = "carrier"
)

// Sums is what calls, or a carrier's attempts, add up to. Outcomes is the
// denominator of ASR and NER, Ended that of ACD, MediaVisible that of the DTMF
// share, PddCount that of the average post-dial delay.
type Sums struct {
	Calls        int64 // all, with those of the next two
	NoOutcome    int64 // without an outcome: joined midway, or cut off
	Midcall      int64 // joined midway: in no figure but Calls and NoOutcome
	Outcomes     int64
	Connected    int64 // of the outcomes: answered
	Effective    int64 // of the outcomes: the network did its part
	Over         int64 // with an outcome or an answer, seen from the start
	Ended        int64 // answered, seen from the start
	AnsweredMs   int64 // their length
	DigitCalls   int64 // with visible media: at least one RFC 4733 digit
	MediaVisible int64 // answered, and their media was seen and readable
	PddSumMs     int64
	PddCount     int64
}

// fields lists the sums in the order of the columns.
func (s *Sums) fields() [len(sumColumns)]*int64 {
	return [...]*int64{&s.Calls, &s.NoOutcome, &s.Midcall, &s.Outcomes, &s.Connected, &s.Effective, &s.Over,
		&s.Ended, &s.AnsweredMs, &s.DigitCalls, &s.MediaVisible, &s.PddSumMs, &s.PddCount}
}

var sumColumns = [...]string{"calls", "no_outcome", "midcall", "outcomes", "connected", "effective", "over_count",
	"ended", "answered_ms", "digit_calls", "media_visible", "pdd_sum_ms", "pdd_count"}

// Add adds other to s.
func (s *Sums) Add(other *Sums) {
	to, from := s.fields(), other.fields()
	for i := range to {
		*to[i] += *from[i]
	}
}

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

type sumMap map[sumKey]*Sums

func (m sumMap) at(k sumKey) *Sums {
	s := m[k]
	if s == nil {
		s = new(Sums)
		m[k] = s
	}
	return s
}

// sorted returns the keys in the order in which rows are locked.
func (m sumMap) sorted() []sumKey {
	keys := make([]sumKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareSumKeys)
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
		k.kind = kindTotal
		m.at(k).addCall(c)
		k.kind, k.party = kindCustomer, text(c.GetCustomer())
		m.at(k).addCall(c)
	}
	k.kind = kindCarrier
	for _, a := range c.GetAttempts() {
		k.party = text(a.GetCarrier())
		m.at(k).addAttempt(c, a)
	}
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

func (s *Sums) addCall(c *record.Call) {
	s.trial(c.GetSeenMidcall(), c.GetOutcome(), c.GetAnswered(), c.GetEffective(), c.GetDurationMs(), c.PddMs)
	s.media(c)
}

func (s *Sums) addAttempt(c *record.Call, a *record.Attempt) {
	answered := a.GetAnsweredUnixMs() != 0
	s.trial(c.GetSeenMidcall(), a.GetOutcome(), answered, a.GetEffective(), a.GetDurationMs(), a.PddMs)
	if answered {
		s.media(c)
	}
}

func (s *Sums) trial(midcall, outcome, answered, effective bool, ms int64, pdd *int64) {
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

func (s *Sums) media(c *record.Call) {
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
