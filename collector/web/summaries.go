package web

import (
	"time"

	"github.com/sipward/sipward/collector/query"
)

type summaryRow struct {
	From         int64        `json:"from_unix_s"`
	To           int64        `json:"to_unix_s"`
	Kind         string       `json:"kind"`
	Party        string       `json:"party"`
	Attempts     int64        `json:"attempts"`
	Connected    int64        `json:"connected"`
	ASR          ratio        `json:"asr"`
	ACD          ratio        `json:"acd"`
	DurationMs   int64        `json:"duration_ms"`
	DTMF         ratio        `json:"dtmf"`
	NER          ratio        `json:"ner"`
	PDD          ratio        `json:"pdd"`
	Completeness completeness `json:"completeness"`
}

type completeness struct {
	State     string `json:"state"`
	Hours     int    `json:"hours"`
	Complete  int    `json:"complete"`
	LateSince int64  `json:"late_since_unix_s,omitempty"`
}

type summaries struct {
	page[summaryRow]
	Made   int64 `json:"made_unix_ms"`
	Closes int64 `json:"next_unix_ms"` // when the running hour does
}

// tab is how far back a page of summaries goes, in steps of what length.
type tab struct {
	step    query.Step
	periods int
}

var tabs = map[string]tab{
	"live":    {query.ByHour, 24},
	"daily":   {query.ByDay, 92},
	"monthly": {query.ByMonth, 24},
}

// sumPlace is where a list of summaries goes on: after this row.
type sumPlace struct {
	T int64  `json:"t"`
	P string `json:"p"`
}

func (s *Server) summaries(q *request) (any, error) {
	now := s.cfg.Now().UTC()
	t := tabs[q.args.word("tab", "live", "daily", "monthly")]
	kind, party, each, err := splitBy(q.args.text("by"))
	if err != nil {
		return nil, err
	}
	limit := q.args.limit()
	from := sumPlace{T: t.step.Begin(now.Unix())}
	if after := q.args.values.Get("after"); after != "" {
		if openPlace(after, &from) != nil || from.T < 0 || from.T > maxUnix || len(from.P) > maxText {
			q.args.fail("after", errPlace.Error())
		}
	}
	if q.args.err != nil {
		return nil, q.args.err
	}
	if err := q.view.party(&kind, &party); err != nil {
		return nil, err
	}
	hour := now.Truncate(time.Hour)
	out := summaries{page: page[summaryRow]{Items: []summaryRow{}}, Made: now.UnixMilli(), Closes: hour.Add(time.Hour).UnixMilli()}
	l := lister{q: q, step: t.step, kind: kind, party: party, each: each && party == "", limit: limit, skip: from.P, after: q.args.values.Get("after") != ""}
	oldest := t.begin(now.Unix())
	for at := min(from.T, t.step.Begin(now.Unix())); at >= oldest && !l.full; at = t.step.Begin(at - 1) {
		if err := l.period(t.step.Begin(at)); err != nil {
			return nil, err
		}
	}
	out.Items = append(out.Items, l.rows...)
	if l.full {
		last := l.rows[len(l.rows)-1]
		out.Next = sealPlace(sumPlace{last.From, last.Party})
	}
	return out, nil
}

// begin is where the oldest period begins.
func (t tab) begin(now int64) int64 {
	at := t.step.Begin(now)
	for range t.periods - 1 {
		at = t.step.Begin(at - 1)
	}
	return at
}
