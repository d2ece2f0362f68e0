package web

import (
	"errors"

	"github.com/sipward/sipward/collector/query"
)

// errFull ends a list that has all rows of its page.
var errFull = errors.New("the page is full")

// lister reads summaries from the newest period to the oldest, each with its parties in
// order, until a page is full.
type lister struct {
	q           *request
	step        query.Step
	kind, party string
	each        bool // of all parties of the kind; else also a period without calls is a row
	limit       int

	after bool   // the list goes on within the first period that is asked for,
	skip  string // after this party
	rows  []summaryRow
	full  bool // there may be more
}

func (l *lister) period(begin int64) error {
	after, skip := l.after, l.skip
	l.after = false
	if after && !l.each {
		return nil // the one row of this period was shown
	}
	end := l.step.End(begin)
	f := query.SummaryFilter{FromUnixS: begin, ToUnixS: end, Step: l.step, Kind: l.kind, Party: l.party}
	done, err := l.done(f)
	if err != nil {
		return err
	}
	n := len(l.rows)
	err = l.q.view.summaries(l.q.Context(), f, func(x *query.Summary) error {
		if after && x.Party <= skip {
			return nil
		}
		return l.add(begin, end, x.Kind, x.Party, &x.Sums, done)
	})
	if err == nil && len(l.rows) == n && !l.each && done.Hours > 0 {
		err = l.add(begin, end, l.kind, l.party, &query.Sums{}, done)
	}
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// done says how far the hours of a period are.
func (l *lister) done(f query.SummaryFilter) (out completeness, err error) {
	err = l.q.view.completeness(l.q.Context(), f, func(c *query.Completeness) error {
		out = completeness{c.State().String(), c.Hours, c.Complete, c.LateSinceUnixS}
		return nil
	})
	if out.State == "" { // calls of a time in which no node was known: nobody will close it
		out.State = query.HourComplete.String()
	}
	return out, err
}

func (l *lister) add(from, to int64, kind, party string, x *query.Sums, done completeness) error {
	if len(l.rows) == l.limit {
		l.full = true
		return errFull
	}
	l.rows = append(l.rows, summaryRow{From: from, To: to, Kind: kind, Party: party, Attempts: x.Calls, Connected: x.Connected,
		ASR: ratioOf(x.Connected, x.Outcomes, 1), ACD: ratioOf(x.AnsweredMs, x.Ended, 1000), DurationMs: x.AnsweredMs,
		DTMF: ratioOf(x.DigitCalls, x.MediaVisible, 1), NER: ratioOf(x.Effective, x.Outcomes, 1), PDD: ratioOf(x.PddSumMs, x.PddCount, 1),
		Completeness: done})
	return nil
}
