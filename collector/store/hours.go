package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

const (
	hourS = 3600
	dayS  = 24 * hourS
	// graceS is how long after an hour nobody is late: an agent closes it when the last
	// of its calls have settled, and the mark has its way to go.
	graceS = 60
)

// Hours implements Store. A day is held in memory at a time.
func (r *reads) Hours(ctx context.Context, from, to time.Time, each func(*query.Hour) error) error {
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return err
	}
	first := from.Unix() + mod(-from.Unix(), hourS)
	last := min(to.Unix(), r.now().Unix()+1) // an hour that has not begun is no hour yet
	for ; first < last; first += dayS {
		if err := r.hoursOfDay(ctx, nodes, first, min(first+dayS, last), true, each); err != nil {
			return err
		}
	}
	return nil
}

// hoursOfDay hands on hours; without count, their Calls are not read unless they have to be.
func (r *reads) hoursOfDay(ctx context.Context, nodes []query.Node, from, to int64, count bool, each func(*query.Hour) error) error {
	marks, err := r.marks(ctx, from, to)
	if err != nil {
		return err
	}
	done, err := r.done(ctx, markKeys(marks))
	if err != nil {
		return err
	}
	type cell struct {
		hour int64
		node string
	}
	calls := make(map[cell]int64)
	if count || slices.ContainsFunc(nodes, func(n query.Node) bool { return n.FirstSeenUnixMs >= from*1000 }) {
		err = r.Summaries(ctx, query.SummaryFilter{FromUnixS: from, ToUnixS: to, Kind: query.KindTotal}, func(s *query.Summary) error {
			calls[cell{s.TimeUnixS, s.Node}] = s.Calls
			return nil
		})
		if err != nil {
			return err
		}
	}
	for h := from; h < to; h += hourS {
		for i := range nodes {
			n := &nodes[i]
			sum, counted := calls[cell{h, n.ID}]
			if !counted && len(marks[h][n.ID]) == 0 && n.FirstSeenUnixMs >= (h+hourS)*1000 {
				continue // it did not exist yet
			}
			hour := hourOf(h, n.ID, marks[h][n.ID], done, r.now().Unix())
			hour.Calls = sum
			if err := each(&hour); err != nil {
				return err
			}
		}
	}
	return nil
}

// Completeness implements Reader.
func (r *reads) Completeness(ctx context.Context, f query.SummaryFilter, each func(*query.Completeness) error) error {
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return err
	}
	nodes = slices.DeleteFunc(nodes, func(n query.Node) bool { return f.Node != "" && n.ID != f.Node })
	var at query.Completeness
	join := func(h *query.Hour) error {
		if s := f.Step.Begin(h.HourUnixS); s != at.TimeUnixS || at.Hours == 0 {
			if at.Hours > 0 {
				if err := each(&at); err != nil {
					return err
				}
			}
			at = query.Completeness{TimeUnixS: s}
		}
		at.Add(h)
		return nil
	}
	first := f.FromUnixS + mod(-f.FromUnixS, hourS)
	last := min(until(f.ToUnixS), r.now().Unix()+1)
	if first, err = r.firstHour(ctx, nodes, first, last); err != nil {
		return err
	}
	for ; first < last; first += dayS {
		if err := r.hoursOfDay(ctx, nodes, first, min(first+dayS, last), false, join); err != nil {
			return err
		}
	}
	if at.Hours > 0 {
		return each(&at)
	}
	return nil
}

// firstHour leaves out the time before there was anything: a question without a
// beginning must not wait for decades of empty days.
func (r *reads) firstHour(ctx context.Context, nodes []query.Node, from, to int64) (int64, error) {
	begin := to
	for i := range nodes {
		begin = min(begin, nodes[i].FirstSeenUnixMs/1000)
	}
	base, err := r.base(ctx)
	if err != nil {
		return 0, err
	}
	months, err := r.sources(ctx, callsKind, from*1000, to*1000)
	if err != nil {
		return 0, err
	}
	look := func(src source, table string) error {
		return r.dialect.scanAll(ctx, src, `SELECT hour_s FROM `+table+` WHERE hour_s >= ? ORDER BY hour_s LIMIT 1`, []any{from}, func(rows *sql.Rows) error {
			var s int64
			err := rows.Scan(&s)
			begin = min(begin, s)
			return err
		})
	}
	err = look(base, "hour_marks")
	for _, src := range append(months, base) {
		if err == nil {
			err = look(src, "sums")
		}
	}
	return max(from, begin-mod(begin-from, dayS)), err
}

// hourOf judges one hour of one node by its marks.
func hourOf(h int64, node string, marks []markRow, done map[streamKey]record.Ranges, nowS int64) query.Hour {
	out := query.Hour{HourUnixS: h, Node: node, State: query.HourLate, LateSinceUnixS: h + hourS}
	for i := range marks {
		out.ObservedMs = max(out.ObservedMs, marks[i].mark.GetObservedMs())
		if marks[i].complete(done) {
			out.State = query.HourComplete
		}
	}
	if out.State == query.HourLate && nowS < h+hourS+graceS {
		out.State = query.HourOpen
	}
	if out.State != query.HourLate {
		out.LateSinceUnixS = 0
	}
	return out
}

// complete reports whether all that comes before a mark is here: the lower
// numbers of its epoch, and what earlier epochs still held when it was made.
func (m *markRow) complete(done map[streamKey]record.Ranges) bool {
	if !done[streamKey{m.Node, m.Epoch, record.Calls}].Contains(record.Range{First: 1, Last: m.Seq - 1}) {
		return false
	}
	for _, h := range m.mark.GetHeld() {
		if h.GetStream() == uint32(record.Calls) &&
			!done[streamKey{m.Node, h.GetEpoch(), record.Calls}].Contains(record.Range{First: h.GetFirst(), Last: h.GetLast()}) {
			return false
		}
	}
	return true
}

// maxMarkKeys bounds the streams of one node that are looked up for a day. Who has
// started its agent more often since its records were last delivered has late hours.
const maxMarkKeys = 1000

// markKeys lists the streams that marks speak of.
func markKeys(marks map[int64]map[string][]markRow) []streamKey {
	known := make(map[string]map[streamKey]bool)
	var out []streamKey
	add := func(k streamKey) {
		of := known[k.node]
		if of == nil {
			of = make(map[streamKey]bool)
			known[k.node] = of
		}
		if !of[k] && len(of) < maxMarkKeys {
			of[k] = true
			out = append(out, k)
		}
	}
	for _, hour := range slices.Sorted(maps.Keys(marks)) {
		for node, list := range marks[hour] {
			for _, m := range list {
				add(streamKey{node, m.Epoch, record.Calls})
				for _, h := range m.mark.GetHeld() {
					add(streamKey{node, h.GetEpoch(), record.Calls})
				}
			}
		}
	}
	slices.SortFunc(out, compareStreamKeys)
	return out
}
