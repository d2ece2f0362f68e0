package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Reconcile implements Store.
func (r *reads) Reconcile(ctx context.Context, from, to time.Time, each func(*query.Reconciled) error) error {
	a, b := from.Unix()+mod(-from.Unix(), hourS), to.Unix()+mod(-to.Unix(), hourS)
	if a >= b {
		return nil
	}
	rows := make(map[sumKey]*query.Reconciled)
	at := func(kind, party, node string) *query.Reconciled {
		k := sumKey{kind: kind, party: party, node: node}
		if rows[k] == nil {
			rows[k] = &query.Reconciled{Node: node, Kind: kind, Party: party}
		}
		return rows[k]
	}
	watched, err := r.minuteSums(ctx, a, b, at)
	if err != nil {
		return err
	}
	err = r.closedSums(ctx, a, b, func(s *query.Summary) error {
		at(s.Kind, s.Party, s.Node).Records = query.Closed{Over: s.Over, Ended: s.Ended, AnsweredMs: s.AnsweredMs}
		return nil
	})
	if err != nil {
		return err
	}
	order := make([]sumKey, 0, len(rows))
	for k := range rows {
		order = append(order, k)
	}
	slices.SortFunc(order, compareSumKeys)
	reasons := make(map[string]string)
	for _, k := range order {
		x := rows[k]
		if !x.Equal() {
			if x.Reason, err = r.reason(ctx, reasons, x.Node, a, b, watched[x.Node]); err != nil {
				return err
			}
		}
		if err := each(x); err != nil {
			return err
		}
	}
	return nil
}

// minuteSums adds up the minute counters of [from, to), and returns how much of
// it each node's minutes say was watched, in milliseconds.
func (r *reads) minuteSums(ctx context.Context, from, to int64, at func(kind, party, node string) *query.Reconciled) (map[string]int64, error) {
	watched := make(map[string]int64)
	sources, err := r.sources(ctx, telemetryKind, from*1000, to*1000)
	if err != nil {
		return nil, err
	}
	for _, src := range sources {
		text := `SELECT kind, party, node, ` + r.dialect.totals("over_count", "ended", "answered_ms", "observed_ms") + `
 FROM minutes WHERE minute_s >= ? AND minute_s < ? GROUP BY kind, party, node`
		err := r.dialect.scanAll(ctx, src, text, []any{from, to}, func(rows *sql.Rows) error {
			var kind, party, node string
			var c query.Closed
			var ms int64
			if err := rows.Scan(&kind, &party, &node, &c.Over, &c.Ended, &c.AnsweredMs, &ms); err != nil {
				return fmt.Errorf("reading the minutes of %s: %w", src.name, err)
			}
			m := &at(kind, party, node).Minutes
			m.Over, m.Ended, m.AnsweredMs = m.Over+c.Over, m.Ended+c.Ended, m.AnsweredMs+c.AnsweredMs
			if kind == query.KindTotal {
				watched[node] += ms
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return watched, nil
}

// reason says why the figures of a node cannot be compared; empty when they can.
func (r *reads) reason(ctx context.Context, known map[string]string, node string, from, to, watchedMs int64) (string, error) {
	if s, ok := known[node]; ok {
		return s, nil
	}
	s, err := r.lossReason(ctx, node, from)
	if err != nil {
		return "", err
	}
	if missing := (to-from)*1000 - watchedMs; s == "" && missing > 0 {
		s = fmt.Sprintf("%d s have no minute counters", (missing+999)/1000)
	}
	if s == "" {
		err = r.Hours(ctx, time.Unix(from, 0), time.Unix(to, 0), func(h *query.Hour) error {
			if h.Node == node && h.State != query.HourComplete {
				s = fmt.Sprintf("the hour of %s is %s", time.Unix(h.HourUnixS, 0).UTC().Format("2006-01-02 15:04"), h.State)
			}
			return nil
		})
	}
	known[node] = s
	return s, err
}

// lossReason tells of records that were lost from the beginning of the time on:
// which time they were about is lost with them.
func (r *reads) lossReason(ctx context.Context, node string, from int64) (s string, err error) {
	err = r.Losses(ctx, query.LossFilter{FromUnixMs: from * 1000, Node: node}, func(l *query.Loss) error {
		if s == "" || l.Stream == record.Telemetry {
			s = fmt.Sprintf("%d records of %s were lost (%s)", l.Count, l.Stream, l.Reason)
		}
		return nil
	})
	return s, err
}
