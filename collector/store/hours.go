package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

const (
	hourS = 3600
	dayS  = 24 * hourS
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
		if err := r.hoursOfDay(ctx, nodes, first, min(first+dayS, last), each); err != nil {
			return err
		}
	}
	return nil
}

func (r *reads) hoursOfDay(ctx context.Context, nodes []query.Node, from, to int64, each func(*query.Hour) error) error {
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
	err = r.Summaries(ctx, query.SummaryFilter{FromUnixS: from, ToUnixS: to, Kind: query.KindTotal}, func(s *query.Summary) error {
		calls[cell{s.TimeUnixS, s.Node}] = s.Calls
		return nil
	})
	if err != nil {
		return err
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

// hourOf judges one hour of one node by its marks.
func hourOf(h int64, node string, marks []markRow, done map[streamKey]record.Ranges, nowS int64) query.Hour {
	out := query.Hour{HourUnixS: h, Node: node, State: query.HourLate, LateSinceUnixS: h + hourS}
	for i := range marks {
		out.ObservedMs = max(out.ObservedMs, marks[i].mark.GetObservedMs())
		if marks[i].complete(done) {
			out.State = query.HourComplete
		}
	}
	if out.State == query.HourLate && nowS < h+hourS {
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
