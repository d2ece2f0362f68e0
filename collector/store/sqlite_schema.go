package store

import (
	"context"
	"fmt"
)

// Each list holds the steps from one schema version to the next; a file's
// version is in its user_version. Steps are never changed, only added.
var sqliteSchema = [...][]string{
	baseKind: {`
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE nodes (node TEXT PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, program TEXT NOT NULL,
  epoch INTEGER NOT NULL, earlier TEXT NOT NULL, started_ms INTEGER NOT NULL, skew_ms INTEGER NOT NULL,
  flaps INTEGER NOT NULL, duplicate_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE hour_marks (node TEXT NOT NULL, hour_s INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
  observed_ms INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (hour_s, node, epoch, seq)) WITHOUT ROWID;
CREATE TABLE losses (id INTEGER PRIMARY KEY, recorded_ms INTEGER NOT NULL, node TEXT NOT NULL, epoch INTEGER NOT NULL,
  stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, lost INTEGER NOT NULL, reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL);
CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, node TEXT NOT NULL,
  epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, records INTEGER NOT NULL,
  size INTEGER NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL);
CREATE TABLE dropped (file TEXT PRIMARY KEY, name TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
` + sqliteRanges + sqliteSums, `
CREATE TABLE number_tables (version INTEGER PRIMARY KEY, size INTEGER NOT NULL, key_id TEXT NOT NULL, made_ms INTEGER NOT NULL,
  who TEXT NOT NULL, comment TEXT NOT NULL, stage TEXT NOT NULL, published_ms INTEGER NOT NULL, signed BLOB NOT NULL);
`, sqliteDesk, sqliteAreas},
	callsKind: {`
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE calls (counted_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL, invited_ms INTEGER NOT NULL,
  answered_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, node TEXT NOT NULL, epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL, kind TEXT NOT NULL, customer TEXT NOT NULL, carrier TEXT NOT NULL, direction TEXT NOT NULL,
  caller TEXT NOT NULL, called TEXT NOT NULL, call_id TEXT NOT NULL, status INTEGER NOT NULL, release TEXT NOT NULL,
  answered INTEGER NOT NULL, midcall INTEGER NOT NULL, duration_ms INTEGER NOT NULL, pdd_ms INTEGER,
  media_class TEXT NOT NULL, digits INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX calls_counted ON calls (counted_ms);
CREATE TABLE attempts (counted_ms INTEGER NOT NULL, node TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
  n INTEGER NOT NULL, customer TEXT NOT NULL, carrier TEXT NOT NULL, called TEXT NOT NULL, invited_ms INTEGER NOT NULL,
  status INTEGER NOT NULL, release TEXT NOT NULL, answered INTEGER NOT NULL, outcome INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL, pdd_ms INTEGER);
CREATE INDEX attempts_counted ON attempts (counted_ms);
` + sqliteRanges + sqliteSums, byCustomer},
	telemetryKind: {`
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE minutes (minute_s INTEGER NOT NULL, kind TEXT NOT NULL, party TEXT NOT NULL, node TEXT NOT NULL,
  epoch INTEGER NOT NULL, seq INTEGER NOT NULL, observed_ms INTEGER NOT NULL,
  over_count INTEGER NOT NULL, ended INTEGER NOT NULL, answered_ms INTEGER NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY (minute_s, kind, party, node, epoch, seq)) WITHOUT ROWID;
CREATE TABLE registrations (at_ms INTEGER NOT NULL, node TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
  verdict TEXT NOT NULL, reason TEXT NOT NULL, customer TEXT NOT NULL, number TEXT NOT NULL, src TEXT NOT NULL,
  record BLOB NOT NULL);
CREATE INDEX registrations_at ON registrations (at_ms);
` + sqliteRanges, createFives("INTEGER", "TEXT", " WITHOUT ROWID")},
}

// sqliteFills fill what a step has made from what was there before, within the
// step's transaction.
var sqliteFills = map[kind]map[int]func(context.Context, *file) error{telemetryKind: {2: fillFives}}

// byCustomer is for the list that a customer sees: one with few calls would wait until
// those of all others were looked at. Both databases have it.
const byCustomer = `
CREATE INDEX calls_customer ON calls (customer, counted_ms);
`

// sqliteRanges is in every file: the numbers that the file's transactions have
// made done. What is committed of a stream is the union over all files.
const sqliteRanges = `
CREATE TABLE ranges (node TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, PRIMARY KEY (node, epoch, stream, first)) WITHOUT ROWID;
`

// sqliteSums is beside the calls, and in the base for months that were dropped.
const sqliteSums = `
CREATE TABLE sums (hour_s INTEGER NOT NULL, kind TEXT NOT NULL, party TEXT NOT NULL, node TEXT NOT NULL,
  closed_s INTEGER NOT NULL, calls INTEGER NOT NULL, no_outcome INTEGER NOT NULL, midcall INTEGER NOT NULL,
  outcomes INTEGER NOT NULL, connected INTEGER NOT NULL, effective INTEGER NOT NULL, over_count INTEGER NOT NULL,
  ended INTEGER NOT NULL, answered_ms INTEGER NOT NULL, digit_calls INTEGER NOT NULL, media_visible INTEGER NOT NULL,
  pdd_sum_ms INTEGER NOT NULL, pdd_count INTEGER NOT NULL, PRIMARY KEY (hour_s, kind, party, node, closed_s)) WITHOUT ROWID;
CREATE INDEX sums_closed ON sums (closed_s);
`

// migrate brings a file to the newest schema, step by step.
func (f *file) migrate(ctx context.Context) error {
	steps := sqliteSchema[f.kind]
	var version int
	if err := f.write.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return fmt.Errorf("reading the schema version of %s: %w", f.path, err)
	}
	if version > len(steps) {
		return fmt.Errorf("%s has schema %d, this program knows up to %d: %w", f.path, version, len(steps), ErrNewerSchema)
	}
	for ; version < len(steps); version++ {
		err := f.tx(func() error {
			if _, err := f.write.ExecContext(ctx, steps[version]); err != nil {
				return err
			}
			if fill := sqliteFills[f.kind][version+1]; fill != nil {
				if err := fill(ctx, f); err != nil {
					return err
				}
			}
			_, err := f.write.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", version+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("bringing %s to schema %d: %w", f.path, version+1, err)
		}
	}
	return nil
}

// fillFives adds up the minutes that were stored before there were fives, a day at
// a time.
func fillFives(ctx context.Context, f *file) error {
	var first, last int64
	if err := f.write.QueryRowContext(ctx, `SELECT coalesce(min(minute_s), 0), coalesce(max(minute_s), -1) FROM minutes`).Scan(&first, &last); err != nil {
		return fmt.Errorf("reading the minutes: %w", err)
	}
	for s := first - mod(first, dayS); s <= last; s += dayS {
		fives := make(fiveMap)
		err := sqliteDialect.scanOn(ctx, f.write, f.path, minutesOfDay, []any{s, s + dayS}, fives.scan(f.path))
		if err == nil {
			err = f.addFives(fives)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
