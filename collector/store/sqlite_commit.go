package store

import (
	"context"
	"errors"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sipward/sipward/sync/record"
)

// Commit implements Store.
func (s *SQLite) Commit(ctx context.Context, batches []*record.Received) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	begun := s.o.Now()
	p, err := s.plan(ctx, batches)
	if err == nil {
		err = s.carryOut(ctx, p)
	}
	if IsPoison(err) {
		s.stats.poisoned.Add(1)
	}
	if err != nil {
		return err
	}
	s.stats.committed(p, s.o.Now().Sub(begun))
	for _, b := range batches {
		s.seen[b.Node] = begun.UnixMilli()
	}
	return s.housekeep(ctx)
}

// Once in restEvery, files that were not written to for restAfter are put to rest.
const (
	restEvery = 60_000  // ms
	restAfter = 300_000 // ms
)

// housekeep does what is due now and then, after a commit.
func (s *SQLite) housekeep(ctx context.Context) error {
	now := s.o.Now().UnixMilli()
	if now-s.rested >= restEvery {
		s.rested = now
		if err := s.restUnused(now); err != nil {
			return err
		}
	}
	return s.saveSeen(ctx)
}

// restUnused lets the files rest that nothing was written to for a while.
func (s *SQLite) restUnused(now int64) error {
	for _, f := range s.byMonth() {
		if f.used == 0 || now-f.used < restAfter {
			continue
		}
		if err := f.rest(); err != nil {
			return err
		}
	}
	return nil
}

// plan sorts out what is new. It changes nothing.
func (s *SQLite) plan(ctx context.Context, batches []*record.Received) (*planner, error) {
	all, err := keys(batches)
	if err != nil {
		return nil, err
	}
	p, err := s.planner(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		if err := p.add(b); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// planner returns an empty plan that knows the cursors of keys.
func (s *SQLite) planner(ctx context.Context, all []streamKey) (*planner, error) {
	s.forgetCursors()
	done := make(map[streamKey]*record.Ranges, len(all))
	for _, k := range all {
		c, err := s.cursor(ctx, k)
		if err != nil {
			return nil, err
		}
		copied := c.done.Clone()
		done[k] = &copied
	}
	return newPlanner(s.o.Now().UnixMilli(), func(k streamKey) *record.Ranges { return done[k] }), nil
}

// carryOut commits the parcels one by one.
func (s *SQLite) carryOut(ctx context.Context, p *planner) error {
	for _, x := range p.ordered() {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := s.file(ctx, x.place)
		if err != nil {
			return err
		}
		if err := f.tx(func() error { return s.apply(f, x) }); err != nil {
			for _, r := range x.ranges { // whether it is there is known to the file alone
				s.dropCursor(r.streamKey)
			}
			return classify(err)
		}
		f.used = p.nowMs
		s.remember(x)
		s.stats.commits.Add(1)
	}
	return nil
}

// apply writes a parcel within a transaction.
func (s *SQLite) apply(f *file, x *parcel) error {
	if err := f.insertCalls(x); err != nil {
		return err
	}
	if err := f.insertTelemetry(x); err != nil {
		return err
	}
	if err := f.insertBase(x); err != nil {
		return err
	}
	if len(x.letters) > 0 {
		if err := s.boundLetters(f); err != nil {
			return err
		}
	}
	if err := f.addSums(x.sums); err != nil {
		return err
	}
	return s.markDone(f, x)
}

func (f *file) insertCalls(x *parcel) error {
	err := f.insert("calls", callColumns, len(x.calls), "", func(to []any, i int) []any { return appendCall(to, &x.calls[i]) })
	if err != nil {
		return err
	}
	next := x.eachAttempt()
	return f.insert("attempts", attemptColumns, x.attempts, "", func(to []any, _ int) []any { return next(to) })
}

func (f *file) insertTelemetry(x *parcel) error {
	if err := f.insert("minutes", minuteColumns, len(x.minutes), "", func(to []any, i int) []any { return appendMinute(to, &x.minutes[i]) }); err != nil {
		return err
	}
	if err := f.addFives(x.fives); err != nil {
		return err
	}
	return f.insert("registrations", regColumns, len(x.registrations), "",
		func(to []any, i int) []any { return appendRegistration(to, &x.registrations[i]) })
}

func (f *file) insertBase(x *parcel) error {
	if err := f.insert("hour_marks", markColumns, len(x.marks), "", func(to []any, i int) []any { return appendMark(to, &x.marks[i]) }); err != nil {
		return err
	}
	if err := f.insert("losses", lossColumns, len(x.losses), "", func(to []any, i int) []any { return appendLoss(to, &x.losses[i]) }); err != nil {
		return err
	}
	return f.insert("letters", letterColumns, len(x.letters), "", func(to []any, i int) []any { return appendLetter(to, &x.letters[i]) })
}

// addSums adds to the sums of a file.
func (f *file) addSums(sums sumMap) error {
	order := sums.sorted()
	return f.insert("sums", sumAllColumns, len(order), addToSums, func(to []any, i int) []any { return appendSum(to, order[i], sums[order[i]]) })
}

// addFives adds to the five minutes of a file.
func (f *file) addFives(fives fiveMap) error {
	order := fives.sorted()
	return f.insert("fives", fiveColumns, len(order), sqliteFives, func(to []any, i int) []any { return appendFive(to, order[i], fives[order[i]]) })
}

// upsertSums is the end of a statement that adds to sums.
func upsertSums(least string) string {
	return "ON CONFLICT (" + strings.Join(sumKeyColumns, ",") + ") DO UPDATE SET " + addColumns("sums.", least)
}

var addToSums = upsertSums("min")

// maxSum is where a sum stays: SQLite would go on with a number that is not
// whole, which nobody could read.
const maxSum = "4611686018427387904" // 2^62

// addColumns returns "calls=min(sums.calls+excluded.calls, maxSum), ..."; least is
// how the database calls min.
func addColumns(prefix, least string) string {
	var parts []string
	for _, c := range sumColumns {
		parts = append(parts, c+"="+least+"("+prefix+c+"+excluded."+c+","+maxSum+")")
	}
	return strings.Join(parts, ",")
}

// classify tells errors that the rows are to blame for.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return &Poison{err}
	}
	return err
}
