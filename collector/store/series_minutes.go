package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// eachMinute reads columns of one party's minutes. They are in the order of time, with all
// other parties between: each minute is looked up by itself.
func (r *reads) eachMinute(ctx context.Context, f *query.SeriesFilter, columns string, scan func(*sql.Rows) error) error {
	sources, err := r.sources(ctx, telemetryKind, f.FromUnixS*1000, f.ToUnixS*1000)
	if err != nil {
		return err
	}
	node := ""
	args := []any{f.FromUnixS, f.ToUnixS, f.FromUnixS, f.ToUnixS, f.Kind, f.Party}
	if f.Node != "" {
		node, args = " AND m.node = ?", append(args, f.Node)
	}
	text := `WITH RECURSIVE at(s) AS (SELECT ` + r.dialect.whole("?") + ` UNION ALL SELECT s + 60 FROM at WHERE s + 60 < ?)
 SELECT m.minute_s, ` + columns + ` FROM at CROSS JOIN minutes m WHERE m.minute_s = at.s AND m.minute_s >= ? AND m.minute_s < ? AND m.kind = ? AND m.party = ?` + node +
		` ORDER BY m.minute_s, m.node, m.epoch, m.seq`
	for _, src := range sources {
		err := r.dialect.scanAll(ctx, src, text, args, func(rows *sql.Rows) error {
			if err := scan(rows); err != nil {
				return fmt.Errorf("reading the minutes of %s: %w", src.name, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// whole says that a placeholder is a whole number, where a database has to be told.
func (d dialect) whole(placeholder string) string {
	if d.numbered {
		return placeholder + "::bigint"
	}
	return placeholder
}

// minutesOf hands on what all nodes saw in one minute, in the order of time.
func (r *reads) minutesOf(ctx context.Context, f *query.SeriesFilter, each func(s int64, p *query.Point)) error {
	m := minuteJoin{each: each}
	err := r.eachMinute(ctx, f, "m.node, m.record", func(rows *sql.Rows) error {
		var s int64
		var node string
		var raw sql.RawBytes
		if err := rows.Scan(&s, &node, &raw); err != nil {
			return err
		}
		x, err := record.Decode(raw)
		if err != nil {
			return err
		}
		m.add(s, node, x.GetMinute())
		return nil
	})
	m.minuteOver()
	return err
}

// minuteJoin adds up the parts of a minute of one node, and the nodes of a minute.
type minuteJoin struct {
	each func(s int64, p *query.Point)
	s    int64
	node string
	part five // of node
	all  query.Point
	any  bool
}

func (m *minuteJoin) add(s int64, node string, x *record.Minute) {
	if m.any && s != m.s {
		m.minuteOver()
	} else if m.any && node != m.node {
		m.nodeOver()
	}
	m.s, m.node, m.any = s, node, true
	m.part.add(s, x)
}

// nodeOver adds what a node saw to what all did.
func (m *minuteJoin) nodeOver() {
	setup, answered := m.all.LiveSetup+m.part.LiveSetup, m.all.LiveAnswered+m.part.LiveAnswered
	slot := mod(m.s, fiveS) / 60
	peak, peakAnswered := m.all.Peak+m.part.peak[slot], m.all.PeakAnswered+m.part.answered[slot]
	join(&m.all, &m.part.Point)
	m.all.LiveSetup, m.all.LiveAnswered, m.all.Peak, m.all.PeakAnswered = setup, answered, peak, peakAnswered
	m.part = five{}
}

func (m *minuteJoin) minuteOver() {
	if !m.any {
		return
	}
	m.nodeOver()
	m.each(m.s, &m.all)
	m.all, m.any = query.Point{}, false
}
