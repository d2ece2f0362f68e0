package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sipward/sipward/sync/record"
)

// Bury implements Store.
func (s *SQLite) Bury(ctx context.Context, node string, h *record.Header, raw []byte, reason string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var all []streamKey
	if knownRange(node, h) {
		all = append(all, streamKey{node, h.Epoch, h.Stream})
	}
	p, err := s.planner(ctx, all)
	if err != nil {
		return err
	}
	if p.buried(node, h, raw, reason) == nil {
		return nil
	}
	if err := s.carryOut(ctx, p); err != nil {
		return err
	}
	s.stats.buried.Add(1)
	return nil
}

// oldLetters discards the letters that are beyond a number, or beyond a sum of
// bytes. Of whom most is kept, most is discarded, the oldest first: who sends nothing but
// what is set aside does not discard the letters of others.
const oldLetters = `DELETE FROM letters WHERE id IN (SELECT id FROM
 (SELECT id, row_number() OVER (ORDER BY used, id DESC) AS n, sum(size) OVER (ORDER BY used, id DESC) AS bytes FROM
  (SELECT id, size, sum(size + ?) OVER (PARTITION BY node ORDER BY id DESC) AS used FROM letters) AS shares) AS kept
 WHERE n > ? OR bytes > ?)`

// letterBounds are its arguments: what a letter of no bytes counts, and the bounds.
func (o *Options) letterBounds() []any {
	return []any{o.MaxLetterBytes / int64(o.MaxLetters), o.MaxLetters, o.MaxLetterBytes}
}

// boundLetters discards the oldest dead letters beyond the bounds, within a
// transaction, and counts them in the database.
func (s *SQLite) boundLetters(f *file) error {
	r, err := f.exec(oldLetters, s.o.letterBounds()...)
	if err != nil {
		return fmt.Errorf("bounding the dead letters: %w", err)
	}
	n, err := r.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	if _, err := f.exec(`INSERT INTO meta VALUES ('letters_discarded', ?) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value`,
		strconv.FormatInt(n, 10)); err != nil {
		return fmt.Errorf("counting discarded dead letters: %w", err)
	}
	s.stats.discarded.Add(uint64(n)) // not negative
	return nil
}
