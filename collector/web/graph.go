package web

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// line has one number a step, null where nobody watched.
type line struct {
	Kind   string
	Party  string
	Limit  *int64
	num    []float64 // NaN for null
	second []int64   // what num is divided by or, of channels, how many of them were answered
}

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
