package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Retain implements Store.
func (s *Postgres) Retain(ctx context.Context, r Retention) (dropped []string, err error) {
	places, err := partitionList(ctx, s.pool)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		if !r.drops(at, s.o.Now()) {
			continue
		}
		if err := s.retry(ctx, func(tx pgx.Tx) error { return s.drop(ctx, tx, at) }); err != nil {
			return dropped, fmt.Errorf("dropping %s: %w", at.name(), err)
		}
		s.forgetPartitions()
		dropped = append(dropped, at.name())
	}
	return dropped, nil
}

// drop removes the partitions of a month. It does not wait long for who reads
// them, since all others would wait behind it.
func (s *Postgres) drop(ctx context.Context, tx pgx.Tx, at place) error {
	_, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`)
	if err == nil {
		_, err = tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(advisory))
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO dropped VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms`,
			at.name(), s.o.Now().UnixMilli())
	}
	for _, t := range tables[at.kind] {
		if err == nil {
			_, err = tx.Exec(ctx, `DROP TABLE IF EXISTS `+partition(t.name, at.month))
		}
	}
	return err
}

// partitionList lists the months that are there, oldest first.
func partitionList(ctx context.Context, db interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
}) ([]place, error) {
	rows, err := db.Query(ctx, `SELECT DISTINCT p.relname::text, c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 JOIN pg_class p ON p.oid = i.inhparent WHERE p.oid IN ('calls'::regclass, 'minutes'::regclass) ORDER BY 2, 1`)
	if err != nil {
		return nil, fmt.Errorf("listing the partitions: %w", err)
	}
	var out []place
	var parent, name string
	_, err = pgx.ForEachRow(rows, []any{&parent, &name}, func() error {
		k := callsKind
		if parent == "minutes" {
			k = telemetryKind
		}
		if m, ok := parseMonth(strings.ReplaceAll(strings.TrimPrefix(name, parent+"_"), "_", "-")); ok {
			out = append(out, place{k, m})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the partitions: %w", err)
	}
	return out, nil
}

// droppedMonths returns the months whose calls are gone, at least in part.
func (s *Postgres) droppedMonths(ctx context.Context) (map[month]bool, error) {
	out := make(map[month]bool)
	rows, err := s.pool.Query(ctx, `SELECT name FROM dropped`)
	if err != nil {
		return nil, fmt.Errorf("reading which months were dropped: %w", err)
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error {
		if word, ok := strings.CutPrefix(name, kindNames[callsKind]+"-"); ok {
			if m, ok := parseMonth(word); ok {
				out[m] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading which months were dropped: %w", err)
	}
	return out, nil
}
