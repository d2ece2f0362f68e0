package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
)

type series struct {
	Figure  string    `json:"figure"`
	From    int64     `json:"from_unix_s"`
	Step    int64     `json:"step_s"`
	Points  int       `json:"points"`
	Pending []pending `json:"pending"`
	Lines   []line    `json:"lines"`
}

type pending struct {
	From  int64    `json:"from_unix_s"`
	To    int64    `json:"to_unix_s"`
	Nodes []string `json:"nodes"`
}

// line has one number a step, null where nobody watched.
type line struct {
	Kind     string     `json:"kind"`
	Party    string     `json:"party"`
	Limit    *int64     `json:"limit"`
	Num      []*float64 `json:"num"`
	Den      []*int64   `json:"den,omitempty"`
	Answered []*int64   `json:"answered,omitempty"`
}

// maxLines bounds the lines of one graph, and maxPoints all their points.
const (
	maxLines  = 100
	maxPoints = 1_000_000
)

func (s *Server) series(q *request) (any, error) {
	now := s.cfg.Now().Unix()
	figure := q.args.word("figure", "channels", "asr", "acd", "dtmf")
	kind, party, each, err := splitBy(q.args.text("by"))
	if err != nil {
		return nil, err
	}
	step := q.args.number("step", 60, 60, 86_400)
	to := q.args.number("to", now-now%step, 1, maxUnix)
	f := query.SeriesFilter{FromUnixS: q.args.number("from", to-3600, 0, maxUnix), ToUnixS: to, StepS: step, Kind: kind, Party: party}
	if q.args.err != nil {
		return nil, q.args.err
	}
	all := []string{party}
	if each && !q.view.own {
		if all, err = s.partiesOf(q, kind); err != nil {
			return nil, err
		}
	}
	all = all[:min(len(all), maxLines)]
	out := series{Figure: figure, Pending: []pending{}, Lines: []line{}}
	if err := describe(&out, f, len(all)); err != nil {
		return nil, err
	}
	for i, id := range all {
		f.Kind, f.Party = kind, id
		if err := q.view.party(&f.Kind, &f.Party); err != nil {
			return nil, err
		}
		got, err := q.view.series(q.Context(), f)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			out.Pending = pendingOf(q.view, got.Pending)
		}
		out.Lines = append(out.Lines, lineOf(figure, f.Kind, f.Party, got.Points))
	}
	return out, nil
}

// describe checks the time of a graph, and says it as it will be.
func describe(out *series, f query.SeriesFilter, lines int) error {
	if f.Kind != query.KindTotal && f.Party == "" {
		f.Party = "any" // the id is filled in later
	}
	if err := f.Check(); err != nil {
		return fault(http.StatusBadRequest, err.Error())
	}
	out.From, out.Step, out.Points = f.FromUnixS, f.StepS, int((f.ToUnixS-f.FromUnixS)/f.StepS)
	if out.Points*lines > maxPoints {
		return fault(http.StatusBadRequest, fmt.Sprintf("%d lines of %d points are too many: take a longer step", lines, out.Points))
	}
	return nil
}

func pendingOf(v *view, in []query.Pending) []pending {
	out := []pending{}
	for _, p := range in {
		i := slices.IndexFunc(out, func(x pending) bool { return x.From == p.FromUnixS && x.To == p.ToUnixS })
		if i < 0 {
			out, i = append(out, pending{p.FromUnixS, p.ToUnixS, []string{}}), len(out)
		}
		if !v.own {
			out[i].Nodes = append(out[i].Nodes, p.Node)
		}
	}
	return out
}

func lineOf(figure, kind, party string, points []query.Point) line {
	l := line{Kind: kind, Party: party, Num: make([]*float64, len(points))}
	second := make([]*int64, len(points))
	numbers, seconds := make([]float64, len(points)), make([]int64, len(points)) // one allocation each
	for i := range points {
		p := &points[i]
		if p.ObservedMs == 0 {
			continue
		}
		numbers[i], seconds[i] = figureOf(figure, p)
		l.Num[i], second[i] = &numbers[i], &seconds[i]
		if figure == "channels" && p.Channels > 0 {
			l.Limit = new(p.Channels) // the newest one counts
		}
	}
	if figure == "channels" {
		l.Answered = second
	} else {
		l.Den = second
	}
	return l
}

// figureOf is a numerator and a denominator, of channels the most in use and how many of
// them were answered.
func figureOf(figure string, p *query.Point) (float64, int64) {
	switch figure {
	case "asr":
		return float64(p.Answered), p.Outcomes
	case "acd":
		return float64(p.AnsweredMs) / 1000, p.Ended
	case "dtmf":
		return float64(p.DigitCalls), p.MediaVisible
	}
	return float64(p.Peak), p.PeakAnswered
}

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
