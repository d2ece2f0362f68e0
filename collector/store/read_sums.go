package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/sipward/sipward/collector/query"
)

// stepSQL returns the beginning of a step that an hour is in.
func (d dialect) stepSQL(s query.Step) (string, error) {
	switch s {
	case 0, query.ByHour:
		return "hour_s", nil
	case query.ByDay:
		return "(hour_s - hour_s % 86400)", nil
	case query.ByMonth:
		return d.month, nil
	}
	return "", fmt.Errorf("summaries by step %d", s)
}

// totals lists the sums of columns. What is beyond all measure becomes the largest
// number: an error would keep the figures of all other nodes from being read.
func (d dialect) totals(columns ...string) string {
	text := make([]string, len(columns))
	for i, c := range columns {
		if d.numbered {
			text[i] = "least(sum(" + c + "), 9223372036854775807)::bigint"
		} else {
			text[i] = "CAST(total(" + c + ") AS INTEGER)" // exact up to 2^53
		}
	}
	return strings.Join(text, ", ")
}

// Summaries implements Store. The sums of one time may be in several files, of
// which each has them in order: they are merged.
func (r *reads) Summaries(ctx context.Context, f query.SummaryFilter, each func(*query.Summary) error) error {
	step, err := r.dialect.stepSQL(f.Step)
	if err != nil {
		return err
	}
	node := "node"
	if f.AllNodes {
		node = "''"
	}
	q := new(statement)
	columns := "SELECT " + step + " AS t, kind, party, " + node + " AS n, " + r.dialect.totals(sumColumns[:]...)
	if single(&f) {
		first := f.FromUnixS + mod(-f.FromUnixS, hourS)
		q.text.WriteString("WITH RECURSIVE at(h) AS (SELECT " + r.dialect.whole("?") + " UNION ALL SELECT h + 3600 FROM at WHERE h + 3600 < ?) " +
			columns + " FROM at CROSS JOIN sums WHERE hour_s = at.h")
		q.args = append(q.args, first, f.ToUnixS)
	} else {
		q.text.WriteString(columns + " FROM sums")
	}
	q.where("hour_s >= ?", f.FromUnixS)
	q.where("hour_s < ?", until(f.ToUnixS))
	q.equal("node", f.Node)
	q.equal("kind", f.Kind)
	q.equal("party", f.Party)
	q.text.WriteString(" GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4")
	return r.mergeSums(ctx, f.FromUnixS, until(f.ToUnixS), q, each)
}

// maxLookups is how many hours are looked up one by one.
const maxLookups = 24 * 62

// single says that one party's hours are few enough to be looked up: sums are in the order
// of time, and a month of them has those of all other parties between.
func single(f *query.SummaryFilter) bool {
	one := f.Kind == query.KindTotal || f.Kind != "" && f.Party != ""
	return one && f.FromUnixS > 0 && f.ToUnixS > f.FromUnixS && f.ToUnixS-f.FromUnixS <= maxLookups*hourS
}

// closedSums hands on the sums of what was closed in hours that begin in [from,
// to), by kind, party and node.
func (r *reads) closedSums(ctx context.Context, from, to int64, each func(*query.Summary) error) error {
	q := new(statement)
	q.text.WriteString("SELECT 0, kind, party, node AS n, " + r.dialect.totals(sumColumns[:]...) + " FROM sums")
	q.where("closed_s >= ?", from)
	q.where("closed_s < ?", to)
	q.text.WriteString(" GROUP BY kind, party, node ORDER BY 2, 3, 4")
	return r.mergeSums(ctx, 0, forever, q, each)
}

// mergeSums runs a query that returns a time, kind, party, node and sums on all
// that has sums, and adds up what belongs together.
func (r *reads) mergeSums(ctx context.Context, from, to int64, q *statement, each func(*query.Summary) error) (err error) {
	base, err := r.base(ctx)
	if err != nil {
		return err
	}
	tx, err := base.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading the sums: %w", err)
	}
	defer tx.Rollback() // it only reads
	streams, err := r.sumStreams(ctx, tx, from, min(to, forever/1000), q.text.String(), q.args)
	defer func() {
		for _, s := range streams {
			err = errors.Join(err, s.rows.Close())
		}
	}()
	if err != nil {
		return err
	}
	for {
		out, err := takeFirst(streams)
		if out == nil || err != nil {
			return err
		}
		if err := each(out); err != nil {
			return err
		}
	}
}

// takeFirst adds up what streams have of the summary that comes first, and goes on behind
// it; nil at the end.
func takeFirst(streams []*sumStream) (*query.Summary, error) {
	var first *query.Summary
	for _, s := range streams {
		if s.ok && (first == nil || compareSummaries(&s.at, first) < 0) {
			first = &s.at
		}
	}
	if first == nil {
		return nil, nil //nolint:nilnil // the end, and that is no error
	}
	out := query.Summary{TimeUnixS: first.TimeUnixS, Node: first.Node, Kind: first.Kind, Party: first.Party}
	for _, s := range streams {
		if !s.ok || compareSummaries(&s.at, &out) != 0 {
			continue
		}
		out.Add(&s.at.Sums)
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

func compareSummaries(a, b *query.Summary) int {
	return compareSumKeys(sumKey{hour: a.TimeUnixS, kind: a.Kind, party: a.Party, node: a.Node},
		sumKey{hour: b.TimeUnixS, kind: b.Kind, party: b.Party, node: b.Node})
}

// sumStream is the summaries of one source.
type sumStream struct {
	source
	rows *sql.Rows
	at   query.Summary
	ok   bool
}

// sumStreams opens the query on each source. What it returns is to be closed
// also when there is an error. The base comes last, and says in the snapshot that its
// sums are read from which months had been moved into it by then.
func (r *reads) sumStreams(ctx context.Context, tx *sql.Tx, from, to int64, text string, args []any) (out []*sumStream, err error) {
	base, err := r.base(ctx)
	if err != nil {
		return nil, err
	}
	months, err := r.sources(ctx, callsKind, from*1000, to*1000)
	if err != nil {
		return nil, err
	}
	for _, src := range months {
		if src.db == base.db {
			continue
		}
		s, err := openSums(ctx, src.db, src, r.dialect.bind(text), args)
		if err != nil && !src.gone() {
			return out, err
		}
		if err == nil {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		if out, err = r.leaveMoved(ctx, tx, base, out); err != nil {
			return out, err
		}
	}
	s, err := openSums(ctx, tx, base, r.dialect.bind(text), args)
	if err != nil {
		return out, err
	}
	return append(out, s), nil
}

// leaveMoved closes what the base has by now.
func (r *reads) leaveMoved(ctx context.Context, tx *sql.Tx, base source, in []*sumStream) (out []*sumStream, err error) {
	moved := make(map[string]bool)
	err = r.dialect.scanOn(ctx, tx, base.name, `SELECT file FROM dropped`, nil, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		moved[id] = true
		return err
	})
	for _, s := range in {
		if moved[s.file] {
			err = errors.Join(err, s.rows.Close())
			continue
		}
		out = append(out, s)
	}
	return out, err
}

func openSums(ctx context.Context, db querier, src source, text string, args []any) (*sumStream, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the sums of %s: %w", src.name, err)
	}
	s := &sumStream{source: src, rows: rows}
	if err := s.next(); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return s, nil
}

func (s *sumStream) next() error {
	if s.ok = s.rows.Next(); !s.ok {
		if err := s.rows.Err(); err != nil {
			return fmt.Errorf("reading the sums of %s: %w", s.name, err)
		}
		return nil
	}
	to := []any{&s.at.TimeUnixS, &s.at.Kind, &s.at.Party, &s.at.Node}
	for _, v := range s.at.Fields() {
		to = append(to, v)
	}
	if err := s.rows.Scan(to...); err != nil {
		return fmt.Errorf("reading the sums of %s: %w", s.name, err)
	}
	return nil
}
