package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/sync/record"
)

// Commit implements Store.
func (s *Postgres) Commit(ctx context.Context, batches []*record.Received) error {
	begun := s.o.Now()
	all, err := keys(batches)
	var p *planner
	if err == nil {
		p, err = s.commit(ctx, all, func(p *planner) error {
			for _, b := range batches {
				if err := p.add(b); err != nil {
					return err
				}
			}
			return nil
		}, batches...)
	}
	if IsPoison(err) {
		s.stats.poisoned.Add(1)
	}
	if err != nil {
		return err
	}
	s.stats.committed(p, s.o.Now().Sub(begun))
	s.savedSeen(batches, begun.UnixMilli())
	return nil
}

// commit plans and writes in one transaction, while the cursors of keys are
// locked. It is tried again when a lock or a dropped partition came in between.
func (s *Postgres) commit(ctx context.Context, all []streamKey, plan func(*planner) error, batches ...*record.Received) (p *planner, err error) {
	nowMs := s.o.Now().UnixMilli()
	for range 3 {
		if err := s.ensure(ctx, placesOf(batches, nowMs)); err != nil {
			return nil, err
		}
		err = s.retry(ctx, func(tx pgx.Tx) error {
			done, err := lockCursors(ctx, tx, all)
			if err != nil {
				return err
			}
			p = newPlanner(nowMs, func(k streamKey) *record.Ranges { return done[k] })
			if err := plan(p); err != nil {
				return err
			}
			if err := s.write(ctx, tx, p, done); err != nil {
				return err
			}
			return s.touch(ctx, tx, batches, nowMs)
		})
		if code(err) != "42P01" { // undefined table
			break
		}
		s.forgetPartitions()
	}
	if err == nil {
		s.stats.commits.Add(1)
	}
	return p, err
}

// placesOf lists the partitions that batches need.
func placesOf(batches []*record.Received, nowMs int64) map[place]bool {
	p := newPlanner(nowMs, nil)
	out := make(map[place]bool)
	for _, b := range batches {
		for _, r := range b.Records {
			if at, ok := p.placeOf(r); ok {
				out[at] = true
			}
		}
	}
	return out
}

// tx runs do in one transaction.
func (s *Postgres) tx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, do)
}

// maxTries is how often a transaction is begun again that another one, or the
// order of two, was in the way of.
const maxTries = 10

// again is between two of these tries.
var again = backoff.Backoff{First: 10 * time.Millisecond, Most: 640 * time.Millisecond}

func (s *Postgres) retry(ctx context.Context, do func(pgx.Tx) error) (err error) {
	for try := range maxTries {
		err = s.tx(ctx, do)
		switch code(err) {
		case "40001", "40P01", "55P03", "23505": // serialization, deadlock, lock timeout; a row or table made at the same time
		default:
			return classifyPostgres(err)
		}
		s.stats.retries.Add(1)
		if err := again.Wait(ctx, try); err != nil {
			return err
		}
	}
	return classifyPostgres(err)
}

// code returns the SQLSTATE of an error, "" when it has none.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// classifyPostgres tells errors that the rows are to blame for: classes 22
// (data), 23 (integrity) and 54 (limits).
func classifyPostgres(err error) error {
	switch c := code(err); {
	case strings.HasPrefix(c, "22"), strings.HasPrefix(c, "23"), strings.HasPrefix(c, "54"):
		return &Poison{err}
	}
	return err
}

// lockCursors locks the cursors of keys, in the order of keys so that two
// collectors wait for each other in one direction only, and returns what they say. A
// cursor that is not there yet is made.
func lockCursors(ctx context.Context, tx pgx.Tx, all []streamKey) (map[streamKey]*record.Ranges, error) {
	rows, err := tx.Query(ctx, `INSERT INTO cursors (node, epoch, stream, done)
 SELECT node, epoch, stream, '{}' FROM unnest($1::text[], $2::bigint[], $3::smallint[]) AS k (node, epoch, stream)
 ORDER BY node COLLATE "C", epoch, stream
 ON CONFLICT (node, epoch, stream) DO UPDATE SET stream = cursors.stream RETURNING node, epoch, stream, done`, columnsOf(all)...)
	if err != nil {
		return nil, fmt.Errorf("locking cursors: %w", err)
	}
	done, err := scanCursors(rows)
	if err != nil {
		return nil, err
	}
	out := make(map[streamKey]*record.Ranges, len(all))
	for k, d := range done {
		out[k] = &d
	}
	return out, nil
}

// write stores what is planned, and the cursors as the plan leaves them.
func (s *Postgres) write(ctx context.Context, tx pgx.Tx, p *planner, done map[streamKey]*record.Ranges) error {
	changed := make(map[streamKey]bool)
	sums := make(sumMap)
	for _, x := range p.ordered() {
		if err := s.copyParcel(ctx, tx, x); err != nil {
			return err
		}
		for _, r := range x.ranges {
			changed[r.streamKey] = true
		}
		maps.Copy(sums, x.sums) // an hour is in one month only
	}
	if err := addSums(ctx, tx, sums); err != nil {
		return err
	}
	var b pgx.Batch
	for _, k := range slices.SortedFunc(maps.Keys(changed), compareStreamKeys) {
		b.Queue(`UPDATE cursors SET done = $4 WHERE node = $1 AND epoch = $2 AND stream = $3`,
			k.node, signed(k.epoch), int16(k.stream), flatten(*done[k]))
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("writing cursors: %w", err)
	}
	return nil
}
