package history

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Sums are what is to be counted of calls, or of a carrier's attempts.
type Sums struct {
	Calls      int64 `json:"calls"`
	Outcomes   int64 `json:"outcomes"`
	Answered   int64 `json:"answered"`
	Effective  int64 `json:"effective"` // the network did its part (NER)
	AnsweredMs int64 `json:"answered_ms"`
	PDDCount   int64 `json:"pdd_count"`
	PDDSumMs   int64 `json:"pdd_sum_ms"`
	Heard      int64 `json:"media_visible"` // answered, with media that could be read
	WithDigits int64 `json:"digit_calls"`
	Digits     int64 `json:"digits"`
}

// Add adds o.
func (s *Sums) Add(o *Sums) {
	s.Calls, s.Outcomes, s.Answered, s.Effective = s.Calls+o.Calls, s.Outcomes+o.Outcomes, s.Answered+o.Answered, s.Effective+o.Effective
	s.AnsweredMs, s.PDDCount, s.PDDSumMs = s.AnsweredMs+o.AnsweredMs, s.PDDCount+o.PDDCount, s.PDDSumMs+o.PDDSumMs
	s.Heard, s.WithDigits, s.Digits = s.Heard+o.Heard, s.WithDigits+o.WithDigits, s.Digits+o.Digits
}

// Kinds of rows.
const (
	Total    = "total"
	Customer = "customer"
	Carrier  = "carrier"
)

// Key says what sums are of.
type Key struct {
	FromUnixS int64  `json:"from_unix_s"` // of the hour in which calls ended
	Kind      string `json:"kind"`
	Party     string `json:"party,omitempty"` // no party for the total
	Node      string `json:"node,omitempty"`  // empty: all
}

// Row is one line of a table of figures.
type Row struct {
	Key
	Sums
}

// Figures are what was made up.
type Figures struct {
	Hours    map[Key]*Sums
	Refusals map[string]int // REGISTERs that would have been refused, by whose customer's they were
}

func newFigures() *Figures { return &Figures{Hours: map[Key]*Sums{}, Refusals: map[string]int{}} }

// add counts a call of a node that is over.
func (f *Figures) add(s *simulation, c *call) {
	hour := c.end / int64(time.Hour) * 3600
	first := &c.tries[0]
	calls := c.sums(c.last, first.invited)
	if at := c.leg.Invited; calls.PDDCount > 0 { // from the caller's own INVITE on
		calls.PDDSumMs = millis(c.last.rang) - millis(at)
	}
	f.at(Key{hour, Total, "", s.node.Name}).Add(&calls)
	f.at(Key{hour, Customer, s.cfg.Customers[c.customer].ID, s.node.Name}).Add(&calls)
	for i := range c.tries {
		t := &c.tries[i]
		attempt := c.sums(t, t.invited)
		f.at(Key{hour, Carrier, s.cfg.Carriers[t.carrier].ID, s.node.Name}).Add(&attempt)
	}
}

// sums are those of one call or attempt.
func (c *call) sums(t *try, invited int64) Sums {
	s := Sums{Calls: 1, Outcomes: 1}
	o := t.outcome
	if t.answered != 0 || o.status == 486 || o.status == 480 || o.status == 603 || o.status == 487 && t.rang != 0 {
		s.Effective = 1
	}
	if t.rang != 0 {
		s.PDDCount, s.PDDSumMs = 1, millis(t.rang)-millis(invited)
	}
	if t.answered == 0 {
		return s
	}
	s.Answered, s.AnsweredMs = 1, millis(t.ended)-millis(t.answered)
	if c.media.Expected && !c.media.Encrypted {
		s.Heard = 1
	}
	if n := int64(c.media.Sent[0].Presses); n > 0 {
		s.WithDigits, s.Digits = 1, n
	}
	return s
}

func millis(ns int64) int64 { return ns / int64(time.Millisecond) }

func (f *Figures) at(k Key) *Sums {
	s := f.Hours[k]
	if s == nil {
		s = new(Sums)
		f.Hours[k] = s
	}
	return s
}

// Join adds the figures of another node.
func (f *Figures) Join(o *Figures) {
	for k, s := range o.Hours {
		f.at(k).Add(s)
	}
	for k, n := range o.Refusals {
		f.Refusals[k] += n
	}
}

// ByHour is the table of hours, of all nodes together, in the order of time, kind and
// party.
func (f *Figures) ByHour() []Row {
	return f.table(func(t time.Time) time.Time { return t })
}

// ByDay is the table of days (UTC).
func (f *Figures) ByDay() []Row {
	return f.table(func(t time.Time) time.Time { return t.Truncate(24 * time.Hour) })
}

// ByMonth is the table of months (UTC).
func (f *Figures) ByMonth() []Row {
	return f.table(func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) })
}

func (f *Figures) table(begin func(time.Time) time.Time) []Row {
	all := newFigures()
	for k, s := range f.Hours {
		k.Node, k.FromUnixS = "", begin(time.Unix(k.FromUnixS, 0).UTC()).Unix()
		all.at(k).Add(s)
	}
	keys := slices.SortedFunc(maps.Keys(all.Hours), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.FromUnixS, b.FromUnixS), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Party, b.Party))
	})
	rows := make([]Row, len(keys))
	for i, k := range keys {
		rows[i] = Row{k, *all.Hours[k]}
	}
	return rows
}
