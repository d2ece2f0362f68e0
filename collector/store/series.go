package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/sipward/sipward/collector/query"
)

// Series implements Reader. Steps of five minutes and more come from fives, shorter ones
// from the minutes themselves.
func (r *reads) Series(ctx context.Context, f query.SeriesFilter) (out *query.Series, err error) {
	err = r.SeriesOf(ctx, f, []string{f.Party}, func(s *query.Series) error { out = s; return nil })
	return out, err
}

// SeriesOf implements Reader. What is the same for all of them is read once: how much was
// watched, and who has not delivered yet.
func (r *reads) SeriesOf(ctx context.Context, f query.SeriesFilter, parties []string, each func(*query.Series) error) error {
	for _, f.Party = range parties {
		if err := f.Check(); err != nil {
			return fmt.Errorf("reading a series: %w", err)
		}
	}
	if len(parties) == 0 {
		return nil
	}
	var seen []int64
	var err error
	if f.Kind != query.KindTotal {
		if seen, err = r.observed(ctx, f); err != nil {
			return err
		}
	}
	pending, err := r.pending(ctx, &f)
	if err != nil {
		return err
	}
	for _, f.Party = range parties {
		out, err := r.oneSeries(ctx, &f, seen, pending)
		if err != nil {
			return err
		}
		if err := each(out); err != nil {
			return err
		}
	}
	return nil
}

func (r *reads) oneSeries(ctx context.Context, f *query.SeriesFilter, seen []int64, pending []query.Pending) (*query.Series, error) {
	out := &query.Series{FromUnixS: f.FromUnixS, StepS: f.StepS, Points: make([]query.Point, (f.ToUnixS-f.FromUnixS)/f.StepS), Pending: slices.Clone(pending)}
	read := r.fivesOf
	if f.StepS < fiveS {
		read = r.minutesOf
	}
	if err := read(ctx, f, func(s int64, p *query.Point) { join(&out.Points[(s-f.FromUnixS)/f.StepS], p) }); err != nil {
		return nil, err
	}
	for i, ms := range seen {
		if ms != 0 { // else the minutes of the total were lost: his own tell
			out.Points[i].ObservedMs = ms
		}
	}
	for _, p := range pending {
		for s := max(p.FromUnixS, f.FromUnixS); s < min(p.ToUnixS, f.ToUnixS); s = s - s%f.StepS + f.StepS {
			out.Points[(s-f.FromUnixS)/f.StepS].Pending = true
		}
	}
	return out, nil
}

// join adds what comes next within the same step.
func join(to, p *query.Point) {
	to.ObservedMs = plus(to.ObservedMs, p.ObservedMs)
	to.LiveSetup, to.LiveAnswered = p.LiveSetup, p.LiveAnswered
	to.Peak, to.PeakAnswered, to.Channels = max(to.Peak, p.Peak), max(to.PeakAnswered, p.PeakAnswered), max(to.Channels, p.Channels)
	counts, more := to.Counts(), p.Counts()
	for i := range counts {
		*counts[i] = plus(*counts[i], *more[i])
	}
}

// drawn lists the counts that a drawing needs, and says whether it needs the gauges.
func drawn(d query.Drawing) (counts []int, gauges bool) {
	var names []string
	switch d {
	case query.DrawChannels:
		return nil, true
	case query.DrawASR:
		names = []string{"outcomes", "answered"}
	case query.DrawACD:
		names = []string{"ended", "answered_ms"}
	case query.DrawDTMF:
		names = []string{"media_visible", "digit_calls"}
	default:
		names, gauges = fiveCountColumns[:], true
	}
	for _, name := range names {
		counts = append(counts, slices.Index(fiveCountColumns[:], name))
	}
	return counts, gauges
}

// fivesSQL adds fives up over nodes.
func (d dialect) fivesSQL(counts []int, gauges bool) string {
	greatest := "max"
	if d.numbered {
		greatest = "greatest"
	}
	peak := func(name string) string {
		var sums []string
		for _, c := range numberedColumns(name) {
			sums = append(sums, d.totals(c))
		}
		return greatest + "(" + strings.Join(sums, ",") + ")"
	}
	columns := []string{"observed_ms"}
	for _, i := range counts {
		columns = append(columns, fiveCountColumns[i])
	}
	text := "SELECT five_s, " + d.totals(columns...)
	if gauges {
		text += ", " + d.totals("live_setup", "live_answered") + ", max(channels), " + peak("peak") + ", " + peak("peak_answered")
	}
	return text + " FROM fives"
}

// party puts the conditions on one party's rows of a time.
func (q *statement) party(time string, f *query.SeriesFilter) {
	q.where("kind = ?", f.Kind)
	q.where("party = ?", f.Party)
	q.where(time+" >= ?", f.FromUnixS)
	q.where(time+" < ?", f.ToUnixS)
	q.equal("node", f.Node)
}

// fivesOf hands on what all nodes saw in five minutes, in the order of time.
func (r *reads) fivesOf(ctx context.Context, f *query.SeriesFilter, each func(s int64, p *query.Point)) error {
	var s int64
	var p query.Point
	to := []any{&s, &p.ObservedMs}
	counts, gauges := drawn(f.Only)
	for _, i := range counts {
		to = append(to, p.Counts()[i])
	}
	if gauges {
		to = append(to, &p.LiveSetup, &p.LiveAnswered, &p.Channels, &p.Peak, &p.PeakAnswered)
	}
	return r.grouped(ctx, f, r.dialect.fivesSQL(counts, gauges), "five_s", func(rows *sql.Rows) error {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		each(s, &p)
		return nil
	})
}

// grouped runs a query on the rows of one party, by their time.
func (r *reads) grouped(ctx context.Context, f *query.SeriesFilter, text, time string, scan func(*sql.Rows) error) error {
	sources, err := r.sources(ctx, telemetryKind, f.FromUnixS*1000, f.ToUnixS*1000)
	if err != nil {
		return err
	}
	for _, src := range sources {
		q := new(statement)
		q.text.WriteString(text)
		q.party(time, f)
		q.text.WriteString(" GROUP BY " + time + " ORDER BY " + time)
		err := r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
			if err := scan(rows); err != nil {
				return fmt.Errorf("reading the counters of %s: %w", src.name, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// observed says how much of each step was watched, also where a party had no call: who
// watches, writes minutes of the total.
func (r *reads) observed(ctx context.Context, f query.SeriesFilter) ([]int64, error) {
	f.Kind, f.Party = query.KindTotal, ""
	seen := make([]int64, (f.ToUnixS-f.FromUnixS)/f.StepS)
	add := func(rows *sql.Rows) error {
		var s, ms int64
		if err := rows.Scan(&s, &ms); err != nil {
			return err
		}
		at := &seen[(s-f.FromUnixS)/f.StepS]
		*at = plus(*at, ms)
		return nil
	}
	if f.StepS < fiveS {
		return seen, r.eachMinute(ctx, &f, "m.observed_ms", add)
	}
	return seen, r.grouped(ctx, &f, "SELECT five_s, "+r.dialect.totals("observed_ms")+" FROM fives", "five_s", add)
}
