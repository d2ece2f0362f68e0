package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/sync/record"
)

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
	r, err := tx.Exec(ctx, postgresDialect.bind(oldLetters), s.o.letterBounds()...)
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
