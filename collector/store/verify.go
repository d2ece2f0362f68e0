package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Verify implements Store. Calls and sums of an hour are read in one snapshot,
// so that commits in between are no difference. An hour's sums are in memory.
func (r *reads) Verify(ctx context.Context, from, to time.Time, each func(*query.Difference) error) error {
	var dropped map[month]bool
	if r.dropped != nil {
		var err error
		if dropped, err = r.dropped(ctx); err != nil {
			return err
		}
	}
	sources, err := r.sources(ctx, callsKind, from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return err
	}
	for _, src := range sources {
		v := verification{r.dialect, src, dropped, each}
		if err := v.run(ctx, from.Unix(), to.Unix()); err != nil && (src.gone == nil || !src.gone()) {
			return err
		}
	}
	return nil
}

type verification struct {
	dialect
	source
	dropped map[month]bool
	each    func(*query.Difference) error
}

func (v *verification) run(ctx context.Context, from, to int64) error {
	first, last, err := v.span(ctx)
	if err != nil {
		return err
	}
	from += mod(-from, hourS)
	for h := max(from, first-mod(first, hourS)); h < to && h <= last; h += hourS {
		if v.dropped[monthOf(h*1000)] {
			continue
		}
		if err := v.hour(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// span is the time of what there is, Unix seconds.
func (v *verification) span(ctx context.Context) (first, last int64, err error) {
	var a, b sql.NullInt64
	err = v.scanOn(ctx, v.db, v.name, `SELECT min(t), max(t) FROM (SELECT min(counted_ms)/1000 AS t FROM calls
 UNION ALL SELECT max(counted_ms)/1000 FROM calls UNION ALL SELECT min(hour_s) FROM sums UNION ALL SELECT max(hour_s) FROM sums) AS times`, nil,
		func(rows *sql.Rows) error { return rows.Scan(&a, &b) })
	if !a.Valid {
		return 0, -1, err
	}
	return a.Int64, b.Int64, err
}

func (v *verification) hour(ctx context.Context, h int64) error {
	var o *sql.TxOptions
	if v.numbered {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := v.db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("reading %s: %w", v.name, err)
	}
	defer tx.Rollback() // it has only read
	again, err := v.addUp(ctx, tx, h)
	if err != nil {
		return err
	}
	stored, err := v.stored(ctx, tx, h)
	if err != nil {
		return err
	}
	for k := range again {
		stored.at(k)
	}
	for _, k := range stored.sorted() {
		if *stored[k] == *again.at(k) {
			continue
		}
		if err := v.each(&query.Difference{HourUnixS: k.hour, ClosedUnixS: k.closed, Node: k.node, Kind: k.kind, Party: k.party,
			Stored: *stored[k], Records: *again[k]}); err != nil {
			return err
		}
	}
	return nil
}

// addUp sums the records of an hour.
func (v *verification) addUp(ctx context.Context, tx querier, h int64) (sumMap, error) {
	out := make(sumMap)
	return out, v.scanOn(ctx, tx, v.name, `SELECT node, counted_ms, closed_ms, record FROM calls WHERE counted_ms >= ? AND counted_ms < ?`,
		[]any{h * 1000, (h + hourS) * 1000}, func(rows *sql.Rows) error {
			var node string
			var counted, closed int64
			var raw sql.RawBytes
			if err := rows.Scan(&node, &counted, &closed, &raw); err != nil {
				return fmt.Errorf("reading a call of %s: %w", v.name, err)
			}
			x, err := record.Decode(raw)
			if err != nil {
				return fmt.Errorf("reading a call of %s: %w", v.name, err)
			}
			if x.GetCall() == nil {
				return errors.New("a record among the calls of " + v.name + " is none")
			}
			out.add(node, counted, closed, x.GetCall())
			return nil
		})
}

func (v *verification) stored(ctx context.Context, tx querier, h int64) (sumMap, error) {
	out := make(sumMap)
	return out, v.scanOn(ctx, tx, v.name, `SELECT `+strings.Join(sumAllColumns, ",")+` FROM sums WHERE hour_s = ?`, []any{h}, func(rows *sql.Rows) error {
		var k sumKey
		s := new(query.Sums)
		to := []any{&k.hour, &k.kind, &k.party, &k.node, &k.closed}
		for _, f := range s.Fields() {
			to = append(to, f)
		}
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("reading a sum of %s: %w", v.name, err)
		}
		out[k] = s
		return nil
	})
}
