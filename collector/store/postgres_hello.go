package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/sync/record"
)

// Hello implements Store.
func (s *Postgres) Hello(ctx context.Context, node string, h *record.Hello) error {
	if !record.ValidNode(node) {
		return poison("%q is no node", node)
	}
	if err := s.refreshID(ctx); err != nil {
		return err
	}
	if all := releasedKeys(node, h); len(all) > 0 {
		var lost uint64
		_, err := s.commit(ctx, all, func(p *planner) error {
			lost = p.rolledBack(node, h, s.ID())
			return nil
		})
		if err != nil {
			return err
		}
		s.stats.rolledBack.Add(lost)
	}
	return s.retry(ctx, func(tx pgx.Tx) error { return meetPostgres(ctx, tx, node, h, s.o.Now().UnixMilli()) })
}

func meetPostgres(ctx context.Context, tx pgx.Tx, node string, h *record.Hello, nowMs int64) error {
	n, err := scanNode(tx.QueryRow(ctx, `SELECT `+nodeColumns+` FROM nodes WHERE node = $1 FOR UPDATE`, node))
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading node %s: %w", node, err)
	}
	isNew := err != nil
	n.meet(node, h, nowMs)
	text := `UPDATE nodes SET (` + nodeColumns + `) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE node = $1`
	if isNew {
		text = `INSERT INTO nodes (` + nodeColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	}
	if _, err := tx.Exec(ctx, text, n.values()...); err != nil {
		return fmt.Errorf("writing node %s: %w", node, err)
	}
	return nil
}

// Bury implements Store.
func (s *Postgres) Bury(ctx context.Context, node string, h *record.Header, raw []byte, reason string) error {
	var all []streamKey
	if knownRange(node, h) {
		all = append(all, streamKey{node, h.Epoch, h.Stream})
	}
	buried := false
	_, err := s.commit(ctx, all, func(p *planner) error {
		buried = p.buried(node, h, raw, reason) != nil
		return nil
	})
	if err == nil && buried {
		s.stats.buried.Add(1)
	}
	return err
}

// boundLetters discards the oldest dead letters beyond the bounds, and counts
// them in the database.
func (s *Postgres) boundLetters(ctx context.Context, tx pgx.Tx) error {
	r, err := tx.Exec(ctx, postgresDialect.bind(oldLetters), s.o.MaxLetters, s.o.MaxLetterBytes)
	if err != nil {
		return fmt.Errorf("bounding the dead letters: %w", err)
	}
	n := r.RowsAffected()
	if n == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO meta VALUES ('letters_discarded', $1)
 ON CONFLICT (key) DO UPDATE SET value = (meta.value::bigint + excluded.value::bigint)::text`, strconv.FormatInt(n, 10)); err != nil {
		return fmt.Errorf("counting discarded dead letters: %w", err)
	}
	s.stats.discarded.Add(unsigned(n))
	return nil
}

// Retain implements Store.
func (s *Postgres) Retain(ctx context.Context, r Retention) (dropped []string, err error) {
	places, err := s.partitionList(ctx)
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
func (s *Postgres) partitionList(ctx context.Context) ([]place, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT p.relname::text, c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
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
