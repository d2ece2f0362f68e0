package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/sipward/sipward/collector/query"
)

// pendingS is for how long the minutes of a silent node are waited for.
const pendingS = 7 * dayS

// pending lists the nodes whose last minutes are still to come: from the last one that is
// here, or from the start of the running agent, until now.
func (r *reads) pending(ctx context.Context, f *query.SeriesFilter) ([]query.Pending, error) {
	now := r.now().Unix()
	if f.ToUnixS <= now-pendingS {
		return nil, nil
	}
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := r.sources(ctx, telemetryKind, (now-pendingS)*1000, forever)
	if err != nil {
		return nil, err
	}
	slices.Reverse(sources)
	var out []query.Pending
	for i := range nodes {
		n := &nodes[i]
		if f.Node != "" && n.ID != f.Node || n.LastSeenUnixMs/1000 < now-pendingS {
			continue
		}
		last, err := r.lastMinute(ctx, sources, n.ID, now-pendingS)
		if err != nil {
			return nil, err
		}
		if last == 0 && n.StartedUnixMs == 0 {
			continue // it has never said that it counts minutes
		}
		p := query.Pending{Node: n.ID, FromUnixS: max(last+60, n.StartedUnixMs/60_000*60), ToUnixS: now - mod(now, 60)}
		if p.FromUnixS < p.ToUnixS && p.FromUnixS < f.ToUnixS && p.ToUnixS > f.FromUnixS {
			out = append(out, p)
		}
	}
	return out, nil
}

// lastMinute is the last one of a node that is here, from a time on; 0: none is.
func (r *reads) lastMinute(ctx context.Context, sources []source, node string, from int64) (last int64, err error) {
	for _, src := range sources {
		err := r.dialect.scanAll(ctx, src, `SELECT last_s FROM fives WHERE kind = ? AND party = '' AND five_s >= ? AND node = ? ORDER BY five_s DESC LIMIT 1`,
			[]any{query.KindTotal, from - mod(from, fiveS), node}, func(rows *sql.Rows) error {
				if err := rows.Scan(&last); err != nil {
					return fmt.Errorf("reading the counters of %s: %w", src.name, err)
				}
				return nil
			})
		if err != nil || last != 0 {
			return last, err
		}
	}
	return 0, nil
}
