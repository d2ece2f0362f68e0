package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// series is what appendJSON writes.
type series struct {
	Figure  string
	From    int64 // Unix seconds
	Step    int64
	Points  int
	Pending []pending
	Lines   []line
	More    int // parties without a line
}

type pending struct {
	From  int64    `json:"from_unix_s"`
	To    int64    `json:"to_unix_s"`
	Nodes []string `json:"nodes"`
}

// line has one number a step, null where nobody watched.
type line struct {
	Kind   string
	Party  string
	Limit  *int64
	num    []float64 // NaN for null
	second []int64   // what num is divided by or, of channels, how many of them were answered
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
	f := query.SeriesFilter{FromUnixS: q.args.number("from", to-3600, 0, maxUnix), ToUnixS: to, StepS: step, Kind: kind, Party: party, Only: drawings[figure]}
	if q.args.err != nil {
		return nil, q.args.err
	}
	all := []string{party}
	if each && !q.view.own {
		if all, err = s.drawnOf(q, kind); err != nil {
			return nil, err
		}
	}
	more := max(0, len(all)-maxLines)
	all = all[:len(all)-more]
	out := series{Figure: figure, Pending: []pending{}, Lines: []line{}, More: more}
	if err := describe(&out, f, len(all)); err != nil {
		return nil, err
	}
	got, err := q.view.series(q.Context(), f, all)
	if err != nil {
		return nil, err
	}
	out.Lines = append(out.Lines, got.lines...)
	if e, err := q.view.all(); err == nil && figure == "channels" && kind == query.KindTotal {
		out.Lines[0].Limit = allLive(e.live(), s.cfg.Now()).Configured // counters of the total have none
	}
	out.Pending = pendingOf(q.view, got.pending)
	return &out, nil
}

// drawnOf lists who has a line in a graph of each: who is in the table and, since nodes
// may have customers and carriers in a file of their own, who they name.
func (s *Server) drawnOf(q *request, kind string) ([]string, error) {
	all, err := s.partiesOf(q, kind)
	if err != nil {
		return nil, err
	}
	e, err := q.view.all()
	if err != nil {
		return nil, err
	}
	here := allLive(e.live(), s.cfg.Now())
	for i := range here.Parties {
		if p := &here.Parties[i]; p.Kind == kind {
			all = append(all, p.ID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// drawings are the figures that there are graphs of.
var drawings = map[string]query.Drawing{"channels": query.DrawChannels, "asr": query.DrawASR, "acd": query.DrawACD, "dtmf": query.DrawDTMF}

// graph is some lines, and whose part of them is still to come.
type graph struct {
	lines   []line
	pending []query.Pending
}

// graphKey names a graph of some parties.
type graphKey struct {
	query.SeriesFilter
	parties string
}

// Old days hardly ever change: only a node that was away for long sends more of them. So
// they are kept for a while, and of a long graph the last days alone are read each time.
const (
	oldAfter = 48 * time.Hour
	daySecs  = 86_400
)

// graph reads lines, of their old days those that are kept.
func (s *Server) graph(ctx context.Context, f query.SeriesFilter, parties []string) (*graph, error) {
	f.Party = ""
	now := s.cfg.Now()
	from, border := f.FromUnixS-f.FromUnixS%daySecs, now.Add(-oldAfter).Unix()/daySecs*daySecs
	if f.StepS < query.FineStepS || f.ToUnixS <= border || border-from < 2*daySecs {
		return s.readGraph(ctx, f, parties)
	}
	old, recent := f, f
	old.FromUnixS, old.ToUnixS, recent.FromUnixS = from, border, border
	a, err := s.old.get(ctx, now, keepOld, graphKey{old, strings.Join(parties, "\x00")}, func(ctx context.Context) (*graph, int, error) {
		g, err := s.readGraph(ctx, old, parties)
		if err != nil {
			return nil, 0, err
		}
		return g, int((border-from)/f.StepS) * len(g.lines), nil
	})
	if err != nil {
		return nil, err
	}
	b, err := s.readGraph(ctx, recent, parties)
	if err != nil {
		return nil, err
	}
	return joined(a, b, int((f.FromUnixS-from)/f.StepS)), nil
}

// joined is a without its first points, and b after it. Neither is changed.
func joined(a, b *graph, skip int) *graph {
	out := &graph{slices.Clone(b.lines), slices.Clone(b.pending)}
	for i := range out.lines {
		l, before := &out.lines[i], &a.lines[i]
		l.num, l.second = slices.Concat(before.num[skip:], l.num), slices.Concat(before.second[skip:], l.second)
		if l.Limit == nil {
			l.Limit = before.Limit
		}
	}
	for _, p := range a.pending {
		if !slices.Contains(out.pending, p) {
			out.pending = append(out.pending, p)
		}
	}
	return out
}

func (s *Server) readGraph(ctx context.Context, f query.SeriesFilter, parties []string) (*graph, error) {
	out := new(graph)
	return out, s.cfg.Reads.SeriesOf(ctx, f, parties, func(got *query.Series) error {
		out.lines = append(out.lines, lineOf(f.Only, f.Kind, parties[len(out.lines)], got.Points))
		out.pending = got.Pending // the same of all
		return nil
	})
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

func lineOf(figure query.Drawing, kind, party string, points []query.Point) line {
	l := line{Kind: kind, Party: party, num: make([]float64, len(points)), second: make([]int64, len(points))}
	for i := range points {
		p := &points[i]
		if p.ObservedMs == 0 {
			l.num[i] = math.NaN()
			continue
		}
		l.num[i], l.second[i] = figureOf(figure, p)
		if figure == query.DrawChannels && p.Channels > 0 {
			l.Limit = new(p.Channels) // the newest one counts
		}
	}
	return l
}

// appendJSON writes a graph. A month of five minutes of 50 carriers is 860,000 numbers:
// by reflection they take longer than to read them from the database.
func (s *series) appendJSON(b []byte) []byte {
	b = append(b, `{"figure":`...)
	b = append(b, marshal(s.Figure)...)
	b = append(b, `,"from_unix_s":`...)
	b = strconv.AppendInt(b, s.From, 10)
	b = append(b, `,"step_s":`...)
	b = strconv.AppendInt(b, s.Step, 10)
	b = append(b, `,"points":`...)
	b = strconv.AppendInt(b, int64(s.Points), 10)
	b = append(b, `,"pending":`...)
	b = append(b, marshal(s.Pending)...)
	b = append(b, `,"more":`...)
	b = strconv.AppendInt(b, int64(s.More), 10)
	b = append(b, `,"lines":[`...)
	for i := range s.Lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.Lines[i].appendJSON(b, s.Figure)
	}
	return append(b, "]}"...)
}

func (l *line) appendJSON(b []byte, figure string) []byte {
	b = append(b, `{"kind":`...)
	b = append(b, marshal(l.Kind)...)
	b = append(b, `,"party":`...)
	b = append(b, marshal(l.Party)...)
	b = append(b, `,"limit":`...)
	b = append(b, marshal(l.Limit)...)
	b = append(b, `,"num":[`...)
	for i, v := range l.num {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, v)
	}
	second := "den"
	if figure == "channels" {
		second = "answered"
	}
	b = append(b, `],"`+second+`":[`...)
	for i, v := range l.second {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(l.num[i]) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, v, 10)
		}
	}
	return append(b, "]}"...)
}

// appendNumber writes a number, or null for NaN.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "null"...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// figureOf is a numerator and a denominator, of channels the most in use and how many of
// them were answered.
func figureOf(figure query.Drawing, p *query.Point) (float64, int64) {
	switch figure {
	case query.DrawASR:
		return float64(p.Answered), p.Outcomes
	case query.DrawACD:
		return float64(p.AnsweredMs) / 1000, p.Ended
	case query.DrawDTMF:
		return float64(p.DigitCalls), p.MediaVisible
	case query.DrawAll, query.DrawChannels:
	}
	return float64(p.Peak), p.PeakAnswered
}
