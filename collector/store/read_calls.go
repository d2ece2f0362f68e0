package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/sipward/sipward/collector/query"
)

// whereCalls puts the conditions that calls and attempts share.
func whereCalls(f *query.CallFilter, q *statement, number ...string) {
	from := f.FromUnixMs
	if f.After != nil {
		from = max(from, f.After.CountedUnixMs)
	}
	q.where("counted_ms >= ?", from)
	q.where("counted_ms < ?", until(f.ToUnixMs))
	q.equal("node", f.Node)
	q.equal("customer", f.Customer)
	if f.Answered != nil {
		q.where("answered = ?", one(*f.Answered))
	}
	if f.Number != "" {
		args := make([]any, len(number))
		for i := range number {
			args[i] = f.Number
		}
		q.where("("+strings.Join(number, " = ? OR ")+" = ?)", args...)
	}
	if a := f.After; a != nil {
		q.where("(counted_ms, node, epoch, seq) > (?, ?, ?, ?)", a.CountedUnixMs, a.Node, signed(a.Epoch), signed(a.Seq))
	}
}

// list is what is asked of each place where calls are kept, in turn.
type list struct {
	of    string // for errors
	query func(q *statement)
	order string
	scan  func(rows *sql.Rows) error
	each  func() error // of the row that was scanned
}

// inOrder reads a list, at most f.Limit rows of it.
func (r *reads) inOrder(ctx context.Context, f *query.CallFilter, l list) error {
	sources, err := r.sources(ctx, callsKind, f.FromUnixMs, until(f.ToUnixMs))
	if err != nil {
		return err
	}
	left := f.Limit
	for _, src := range sources {
		if f.Limit > 0 && left == 0 {
			return nil
		}
		q := new(statement)
		l.query(q)
		q.text.WriteString(" ORDER BY " + l.order)
		if f.Limit > 0 {
			q.text.WriteString(fmt.Sprintf(" LIMIT %d", left))
		}
		err := r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
			left--
			if err := l.scan(rows); err != nil {
				return fmt.Errorf("reading %s of %s: %w", l.of, src.name, err)
			}
			return l.each()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Calls implements Store.
func (r *reads) Calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error {
	var row query.CallRow
	return r.inOrder(ctx, &f, list{
		of: "a call",
		query: func(q *statement) {
			q.text.WriteString("SELECT " + strings.Join(callColumns, ",") + " FROM calls")
			whereCalls(&f, q, "caller", "called")
			q.equal("carrier", f.Carrier)
			q.equal("kind", f.Kind)
			q.equal("call_id", f.CallID)
		},
		order: "counted_ms, node, epoch, seq",
		scan:  func(rows *sql.Rows) error { return scanCall(rows, &row) },
		each:  func() error { return each(&row) },
	})
}

func scanCall(rows *sql.Rows, c *query.CallRow) error {
	var epoch, seq int64
	var pdd sql.NullInt64
	var raw sql.RawBytes
	err := rows.Scan(&c.CountedUnixMs, &c.ClosedUnixMs, &c.InvitedUnixMs, &c.AnsweredUnixMs, &c.EndedUnixMs, &c.Node, &epoch, &seq,
		&c.Kind, &c.Customer, &c.Carrier, &c.Direction, &c.Caller, &c.Called, &c.CallID, &c.Status, &c.Release, &c.Answered,
		&c.Midcall, &c.DurationMs, &pdd, &c.MediaClass, &c.Digits, &raw)
	c.Epoch, c.Seq, c.PddMs, c.Record = unsigned(epoch), unsigned(seq), nullable(pdd), raw
	return err
}

func nullable(v sql.NullInt64) *int64 {
	if !v.Valid {
		return nil
	}
	return &v.Int64
}

// Attempts implements Store. CallID and Kind select nothing here.
func (r *reads) Attempts(ctx context.Context, f query.CallFilter, each func(*query.AttemptRow) error) error {
	var row query.AttemptRow
	return r.inOrder(ctx, &f, list{
		of: "an attempt",
		query: func(q *statement) {
			q.text.WriteString("SELECT counted_ms, node, epoch, seq, n, customer, carrier, called, invited_ms, status, release, answered, outcome, duration_ms, pdd_ms FROM attempts")
			whereCalls(&f, q, "called")
			q.equal("carrier", f.Carrier)
		},
		order: "counted_ms, node, epoch, seq, n",
		scan:  func(rows *sql.Rows) error { return scanAttempt(rows, &row) },
		each:  func() error { return each(&row) },
	})
}

func scanAttempt(rows *sql.Rows, a *query.AttemptRow) error {
	var epoch, seq int64
	var pdd sql.NullInt64
	err := rows.Scan(&a.CountedUnixMs, &a.Node, &epoch, &seq, &a.N, &a.Customer, &a.Carrier, &a.Called, &a.InvitedUnixMs,
		&a.Status, &a.Release, &a.Answered, &a.Outcome, &a.DurationMs, &pdd)
	a.Epoch, a.Seq, a.PddMs = unsigned(epoch), unsigned(seq), nullable(pdd)
	return err
}
