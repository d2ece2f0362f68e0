package store

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/sipward/sipward/sync/record"
)

// buried makes the parcel of a batch that is set aside. It returns nil when all
// of it had been stored before.
func (p *planner) buried(node string, h *record.Header, raw []byte, reason string) *parcel {
	l := DeadLetter{AtUnixMs: p.nowMs, Node: text(node), Size: int64(len(raw)), Reason: text(reason), Raw: raw}
	to := p.parcel(baseKind, 0)
	if h != nil {
		l.Epoch, l.Stream, l.First, l.Count = h.Epoch, h.Stream, h.First, uint64(h.Count)
	}
	if knownRange(node, h) {
		missing := p.skip(to, streamKey{node, h.Epoch, h.Stream}, h.Range())
		if missing == 0 {
			return nil
		}
		to.losses = append(to.losses, Loss{Node: node, Epoch: h.Epoch, Stream: h.Stream, First: h.First, Last: h.Range().Last,
			Count: missing, Reason: record.LossDeadLetter, AtUnixMs: p.nowMs, RecordedUnixMs: p.nowMs})
	}
	to.letters = append(to.letters, letter{DeadLetter: l})
	return to
}

// knownRange reports whether the numbers of a batch can be marked as done.
func knownRange(node string, h *record.Header) bool {
	return h != nil && record.ValidNode(node) && h.Stream.String() != "invalid" && h.Epoch != 0 &&
		h.First != 0 && h.Count != 0 && h.First <= math.MaxInt64-uint64(h.Count)
}

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

// boundLetters discards the oldest dead letters beyond the bounds, within a
// transaction, and counts them in the database.
func (s *SQLite) boundLetters(f *file) error {
	r, err := f.exec(`DELETE FROM letters WHERE id <= (SELECT max(id) FROM
 (SELECT id, row_number() OVER (ORDER BY id DESC) AS n, sum(size) OVER (ORDER BY id DESC) AS bytes FROM letters)
 WHERE n > ? OR bytes > ?)`, s.o.MaxLetters, s.o.MaxLetterBytes)
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
	s.stats.discarded.Add(uint64(n)) //nolint:gosec // not negative
	return nil
}
