package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sipward/sipward/sync/record"
)

// Postgres is a store in the schema "sipward" of a PostgreSQL database. Several
// collectors may use one at once: the row of a stream's cursor is locked by whoever
// commits to it.
type Postgres struct {
	pool  *pgxpool.Pool // for commits, which never wait for a connection that reads
	views *pgxpool.Pool
	db    *sql.DB // of views
	o     Options

	known      sync.Mutex // guards what follows
	partitions map[place]bool
	saved      map[string]int64 // when the last batch of a node was written down
	id         string

	stats counters
	reads
	desk
}

var _ Store = (*Postgres)(nil)

// OpenPostgres connects to a database by URL or key=value words, and brings it to
// the newest schema. It returns ErrNewerSchema.
func OpenPostgres(ctx context.Context, url string, o Options) (*Postgres, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("reading the address of the database: %w", err) // pgx masks the password
	}
	c.ConnConfig.RuntimeParams["search_path"] = "sipward"
	c.ConnConfig.DialFunc = dialer().DialContext
	c.AfterConnect = durable
	writers := c.Copy()
	writers.AfterConnect = writer
	pool, err := pgxpool.NewWithConfig(ctx, writers)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	views, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	s := &Postgres{pool: pool, views: views, db: stdlib.OpenDBFromPool(views), o: o.withDefaults(), partitions: make(map[place]bool), saved: make(map[string]int64)}
	s.reads = reads{dialect: postgresDialect, sources: s.readFrom, done: s.doneOf, dropped: s.droppedMonths, now: s.o.Now}
	s.desk = desk{&s.reads, s.edit}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.refreshID(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// durable makes a commit wait for the disk where the server's default does not.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// stuck is for how long a transaction may hold its locks while nothing is heard of its
// collector. It is changed by tests only.
var stuck = 30 * time.Second

// writer prepares a connection whose transactions lock rows. The server ends those of a
// collector that stands still, or whose host went without a word: its own defaults
// are never, and two hours, and all other collectors wait for those rows. What the server's
// operator or the URL sets otherwise stays. Readers lock nothing that anybody waits for, and may
// take their time.
func writer(ctx context.Context, c *pgx.Conn) error {
	if err := durable(ctx, c); err != nil {
		return err
	}
	names := []string{"idle_in_transaction_session_timeout", "tcp_user_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"}
	ms := strconv.FormatInt(stuck.Milliseconds(), 10)
	_, err := c.Exec(ctx, `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS v (name, value)
 JOIN pg_settings USING (name) WHERE source = 'default'`, names, []string{ms, ms, "10", "5", "4"}) // 10 s + 4 * 5 s
	return err
}

func (s *Postgres) readFrom(context.Context, kind, int64, int64) ([]source, error) {
	return []source{{name: "the database", db: s.db}}, nil
}

// Stats implements Store.
func (s *Postgres) Stats() Stats { return s.stats.snapshot() }

// Close implements Store.
func (s *Postgres) Close() error {
	err := s.db.Close()
	s.views.Close()
	s.pool.Close()
	return err
}

// ID implements Store.
func (s *Postgres) ID() string {
	s.known.Lock()
	defer s.known.Unlock()
	return s.id
}

// refreshID reads the store's id. It is a new one when the database is another
// than the one that it was drawn for: a copy, or a standby that took over, which may
// lack what its primary had committed.
func (s *Postgres) refreshID(ctx context.Context) error {
	identity, err := s.identity(ctx)
	if err != nil {
		return err
	}
	var id string
	err = s.retry(ctx, func(tx pgx.Tx) error {
		var drawnFor string
		err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE key = 'identity'`).Scan(&drawnFor)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("reading the store's id: %w", err)
		}
		if drawnFor != identity {
			if err := mintID(ctx, tx, identity); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE key = 'store'`).Scan(&id); err != nil {
			return fmt.Errorf("reading the store's id: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.known.Lock()
	defer s.known.Unlock()
	s.id = id
	return nil
}

func mintID(ctx context.Context, tx pgx.Tx, identity string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(advisory))
	for _, table := range endedSince {
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM `+table+` WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'identity' AND value = $1)`, identity)
		}
	}
	if err == nil { // whoever had the lock before may have done it
		_, err = tx.Exec(ctx, `INSERT INTO meta SELECT * FROM (VALUES ('identity', $1), ('store', $2)) AS new (key, value)
 WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'identity' AND value = $1)
 ON CONFLICT (key) DO UPDATE SET value = excluded.value`, identity, newID())
	}
	if err != nil {
		return fmt.Errorf("giving the store an id: %w", err)
	}
	return nil
}

// identity names the cluster, its timeline and the database. Where a server
// does not tell the first two, the third must do.
func (s *Postgres) identity(ctx context.Context) (id string, err error) {
	const database = `SELECT oid::text FROM pg_database WHERE datname = current_database()`
	err = s.pool.QueryRow(ctx, `SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||
 left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || (`+database+`)`).Scan(&id)
	switch code(err) {
	case "42501", "42883", "0A000": // not allowed, not known, not supported
		err = s.pool.QueryRow(ctx, database).Scan(&id)
	}
	if err != nil {
		return "", fmt.Errorf("asking the database who it is: %w", err)
	}
	return id, nil
}

// Backup implements Store. It returns ErrNoBackup.
func (s *Postgres) Backup(context.Context, string) error {
	return fmt.Errorf("backing up PostgreSQL: use pg_dump --schema=sipward, or the server's own backup; a restored database is noticed by itself: %w", ErrNoBackup)
}

// doneOf returns what is committed of streams.
func (s *Postgres) doneOf(ctx context.Context, keys []streamKey) (map[streamKey]record.Ranges, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.node, c.epoch, c.stream, c.done FROM cursors c JOIN unnest($1::text[], $2::bigint[], $3::smallint[])
 AS k (node, epoch, stream) ON c.node = k.node AND c.epoch = k.epoch AND c.stream = k.stream`, columnsOf(keys)...)
	if err != nil {
		return nil, fmt.Errorf("reading cursors: %w", err)
	}
	return scanCursors(rows)
}

// columnsOf returns nodes, epochs and streams, each as one array.
func columnsOf(keys []streamKey) []any {
	nodes, epochs, streams := make([]string, len(keys)), make([]int64, len(keys)), make([]int16, len(keys))
	for i, k := range keys {
		nodes[i], epochs[i], streams[i] = k.node, signed(k.epoch), int16(k.stream)
	}
	return []any{nodes, epochs, streams}
}

func scanCursors(rows pgx.Rows) (map[streamKey]record.Ranges, error) {
	out := make(map[streamKey]record.Ranges)
	var k streamKey
	var epoch, stream int64
	var flat []int64
	_, err := pgx.ForEachRow(rows, []any{&k.node, &epoch, &stream, &flat}, func() error {
		var done record.Ranges
		for i := 0; i+1 < len(flat); i += 2 {
			done.Add(record.Range{First: unsigned(flat[i]), Last: unsigned(flat[i+1])})
		}
		out[streamKey{k.node, unsigned(epoch), record.Stream(stream)}] = done // 1 or 2
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading cursors: %w", err)
	}
	return out, nil
}

func flatten(done record.Ranges) []int64 {
	out := make([]int64, 0, 2*len(done))
	for _, r := range done {
		out = append(out, signed(r.First), signed(r.Last))
	}
	return out
}

// Cursors implements Store.
func (s *Postgres) Cursors(ctx context.Context, node string, epochs []uint64) ([]*record.Cursor, error) {
	var all []streamKey
	for _, e := range epochs {
		for _, st := range record.Streams {
			all = append(all, streamKey{node, e, st})
		}
	}
	done, err := s.doneOf(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]*record.Cursor, 0, len(all))
	for _, k := range all {
		out = append(out, record.NewCursor(k.epoch, k.stream, done[k]))
	}
	return out, nil
}
