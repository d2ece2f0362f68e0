package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Retain implements Store. What must outlive a month's file, its sums and its
// numbers, is copied into the base in one transaction, with the file's id; then
// the file is unlinked. A file whose id is in the base is removed at the next opening.
func (s *SQLite) Retain(ctx context.Context, r Retention) (dropped []string, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return nil, err
	}
	for _, f := range s.byMonth() {
		if !r.drops(f.place, s.o.Now()) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return dropped, err
		}
		if err := base.absorb(f, s.o.Now().UnixMilli()); err != nil {
			return dropped, err
		}
		if err := s.remove(f); err != nil {
			return dropped, err
		}
		dropped = append(dropped, f.place.name())
	}
	return dropped, nil
}

// drops reports whether a month is older than what is kept.
func (r Retention) drops(at place, now time.Time) bool {
	keep := time.Duration(0)
	switch at.kind {
	case callsKind:
		keep = r.Calls
	case telemetryKind:
		keep = r.Telemetry
	case baseKind:
	}
	return keep > 0 && (at.month + 1).start().Before(now.Add(-keep))
}

// absorb copies the sums and numbers of f into the base.
func (f *file) absorb(old *file, nowMs int64) error {
	if _, err := f.write.ExecContext(context.Background(), `ATTACH DATABASE ? AS old`, dsn(old.path, nil)); err != nil {
		return fmt.Errorf("dropping %s: %w", old.path, err)
	}
	err := f.tx(func() error {
		if old.kind == callsKind {
			if err := f.absorbSums(); err != nil {
				return err
			}
		}
		if err := f.absorbRanges(); err != nil {
			return err
		}
		_, err := f.write.ExecContext(context.Background(), `INSERT INTO dropped VALUES (?, ?, ?)`, old.id, old.name(), nowMs)
		return err
	})
	for q, s := range f.stmts { // they hold the attached file
		err = errors.Join(err, s.Close())
		delete(f.stmts, q)
	}
	if _, derr := f.write.ExecContext(context.Background(), `DETACH DATABASE old`); derr != nil {
		err = errors.Join(err, derr)
	}
	if err != nil {
		return fmt.Errorf("dropping %s: %w", old.path, err)
	}
	return nil
}

func (f *file) absorbSums() error {
	//nolint:gosec // G202: names of columns, which are constants
	_, err := f.write.ExecContext(context.Background(), `INSERT INTO main.sums SELECT * FROM old.sums WHERE true
 ON CONFLICT (hour_s, kind, party, node, closed_s) DO UPDATE SET `+addColumns("main.sums.", "min"))
	return err
}

// absorbRanges merges the ranges of old into those of main.
func (f *file) absorbRanges() error {
	ctx := context.Background()
	if _, err := f.write.ExecContext(ctx, `CREATE TEMP TABLE merged AS
SELECT node, epoch, stream, min(first) AS first, max(last) AS last FROM (
  SELECT *, sum(starts) OVER (PARTITION BY node, epoch, stream ORDER BY first, last) AS island FROM (
    SELECT *, CASE WHEN first <= max(last) OVER (PARTITION BY node, epoch, stream ORDER BY first, last
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + 1 THEN 0 ELSE 1 END AS starts
    FROM (SELECT * FROM main.ranges UNION ALL SELECT * FROM old.ranges)))
GROUP BY node, epoch, stream, island`); err != nil {
		return err
	}
	for _, q := range []string{`DELETE FROM main.ranges`, `INSERT INTO main.ranges SELECT * FROM merged`, `DROP TABLE merged`} {
		if _, err := f.write.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// finishDrop removes a file whose sums and numbers are in the base: the program
// ended between the two.
func (s *SQLite) finishDrop(ctx context.Context, base, f *file) error {
	gone, err := isDropped(ctx, base, f)
	if err != nil || !gone {
		return err
	}
	return s.remove(f)
}

// isDropped reports whether the base has the sums and numbers of f.
func isDropped(ctx context.Context, base, f *file) (bool, error) {
	var n int
	if err := base.write.QueryRowContext(ctx, `SELECT count(*) FROM dropped WHERE file = ?`, f.id).Scan(&n); err != nil {
		return false, fmt.Errorf("reading which months were dropped: %w", err)
	}
	return n > 0, nil
}

// remove closes and unlinks a file. Readers that have it open read it to its end.
func (s *SQLite) remove(f *file) error {
	s.open.Lock()
	delete(s.files, f.place)
	s.open.Unlock()
	errs := []error{f.close()}
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(f.path + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing %s: %w", f.path, err)
	}
	return nil
}
