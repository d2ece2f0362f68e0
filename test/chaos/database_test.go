package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

// database is where collectors store. It is read as anybody could, without
// their code.
type database interface {
	ping(ctx context.Context) bool
	open(ctx context.Context) ([]*sql.DB, error)
	// done asks for the numbers that are committed: node, epoch, stream, first, last.
	done() string
}

type postgres struct{ url string }

func (p *postgres) ping(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	all, err := p.open(ctx)
	if err != nil {
		return false
	}
	defer closeAll(all)
	return all[0].PingContext(ctx) == nil
}

// done reads arrays of first, last, first, last, ...
func (p *postgres) done() string {
	return `SELECT node, epoch, stream, done[2*i-1], done[2*i] FROM cursors, generate_series(1, cardinality(done)/2) AS i`
}

func (p *postgres) open(context.Context) ([]*sql.DB, error) {
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return nil, err
	}
	return []*sql.DB{db}, nil
}

// sqlite is the files of one folder: some tables are in several of them.
type sqlite struct{ dir string }

func (s *sqlite) ping(ctx context.Context) bool {
	all, err := s.open(ctx)
	closeAll(all)
	return err == nil
}

func (s *sqlite) done() string { return `SELECT node, epoch, stream, first, last FROM ranges` }

func (s *sqlite) open(ctx context.Context) (all []*sql.DB, err error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.db"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read the database in %s: there is none", s.dir)
	}
	for _, f := range files {
		u := url.URL{Scheme: "file", Opaque: f, RawQuery: url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}.Encode()}
		db, err := sql.Open("sqlite", u.String())
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, db)
		if err := db.PingContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", f, err), closeAll(all))
		}
	}
	return all, nil
}

func closeAll(all []*sql.DB) error {
	var errs []error
	for _, db := range all {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// query hands the rows of a query to each. A table that one of the files does
// not have is in another.
func query(ctx context.Context, in database, text string, each func(*sql.Rows) error) error {
	all, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll(all)
	found := false
	for _, db := range all {
		switch err := queryOne(ctx, db, text, each); {
		case err != nil && strings.Contains(err.Error(), "no such table"):
		case err != nil:
			return fmt.Errorf("%s: %w", text, err)
		default:
			found = true
		}
	}
	if !found {
		return fmt.Errorf("%s: no such table anywhere", text)
	}
	return nil
}

func queryOne(ctx context.Context, db *sql.DB, text string, each func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Tables that hold records, and what is asked of them. Epochs and numbers are
// unsigned, and in the database signed 64-bit integers with the same bits.
var recordTables = []struct{ kind, stream, query string }{
	{kindCall, streamCalls, `SELECT node, epoch, seq, call_id FROM calls`},
	{kindMark, streamCalls, `SELECT node, epoch, seq, '' FROM hour_marks`},
	{kindMinute, streamTelemetry, `SELECT node, epoch, seq, '' FROM minutes`},
	{kindRegistration, streamTelemetry, `SELECT node, epoch, seq, '' FROM registrations`},
}

// readStored reads all records that a database holds.
func readStored(ctx context.Context, in database) (out []entry, err error) {
	for _, table := range recordTables {
		err := query(ctx, in, table.query, func(rows *sql.Rows) error {
			e := entry{kind: table.kind}
			e.stream = table.stream
			var epoch, seq int64
			if err := rows.Scan(&e.node, &epoch, &seq, &e.callID); err != nil {
				return err
			}
			e.epoch, e.seq = uint64(epoch), uint64(seq)
			out = append(out, e)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readDone reads which numbers the collectors have marked as committed.
func readDone(ctx context.Context, in database) (done spans, err error) {
	done = make(spans)
	err = query(ctx, in, in.done(), func(rows *sql.Rows) error {
		var k sequence
		var epoch, first, last, stream int64
		if err := rows.Scan(&k.node, &epoch, &stream, &first, &last); err != nil {
			return err
		}
		if stream < 1 || int(stream) > len(streamNames) {
			return fmt.Errorf("stream %d of node %s is none that is known", stream, k.node)
		}
		k.epoch, k.stream = uint64(epoch), streamNames[stream-1]
		done[k] = append(done[k], span{uint64(first), uint64(last)})
		return nil
	})
	return done, err
}

// readLedger lists, in words, what the database says is lost, and counts it by node.
func readLedger(ctx context.Context, in database) (words []string, byNode map[string]int, err error) {
	byNode = make(map[string]int)
	for _, q := range []string{
		`SELECT node, epoch, stream, first, last, lost, reason FROM losses`,
		`SELECT node, epoch, stream, first, first + records - 1, records, 'dead letter: ' || reason FROM letters`,
	} {
		err := query(ctx, in, q, func(rows *sql.Rows) error {
			var node, reason string
			var epoch, stream, first, last, count int64
			if err := rows.Scan(&node, &epoch, &stream, &first, &last, &count, &reason); err != nil {
				return err
			}
			byNode[node] += max(int(count), 1)
			words = append(words, fmt.Sprintf("%s epoch %016x stream %d, %d to %d: %d lost, %s", node, uint64(epoch), stream, first, last, count, reason))
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return words, byNode, nil
}
