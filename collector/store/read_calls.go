package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/sipward/sipward/collector/query"
)

// whereCalls puts the conditions that calls and attempts share. key are the columns that
// a list is in the order of.
func whereCalls(f *query.CallFilter, q *statement, key []string, number ...string) {
	q.span("counted_ms", f.FromUnixMs, f.ToUnixMs, f.After, f.Newest)
	q.equal("node", f.Node)
	q.equal("customer", f.Customer)
	q.equal("carrier", f.Carrier)
	q.equal("release", f.Release)
	if f.Answered != nil {
		q.where("answered = ?", one(*f.Answered))
	}
	if f.Status != 0 {
		q.where("status = ?", int64(f.Status))
	}
	if f.MinDurationMs > 0 {
		q.where("duration_ms >= ?", f.MinDurationMs)
	}
	q.anyOf(" = ?", number, f.Number)
	if f.Prefix != "" {
		q.prefix(f.Prefix, number...)
	}
	if k := f.Only; k != nil {
		q.where("node = ? AND epoch = ? AND seq = ?", k.Node, signed(k.Epoch), signed(k.Seq))
	}
	q.after(key, f.After, f.Newest)
}

// span puts the time of a list, without what comes before its position.
func (q *statement) span(time string, from, to int64, a *query.Position, newest bool) {
	to = until(to)
	switch {
	case a != nil && newest:
		to = min(to, a.CountedUnixMs+1)
	case a != nil:
		from = max(from, a.CountedUnixMs)
	}
	q.where(time+" >= ?", from)
	q.where(time+" < ?", to)
}

// after puts where a list goes on.
func (q *statement) after(key []string, a *query.Position, newest bool) {
	if a == nil {
		return
	}
	than := " > "
	if newest {
		than = " < "
	}
	args := []any{a.CountedUnixMs, a.Node, signed(a.Epoch), signed(a.Seq), int64(a.N)}
	q.where("("+strings.Join(key, ", ")+")"+than+"("+marks(len(key))+")", args[:len(key)]...)
}

// anyOf puts that one of columns is value, when there is one.
func (q *statement) anyOf(is string, columns []string, value string) {
	if value == "" {
		return
	}
	args := make([]any, len(columns))
	for i := range columns {
		args[i] = value
	}
	q.where("("+strings.Join(columns, is+" OR ")+is+")", args...)
}

// prefix puts that one of columns begins with a text. Texts compare by bytes, and none
// that is valid has a rune beyond the last one.
func (q *statement) prefix(value string, columns ...string) {
	var parts []string
	var args []any
	for _, c := range columns {
		parts = append(parts, c+" >= ? AND "+c+" < ?")
		args = append(args, value, value+"\U0010FFFF")
	}
	q.where("("+strings.Join(parts, " OR ")+")", args...)
}

// orderBy ends a query.
func orderBy(key []string, newest bool) string {
	if newest {
		return " ORDER BY " + strings.Join(key, " DESC, ") + " DESC"
	}
	return " ORDER BY " + strings.Join(key, ", ")
}

// Orders of lists.
var (
	callKey         = []string{"counted_ms", "node", "epoch", "seq"}
	attemptKey      = []string{"counted_ms", "node", "epoch", "seq", "n"}
	registrationKey = []string{"at_ms", "node", "epoch", "seq"}
)

// list is what is asked of each place where calls are kept, in turn.
type list struct {
	of    string // for errors
	query func(q *statement)
	order []string
	scan  func(rows *sql.Rows) error
	each  func() error // of the row that was scanned
}

// inOrder reads a list, at most f.Limit rows of it.
func (r *reads) inOrder(ctx context.Context, f *query.CallFilter, l list) error {
	sources, err := r.listed(ctx, callsKind, f.FromUnixMs, f.ToUnixMs, f.Newest)
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
		q.text.WriteString(orderBy(l.order, f.Newest))
		q.limit(left)
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

// listed returns what has rows of a time, in the order of a list.
func (r *reads) listed(ctx context.Context, k kind, from, to int64, newest bool) ([]source, error) {
	sources, err := r.sources(ctx, k, from, until(to))
	if newest {
		slices.Reverse(sources)
	}
	return sources, err
}

// Calls implements Store.
func (r *reads) Calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error {
	var row query.CallRow
	return r.inOrder(ctx, &f, list{
		of: "a call",
		query: func(q *statement) {
			q.text.WriteString("SELECT " + strings.Join(callColumns, ",") + " FROM calls")
			whereOnlyCalls(&f, q)
		},
		order: callKey,
		scan:  func(rows *sql.Rows) error { return scanCall(rows, &row) },
		each:  func() error { return each(&row) },
	})
}

func whereOnlyCalls(f *query.CallFilter, q *statement) {
	whereCalls(f, q, callKey, "caller", "called")
	q.equal("kind", f.Kind)
	q.equal("call_id", f.CallID)
}

// CountCalls implements Reader.
func (r *reads) CountCalls(ctx context.Context, f query.CallFilter, most int) (int, error) {
	return r.countIn(ctx, callsKind, "calls", [2]int64{f.FromUnixMs, f.ToUnixMs}, most, func(q *statement) { whereOnlyCalls(&f, q) })
}

// CountAttempts implements Reader.
func (r *reads) CountAttempts(ctx context.Context, f query.CallFilter, most int) (int, error) {
	return r.countIn(ctx, callsKind, "attempts", [2]int64{f.FromUnixMs, f.ToUnixMs}, most, func(q *statement) { whereCalls(&f, q, attemptKey, "called") })
}

// CountRegistrations implements Reader.
func (r *reads) CountRegistrations(ctx context.Context, f query.RegistrationFilter, most int) (int, error) {
	return r.countIn(ctx, telemetryKind, "registrations", [2]int64{f.FromUnixMs, f.ToUnixMs}, most, func(q *statement) { whereRegistrations(&f, q) })
}

// countIn counts rows, up to most.
func (r *reads) countIn(ctx context.Context, k kind, table string, span [2]int64, most int, where func(*statement)) (n int, err error) {
	sources, err := r.sources(ctx, k, span[0], until(span[1]))
	if err != nil {
		return 0, err
	}
	for _, src := range sources {
		if n >= most {
			break
		}
		q := new(statement)
		q.text.WriteString("SELECT count(*) FROM (SELECT 1 FROM " + table)
		where(q)
		q.limit(most - n)
		q.text.WriteString(") AS found")
		err := r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
			var more int
			err := rows.Scan(&more)
			n += more
			return err
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
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
			whereCalls(&f, q, attemptKey, "called")
		},
		order: attemptKey,
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
