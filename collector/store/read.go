package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// source is a database to read from: a month's file of SQLite, or PostgreSQL.
type source struct {
	name string
	db   *sql.DB
	file string      // id of the file, for what the base says of it
	gone func() bool // the file was dropped since; nil: it cannot be
}

// querier is a database, or a transaction on one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// dialect is where the two databases differ.
type dialect struct {
	numbered bool   // $1 instead of ?
	month    string // beginning of the month of hour_s, Unix seconds
}

var (
	sqliteDialect   = dialect{false, `CAST(strftime('%s', hour_s, 'unixepoch', 'start of month') AS INTEGER)`}
	postgresDialect = dialect{true, `extract(epoch FROM date_trunc('month', to_timestamp(hour_s) AT TIME ZONE 'UTC'))::bigint`}
)

// reads is the side of a store that only reads; both are built on it.
type reads struct {
	dialect dialect
	// sources returns what has rows of a kind whose time is in [from, to), in the
	// order of time. Times are Unix milliseconds; to is never 0.
	sources func(ctx context.Context, k kind, from, to int64) ([]source, error)
	// done returns what is committed of streams.
	done func(ctx context.Context, keys []streamKey) (map[streamKey]record.Ranges, error)
	// dropped returns the months whose sums are kept beside those of calls that came
	// later; nil where they are apart.
	dropped func(ctx context.Context) (map[month]bool, error)
	now     func() time.Time
}

// statement builds the text of a query and its arguments.
type statement struct {
	text strings.Builder
	args []any
}

// where adds a condition, which the first of a query is a WHERE for.
func (q *statement) where(condition string, args ...any) {
	if len(q.args) == 0 {
		q.text.WriteString(" WHERE ")
	} else {
		q.text.WriteString(" AND ")
	}
	q.text.WriteString(condition)
	q.args = append(q.args, args...)
}

func (q *statement) equal(column, value string) {
	if value != "" {
		q.where(column+" = ?", value)
	}
}

// bind numbers the placeholders where a database wants it. No text of ours has
// a question mark elsewhere.
func (d dialect) bind(text string) string {
	if !d.numbered {
		return text
	}
	var b strings.Builder
	n := 0
	for i := range len(text) {
		if text[i] == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// scanAll runs a query on src and calls scan for each row. A file that was
// dropped since it was listed has none.
func (d dialect) scanAll(ctx context.Context, src source, text string, args []any, scan func(*sql.Rows) error) error {
	err := d.scanOn(ctx, src.db, src.name, text, args, scan)
	if err != nil && src.gone != nil && src.gone() {
		return nil
	}
	return err
}

func (d dialect) scanOn(ctx context.Context, db querier, name, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, d.bind(text), args...)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer rows.Close() // rows.Err has it
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

// forever is the end of a time without one, Unix milliseconds.
const forever = 1 << 52

func until(to int64) int64 {
	if to == 0 {
		return forever
	}
	return to
}
