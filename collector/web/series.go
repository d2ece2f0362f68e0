package web

import (
	"fmt"
	"net/http"
	"slices"

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
