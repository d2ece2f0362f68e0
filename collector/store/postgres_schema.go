package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// postgresSteps lead from one schema version to the next. They are never
// changed, only added. Texts compare by bytes, as they do in SQLite and in Go.
var postgresSteps = []string{`
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE nodes (node text COLLATE "C" PRIMARY KEY, first_ms bigint NOT NULL, last_ms bigint NOT NULL, program text NOT NULL,
  epoch bigint NOT NULL, earlier text NOT NULL, started_ms bigint NOT NULL, skew_ms bigint NOT NULL, flaps bigint NOT NULL,
  duplicate_ms bigint NOT NULL);
CREATE TABLE cursors (node text COLLATE "C" NOT NULL, epoch bigint NOT NULL, stream smallint NOT NULL, done bigint[] NOT NULL,
  PRIMARY KEY (node, epoch, stream));
CREATE TABLE hour_marks (node text COLLATE "C" NOT NULL, hour_s bigint NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,
  observed_ms bigint NOT NULL, record bytea NOT NULL, PRIMARY KEY (hour_s, node, epoch, seq));
CREATE TABLE losses (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, recorded_ms bigint NOT NULL, node text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL, stream smallint NOT NULL, first bigint NOT NULL, last bigint NOT NULL, lost bigint NOT NULL,
  reason text NOT NULL, at_ms bigint NOT NULL);
CREATE TABLE letters (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at_ms bigint NOT NULL, node text NOT NULL,
  epoch bigint NOT NULL, stream smallint NOT NULL, first bigint NOT NULL, records bigint NOT NULL, size bigint NOT NULL,
  reason text NOT NULL, raw bytea NOT NULL);
CREATE TABLE dropped (name text PRIMARY KEY, at_ms bigint NOT NULL);
CREATE TABLE sums (hour_s bigint NOT NULL, kind text COLLATE "C" NOT NULL, party text COLLATE "C" NOT NULL, node text COLLATE "C" NOT NULL,
  closed_s bigint NOT NULL, calls bigint NOT NULL, no_outcome bigint NOT NULL, midcall bigint NOT NULL, outcomes bigint NOT NULL,
  connected bigint NOT NULL, effective bigint NOT NULL, over_count bigint NOT NULL, ended bigint NOT NULL, answered_ms bigint NOT NULL,
  digit_calls bigint NOT NULL, media_visible bigint NOT NULL, pdd_sum_ms bigint NOT NULL, pdd_count bigint NOT NULL,
  PRIMARY KEY (hour_s, kind, party, node, closed_s));
CREATE INDEX sums_closed ON sums (closed_s);
CREATE TABLE calls (counted_ms bigint NOT NULL, closed_ms bigint NOT NULL, invited_ms bigint NOT NULL, answered_ms bigint NOT NULL,
  ended_ms bigint NOT NULL, node text COLLATE "C" NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL, kind text NOT NULL,
  customer text COLLATE "C" NOT NULL, carrier text COLLATE "C" NOT NULL, direction text NOT NULL, caller text COLLATE "C" NOT NULL,
  called text COLLATE "C" NOT NULL, call_id text COLLATE "C" NOT NULL, status bigint NOT NULL, release text NOT NULL,
  answered smallint NOT NULL, midcall smallint NOT NULL, duration_ms bigint NOT NULL, pdd_ms bigint, media_class text NOT NULL,
  digits bigint NOT NULL, record bytea NOT NULL) PARTITION BY RANGE (counted_ms);
CREATE INDEX calls_counted ON calls (counted_ms);
CREATE TABLE attempts (counted_ms bigint NOT NULL, node text COLLATE "C" NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,
  n bigint NOT NULL, customer text COLLATE "C" NOT NULL, carrier text COLLATE "C" NOT NULL, called text COLLATE "C" NOT NULL,
  invited_ms bigint NOT NULL, status bigint NOT NULL, release text NOT NULL, answered smallint NOT NULL, outcome smallint NOT NULL,
  duration_ms bigint NOT NULL, pdd_ms bigint) PARTITION BY RANGE (counted_ms);
CREATE INDEX attempts_counted ON attempts (counted_ms);
CREATE TABLE minutes (minute_s bigint NOT NULL, kind text COLLATE "C" NOT NULL, party text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL, observed_ms bigint NOT NULL, over_count bigint NOT NULL,
  ended bigint NOT NULL, answered_ms bigint NOT NULL, record bytea NOT NULL,
  PRIMARY KEY (minute_s, kind, party, node, epoch, seq)) PARTITION BY RANGE (minute_s);
CREATE TABLE registrations (at_ms bigint NOT NULL, node text COLLATE "C" NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,
  verdict text NOT NULL, reason text NOT NULL, customer text COLLATE "C" NOT NULL, number text COLLATE "C" NOT NULL, src text NOT NULL,
  record bytea NOT NULL) PARTITION BY RANGE (at_ms);
CREATE INDEX registrations_at ON registrations (at_ms);
ALTER TABLE calls ALTER COLUMN record SET STORAGE EXTERNAL;
`, `
CREATE TABLE number_tables (version bigint PRIMARY KEY, size bigint NOT NULL, key_id text NOT NULL, made_ms bigint NOT NULL,
  who text NOT NULL, comment text NOT NULL, stage text NOT NULL, published_ms bigint NOT NULL, signed bytea NOT NULL);
`, createFives("bigint", `text COLLATE "C"`, " PARTITION BY RANGE (five_s)"), postgresDesk, byCustomer, postgresAreas}

// postgresFills fill what a step has made from what was there before, within the
// step's transaction.
var postgresFills = map[int]func(context.Context, pgx.Tx) error{3: fillPostgresFives}

// advisory is the lock that schema changes and partitions are made under.
const advisory = 0x53697077617264

// migrate brings the database to the newest schema.
func (s *Postgres) migrate(ctx context.Context) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(advisory)); err != nil {
			return fmt.Errorf("locking the schema: %w", err)
		}
		if _, err := tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS sipward; CREATE TABLE IF NOT EXISTS schema_version (version int NOT NULL)`); err != nil {
			return fmt.Errorf("making the schema: %w", err)
		}
		var version int
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&version); err != nil {
			return fmt.Errorf("reading the schema version: %w", err)
		}
		if version > len(postgresSteps) {
			return fmt.Errorf("the database has schema %d, this program knows up to %d: %w", version, len(postgresSteps), ErrNewerSchema)
		}
		for ; version < len(postgresSteps); version++ {
			if _, err := tx.Exec(ctx, postgresSteps[version]); err != nil {
				return fmt.Errorf("bringing the database to schema %d: %w", version+1, err)
			}
			if fill := postgresFills[version+1]; fill != nil {
				if err := fill(ctx, tx); err != nil {
					return fmt.Errorf("bringing the database to schema %d: %w", version+1, err)
				}
			}
			if _, err := tx.Exec(ctx, `INSERT INTO schema_version VALUES ($1)`, version+1); err != nil {
				return fmt.Errorf("bringing the database to schema %d: %w", version+1, err)
			}
		}
		return nil
	})
}

// fillPostgresFives adds up the minutes that were stored before there were fives, a
// day at a time.
func fillPostgresFives(ctx context.Context, tx pgx.Tx) error {
	places, err := partitionList(ctx, tx)
	if err != nil {
		return err
	}
	for _, at := range places {
		if at.kind != telemetryKind {
			continue
		}
		if err := attach(ctx, tx, "fives", at.month, 1000); err != nil {
			return fmt.Errorf("making the partition %s: %w", partition("fives", at.month), err)
		}
		for s := at.month.start().Unix(); s < (at.month + 1).start().Unix(); s += dayS {
			fives, err := dayOfFives(ctx, tx, s)
			if err != nil {
				return err
			}
			if err := addFives(ctx, tx, fives); err != nil {
				return err
			}
		}
	}
	return nil
}

func dayOfFives(ctx context.Context, tx pgx.Tx, s int64) (fiveMap, error) {
	rows, err := tx.Query(ctx, postgresDialect.bind(minutesOfDay), s, s+dayS)
	if err != nil {
		return nil, fmt.Errorf("reading the minutes: %w", err)
	}
	fives := make(fiveMap)
	var at int64
	var node string
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&at, &node, &raw}, func() error { return fives.decode("the database", at, node, raw) })
	return fives, err
}

// tables lists what is parted by month, and by which column.
var tables = [...][]struct {
	name string
	unit int64 // of its time, in milliseconds
}{
	callsKind:     {{"calls", 1}, {"attempts", 1}},
	telemetryKind: {{"minutes", 1000}, {"fives", 1000}, {"registrations", 1}},
}

func partition(table string, m month) string { return table + "_" + m.start().Format("2006_01") }

// ensure makes the partitions of places, before a transaction that needs them
// and apart from it: they are made under a lock on the whole table.
func (s *Postgres) ensure(ctx context.Context, places map[place]bool) error {
	var missing []place
	s.known.Lock()
	for p := range places {
		if !s.partitions[p] {
			missing = append(missing, p)
		}
	}
	s.known.Unlock()
	for _, p := range missing {
		err := s.retry(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(advisory)); err != nil {
				return fmt.Errorf("locking the partitions: %w", err)
			}
			for _, t := range tables[p.kind] {
				if err := attach(ctx, tx, t.name, p.month, t.unit); err != nil {
					return fmt.Errorf("making the partition %s: %w", partition(t.name, p.month), err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.known.Lock()
		s.partitions[p] = true
		s.known.Unlock()
	}
	return nil
}

// attach makes a partition when there is none. It is made apart and then
// attached: that goes on beside whoever reads the whole table, however long.
func attach(ctx context.Context, tx pgx.Tx, table string, m month, unit int64) error {
	name := partition(table, m)
	var there bool
	if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&there); err != nil || there {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING STORAGE);
ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)`, name, table, table, name,
		m.start().UnixMilli()/unit, (m+1).start().UnixMilli()/unit))
	return err
}

// forgetPartitions is called when one turned out to be gone.
func (s *Postgres) forgetPartitions() {
	s.known.Lock()
	defer s.known.Unlock()
	clear(s.partitions)
}
