package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"github.com/sipward/sipward/sync/record"
)

// cursor returns what is committed of a stream. It is the cached one: callers
// do not change it.
func (s *SQLite) cursor(ctx context.Context, k streamKey) (*cursor, error) {
	if c := s.cursors[k]; c != nil {
		return c, nil
	}
	var all record.Ranges // of one file behind those of another: in no order
	for _, f := range s.byMonth() {
		part, err := readRanges(ctx, f, k)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	c := &cursor{done: union(all)}
	s.cursors[k] = c
	s.ranges += len(c.done)
	return c, nil
}

// union makes a set of ranges that may touch and overlap.
func union(all record.Ranges) (out record.Ranges) {
	slices.SortFunc(all, func(a, b record.Range) int { return cmp.Compare(a.First, b.First) })
	out.AddAll(all)
	return out
}

// forgetCursors makes room in memory. It is called before cursors are read, so
// that none goes while it is in use.
func (s *SQLite) forgetCursors() {
	for old := range s.cursors {
		if len(s.cursors) <= maxCursors && s.ranges <= maxHeldRanges {
			return
		}
		s.dropCursor(old)
		s.stats.forgotten.Add(1)
	}
}

// dropCursor has a cursor read again when it is needed.
func (s *SQLite) dropCursor(k streamKey) {
	if c := s.cursors[k]; c != nil {
		s.ranges -= len(c.done)
		delete(s.cursors, k)
	}
}

func readRanges(ctx context.Context, f *file, k streamKey) (record.Ranges, error) {
	rows, err := f.read.QueryContext(ctx, `SELECT first, last FROM ranges WHERE node = ? AND epoch = ? AND stream = ? ORDER BY first`,
		k.node, signed(k.epoch), int64(k.stream))
	if err != nil {
		return nil, fmt.Errorf("reading the cursor of %s from %s: %w", k.node, f.path, err)
	}
	defer rows.Close() // rows.Err has it
	var out record.Ranges
	for rows.Next() {
		var r record.Range
		if err := rows.Scan(&r.First, &r.Last); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s from %s: %w", k.node, f.path, err)
		}
		out.Add(r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the cursor of %s from %s: %w", k.node, f.path, err)
	}
	return out, nil
}

// markDone writes the numbers of a parcel into its file.
func (s *SQLite) markDone(f *file, x *parcel) error {
	for _, r := range x.ranges {
		if err := f.addRange(r.streamKey, r.Range); err != nil {
			return fmt.Errorf("writing the cursor of %s to %s: %w", r.node, f.path, err)
		}
	}
	return nil
}

// addRange adds a range to those of a file. What is beside it is looked up there: in
// a file alone, the numbers of a stream whose records belong to several months by turns
// are any number of ranges.
func (f *file) addRange(k streamKey, r record.Range) error {
	args := []any{k.node, signed(k.epoch), int64(k.stream)}
	const of = ` FROM ranges WHERE node = ? AND epoch = ? AND stream = ? AND `
	var first, last sql.NullInt64
	err := f.row(`SELECT first, last`+of+`first <= ? ORDER BY first DESC LIMIT 1`, append(args, signed(r.First)), &first, &last)
	if err != nil {
		return err
	}
	if first.Valid && last.Int64 >= signed(r.First)-1 {
		r.First, r.Last = unsigned(first.Int64), max(r.Last, unsigned(last.Int64))
	}
	err = f.row(`SELECT max(last)`+of+`first > ? AND first <= ?`, append(args, signed(r.First), signed(min(r.Last, math.MaxInt64-1)+1)), &last)
	if err != nil {
		return err
	}
	if last.Valid {
		r.Last = max(r.Last, unsigned(last.Int64))
	}
	return f.writeRange(k, r)
}

// writeRange writes a range that may have grown, and removes those that it grew over.
func (f *file) writeRange(k streamKey, r record.Range) error {
	_, err := f.exec(`DELETE FROM ranges WHERE node = ? AND epoch = ? AND stream = ? AND first > ? AND first <= ?`,
		k.node, signed(k.epoch), int64(k.stream), signed(r.First), signed(r.Last))
	if err == nil {
		_, err = f.exec(`INSERT INTO ranges (node, epoch, stream, first, last) VALUES (?, ?, ?, ?, ?)
 ON CONFLICT (node, epoch, stream, first) DO UPDATE SET last = excluded.last`,
			k.node, signed(k.epoch), int64(k.stream), signed(r.First), signed(r.Last))
	}
	return err
}

// remember keeps in memory what has been committed.
func (s *SQLite) remember(x *parcel) {
	for _, r := range x.ranges {
		c := s.cursors[r.streamKey]
		if c == nil {
			continue // it gave way to others, and is read again when needed
		}
		before := len(c.done)
		c.done.Add(r.Range)
		s.ranges += len(c.done) - before
	}
}

// Cursors implements Store.
func (s *SQLite) Cursors(ctx context.Context, node string, epochs []uint64) ([]*record.Cursor, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.forgetCursors()
	out := make([]*record.Cursor, 0, len(epochs)*len(record.Streams))
	for _, e := range epochs {
		for _, st := range record.Streams {
			c, err := s.cursor(ctx, streamKey{node, e, st})
			if err != nil {
				return nil, err
			}
			out = append(out, record.NewCursor(e, st, c.done))
		}
	}
	return out, nil
}

// doneOf returns what is committed of streams.
func (s *SQLite) doneOf(ctx context.Context, keys []streamKey) (map[streamKey]record.Ranges, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.forgetCursors()
	out := make(map[streamKey]record.Ranges, len(keys))
	for _, k := range keys {
		c, err := s.cursor(ctx, k)
		if err != nil {
			return nil, err
		}
		out[k] = c.done.Clone()
	}
	return out, nil
}
