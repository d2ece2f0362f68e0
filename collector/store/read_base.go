package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// base is where nodes, marks, losses and dead letters are.
func (r *reads) base(ctx context.Context) (source, error) {
	list, err := r.sources(ctx, baseKind, 0, forever)
	if err != nil {
		return source{}, err
	}
	return list[0], nil
}

// Nodes implements Store.
func (r *reads) Nodes(ctx context.Context) ([]query.Node, error) {
	var out []query.Node
	src, err := r.base(ctx)
	if err != nil {
		return nil, err
	}
	err = r.dialect.scanAll(ctx, src, `SELECT `+nodeColumns+` FROM nodes ORDER BY node`, nil, func(rows *sql.Rows) error {
		n, err := scanNode(rows)
		if err != nil {
			return fmt.Errorf("reading a node of %s: %w", src.name, err)
		}
		out = append(out, n.Node)
		return nil
	})
	return out, err
}

// Losses implements Store.
func (r *reads) Losses(ctx context.Context, f query.LossFilter, each func(*query.Loss) error) error {
	q := new(statement)
	q.text.WriteString(`SELECT recorded_ms, node, epoch, stream, first, last, lost, reason, at_ms FROM losses`)
	q.where("at_ms >= ?", f.FromUnixMs)
	q.where("at_ms < ?", until(f.ToUnixMs))
	q.equal("node", f.Node)
	q.text.WriteString(" ORDER BY id")
	src, err := r.base(ctx)
	if err != nil {
		return err
	}
	return r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
		var l query.Loss
		var epoch int64
		if err := rows.Scan(&l.RecordedUnixMs, &l.Node, &epoch, &l.Stream, &l.First, &l.Last, &l.Count, &l.Reason, &l.AtUnixMs); err != nil {
			return fmt.Errorf("reading a loss of %s: %w", src.name, err)
		}
		l.Epoch = unsigned(epoch)
		return each(&l)
	})
}

// DeadLetters implements Store.
func (r *reads) DeadLetters(ctx context.Context, raw bool, each func(*query.DeadLetter) error) error {
	column := "NULL"
	if raw {
		column = "raw"
	}
	src, err := r.base(ctx)
	if err != nil {
		return err
	}
	return r.dialect.scanAll(ctx, src, `SELECT id, at_ms, node, epoch, stream, first, records, size, reason, `+column+` FROM letters ORDER BY id`, nil,
		func(rows *sql.Rows) error {
			var l query.DeadLetter
			var epoch, first int64
			if err := rows.Scan(&l.ID, &l.AtUnixMs, &l.Node, &epoch, &l.Stream, &first, &l.Count, &l.Size, &l.Reason, &l.Raw); err != nil {
				return fmt.Errorf("reading a dead letter of %s: %w", src.name, err)
			}
			l.Epoch, l.First = unsigned(epoch), unsigned(first)
			return each(&l)
		})
}

// markRow is a stored hour mark.
type markRow struct {
	query.Key
	mark *record.HourMark
}

// marks returns the marks of hours that begin in [from, to), Unix seconds, by
// hour and node.
func (r *reads) marks(ctx context.Context, from, to int64) (map[int64]map[string][]markRow, error) {
	out := make(map[int64]map[string][]markRow)
	src, err := r.base(ctx)
	if err != nil {
		return nil, err
	}
	err = r.dialect.scanAll(ctx, src, `SELECT node, epoch, seq, record FROM hour_marks WHERE hour_s >= ? AND hour_s < ? ORDER BY hour_s, node, epoch, seq`,
		[]any{from, to}, func(rows *sql.Rows) error {
			var m markRow
			x, err := scanRecord(rows, src.name, &m.Key)
			if err != nil {
				return err
			}
			m.mark = x.GetHourMark()
			h := m.mark.GetHourUnixS()
			if out[h] == nil {
				out[h] = make(map[string][]markRow)
			}
			out[h][m.Node] = append(out[h][m.Node], m)
			return nil
		})
	return out, err
}
