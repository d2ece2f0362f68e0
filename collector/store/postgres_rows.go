package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/sync/record"
)

// copyParcel writes the rows of a parcel, straight into its partitions.
func (s *Postgres) copyParcel(ctx context.Context, tx pgx.Tx, x *parcel) error {
	if err := copyCalls(ctx, tx, x); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, partition("minutes", x.month), minuteColumns, len(x.minutes),
		func(to []any, i int) []any { return appendMinute(to, &x.minutes[i]) }); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, partition("registrations", x.month), regColumns, len(x.registrations),
		func(to []any, i int) []any { return appendRegistration(to, &x.registrations[i]) }); err != nil {
		return err
	}
	if err := addFives(ctx, tx, x.fives); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "hour_marks", markColumns, len(x.marks), func(to []any, i int) []any { return appendMark(to, &x.marks[i]) }); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "losses", lossColumns, len(x.losses), func(to []any, i int) []any { return appendLoss(to, &x.losses[i]) }); err != nil {
		return err
	}
	if len(x.letters) == 0 {
		return nil
	}
	if err := copyRows(ctx, tx, "letters", letterColumns, len(x.letters),
		func(to []any, i int) []any { return appendLetter(to, &x.letters[i]) }); err != nil {
		return err
	}
	return s.boundLetters(ctx, tx)
}

func copyCalls(ctx context.Context, tx pgx.Tx, x *parcel) error {
	err := copyRows(ctx, tx, partition("calls", x.month), callColumns, len(x.calls), func(to []any, i int) []any { return appendCall(to, &x.calls[i]) })
	if err != nil {
		return err
	}
	next := x.eachAttempt()
	return copyRows(ctx, tx, partition("attempts", x.month), attemptColumns, x.attempts, func(to []any, _ int) []any { return next(to) })
}

// copyRows sends n rows to a table, of which row appends the values of number i.
func copyRows(ctx context.Context, tx pgx.Tx, table string, columns []string, n int, row func(to []any, i int) []any) error {
	if n == 0 {
		return nil
	}
	var values []any
	_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		values = row(values[:0], i)
		return values, nil
	}))
	if err != nil {
		return fmt.Errorf("copying to %s: %w", table, err)
	}
	return nil
}

// postgresSums and postgresFives add rows that come as one array for each column.
var (
	postgresSums  = insertArrays("sums", sumAllColumns, upsertSums("least"))
	postgresFives = insertArrays("fives", fiveColumns, upsertFives("least", "greatest"))
)

func insertArrays(table string, columns []string, tail string) string {
	var parts []string
	for i, c := range columns {
		t := "bigint"
		if slices.Contains([]string{"kind", "party", "node"}, c) {
			t = "text"
		}
		parts = append(parts, "$"+strconv.Itoa(i+1)+"::"+t+"[]")
	}
	return "INSERT INTO " + table + " (" + strings.Join(columns, ",") + ") SELECT * FROM unnest(" + strings.Join(parts, ",") + ") " + tail
}

// addFives adds to the stored five minutes, in the order of their keys.
func addFives(ctx context.Context, tx pgx.Tx, fives fiveMap) error {
	if len(fives) == 0 {
		return nil
	}
	columns := make([]any, len(fiveColumns))
	for i, c := range fiveColumns {
		if slices.Contains([]string{"kind", "party", "node"}, c) {
			columns[i] = []string{}
		} else {
			columns[i] = []int64{}
		}
	}
	var row []any
	for _, k := range fives.sorted() {
		row = appendFive(row[:0], k, fives[k])
		for i, v := range row {
			switch c := columns[i].(type) {
			case []string:
				columns[i] = append(c, v.(string))
			case []int64:
				columns[i] = append(c, v.(int64))
			}
		}
	}
	if _, err := tx.Exec(ctx, postgresFives, columns...); err != nil {
		return fmt.Errorf("adding to the five minutes: %w", err)
	}
	return nil
}

// addSums adds to the stored sums, in the order of their keys: two collectors
// that store calls of one node wait for each other in one direction only.
func addSums(ctx context.Context, tx pgx.Tx, sums sumMap) error {
	if len(sums) == 0 {
		return nil
	}
	order := sums.sorted()
	hours, closed := make([]int64, len(order)), make([]int64, len(order))
	kinds, parties, nodes := make([]string, len(order)), make([]string, len(order)), make([]string, len(order))
	values := make([][]int64, len(sumColumns))
	for i, k := range order {
		hours[i], closed[i], kinds[i], parties[i], nodes[i] = k.hour, k.closed, k.kind, k.party, k.node
		for c, v := range sums[k].Fields() {
			values[c] = append(values[c], *v)
		}
	}
	args := []any{hours, kinds, parties, nodes, closed}
	for _, v := range values {
		args = append(args, v)
	}
	if _, err := tx.Exec(ctx, postgresSums, args...); err != nil {
		return fmt.Errorf("adding to the sums: %w", err)
	}
	return nil
}

// touch notes, now and then, that batches came.
func (s *Postgres) touch(ctx context.Context, tx pgx.Tx, batches []*record.Received, nowMs int64) error {
	for _, node := range s.untouched(batches, nowMs) {
		if _, err := tx.Exec(ctx, `INSERT INTO nodes (`+nodeColumns+`) VALUES ($1, $2, $2, '', 0, '', 0, 0, 0, 0)
 ON CONFLICT (node) DO UPDATE SET last_ms = greatest(nodes.last_ms, excluded.last_ms)`, node, nowMs); err != nil {
			return fmt.Errorf("writing node %s: %w", node, err)
		}
	}
	return nil
}

// untouched lists the nodes of batches whose last batch was not written down
// for a while, in the order in which their rows are locked.
func (s *Postgres) untouched(batches []*record.Received, nowMs int64) []string {
	s.known.Lock()
	defer s.known.Unlock()
	var out []string
	for _, b := range batches {
		if nowMs-s.saved[b.Node] >= seenEvery {
			out = append(out, b.Node)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Postgres) savedSeen(batches []*record.Received, nowMs int64) {
	for _, node := range s.untouched(batches, nowMs) {
		s.known.Lock()
		s.saved[node] = nowMs
		s.known.Unlock()
	}
}
