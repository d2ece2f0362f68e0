package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/sipward/sipward/test/peers"
)

// database is where collectors store. It is read as anybody could, without
// their code.
type database interface {
	query(ctx context.Context, text string, each func(*sql.Rows) error) error
	// done asks for the numbers that are committed: node, epoch, stream, first, last.
	done() string
}

// readable says whether a database answers.
func readable(ctx context.Context, in database) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	is := false
	err := in.query(ctx, "SELECT 1", func(*sql.Rows) error { is = true; return nil })
	return err == nil && is
}

type postgres struct{ url string }

// done reads arrays of first, last, first, last, ...
func (p *postgres) done() string {
	return `SELECT node, epoch, stream, done[2*i-1], done[2*i] FROM cursors, generate_series(1, cardinality(done)/2) AS i`
}

func (p *postgres) query(ctx context.Context, text string, each func(*sql.Rows) error) error {
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return err
	}
	defer db.Close()
	return peers.QueryDatabase(ctx, db, text, each)
}

// sqlite is the files of one folder: some tables are in several of them.
type sqlite struct{ dir string }

func (s *sqlite) done() string { return `SELECT node, epoch, stream, first, last FROM ranges` }

func (s *sqlite) query(ctx context.Context, text string, each func(*sql.Rows) error) error {
	return peers.QuerySQLite(ctx, filepath.Join(s.dir, "*.db"), text, each)
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
		err := in.query(ctx, table.query, func(rows *sql.Rows) error {
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
	err = in.query(ctx, in.done(), func(rows *sql.Rows) error {
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
		err := in.query(ctx, q, func(rows *sql.Rows) error {
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
