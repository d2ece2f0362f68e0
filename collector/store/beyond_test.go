package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// changeSums runs a statement on the sums, as if millions of records had come.
func changeSums(t *testing.T, s Store, text string) {
	t.Helper()
	var err error
	switch s := s.(type) {
	case *SQLite:
		for _, f := range s.byMonth() {
			if f.kind == callsKind {
				_, err = f.write.ExecContext(ctx, text)
			}
		}
	case *Postgres:
		_, err = s.pool.Exec(ctx, text)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSumsBeyondMeasure: the figures that one node makes up do not keep those of
// others from being read, nor its records from being stored.
func TestSumsBeyondMeasure(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{})
			evil := func(first uint64, at time.Time) *record.Received {
				x := batch("evil", 7, first, 1, at)
				x.Records[0].Call.DurationMs, x.Records[0].Call.Answered, x.Records[0].Call.Outcome = maxMs, true, true
				x.Records[0].Call.Customer = "c"
				return x
			}
			mustCommit(t, s, batch("sw1", 7, 1, 20, noon), evil(1, noon), evil(2, noon.Add(time.Hour)), evil(3, noon.Add(2*time.Hour)))
			changeSums(t, s, fmt.Sprintf("UPDATE sums SET answered_ms = %s - 5 WHERE node = 'evil'", maxSum))
			for i := range uint64(3) {
				mustCommit(t, s, evil(4+i, noon))
			}
			var minutes []*record.Record
			for i := range 1100 {
				minutes = append(minutes, minute(noon.Unix(), "total", "", maxCount, uint64(i), maxCount))
			}
			mustCommit(t, s, &record.Received{Node: "evil", Epoch: 7, Stream: record.Telemetry, First: 1, Records: minutes})
			for _, step := range []query.Step{query.ByHour, query.ByDay, query.ByMonth} {
				var calls int64
				if err := s.Summaries(ctx, query.SummaryFilter{Step: step, Kind: "total"}, func(x *query.Summary) error {
					if x.Node == "sw1" {
						calls += x.Calls
					} else if x.AnsweredMs < maxMs {
						t.Errorf("%+v", x)
					}
					return nil
				}); err != nil || calls != 20 {
					t.Errorf("by %s: %d calls, %v", step, calls, err)
				}
			}
			n := 0
			if err := s.Reconcile(ctx, noon, noon.Add(time.Hour), func(x *query.Reconciled) error {
				if x.Node == "sw1" {
					n++
				}
				return nil
			}); err != nil || n == 0 {
				t.Errorf("%d rows of sw1 reconciled: %v", n, err)
			}
			if err := s.Verify(ctx, noon, noon.Add(24*time.Hour), func(*query.Difference) error { return nil }); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestManyHeld: a mark can name as many epochs as fit into a record, and there
// can be many marks of one hour. Whoever reads hours asks for a bounded number.
func TestManyHeld(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		c.t = noon.Add(3 * time.Hour)
		r := rand.New(rand.NewPCG(1, 2))
		var marks []*record.Record
		for range 10 {
			m := &record.HourMark{HourUnixS: noon.Unix()}
			for range 3000 {
				m.Held = append(m.Held, &record.Held{Epoch: r.Uint64(), Stream: 1, First: 1, Last: 9})
			}
			marks = append(marks, &record.Record{HourMark: m})
		}
		mustCommit(t, s, &record.Received{Node: "evil", Epoch: 7, Stream: record.Calls, First: 1, Records: marks}, mark(1, noon.Unix()))
		states := map[string]query.HourState{}
		all, err := s.(interface {
			marks(ctx context.Context, from, to int64) (map[int64]map[string][]markRow, error)
		}).marks(ctx, noon.Unix(), noon.Unix()+1)
		if keys := markKeys(all); err != nil || len(keys) != maxMarkKeys+1 {
			t.Errorf("%d streams are looked up: %v", len(keys), err)
		}
		if err := s.Hours(ctx, noon, noon.Add(time.Hour), func(h *query.Hour) error { states[h.Node] = h.State; return nil }); err != nil {
			t.Fatal(err)
		}
		if states["evil"] != query.HourLate || states["sw1"] != query.HourComplete {
			t.Errorf("%v", states)
		}
	})
}

// TestManyGaps: a stream of gaps, made with single records or with losses that are
// declared of every second number, takes no more room than others.
func TestManyGaps(t *testing.T) {
	defer func(n int) { maxRanges = n }(maxRanges)
	both(t, func(t *testing.T, s Store, _ *clock) {
		maxRanges = 1000
		const n = 3 * 4096
		var gaps []*record.Record
		for i := range uint64(n) {
			gaps = append(gaps, &record.Record{Loss: &record.Loss{Epoch: 9, Stream: 2, First: 2 + 2*i, Last: 2 + 2*i, Count: 1, Reason: "shed"}})
		}
		for i, part := range [][]*record.Record{gaps[:4096], gaps[4096:8192], gaps[8192:]} {
			mustCommit(t, s, &record.Received{Node: "evil", Epoch: 7, Stream: record.Calls, First: 1 + uint64(i)*4096, Records: part})
		}
		got := cursorOf(t, s, "evil", 9, record.Telemetry)
		if len(got) > maxRanges || got.Last() != 2*n {
			t.Errorf("%d ranges up to %d", len(got), got.Last())
		}
		var lost, rows uint64
		for _, l := range losses(t, s) {
			if lost += l.Count; l.Reason == lossGaps {
				rows++
			}
		}
		if lost != got.Len() || rows == 0 || rows > 40 {
			t.Errorf("%d are lost in %d rows, %d are done", lost, rows, got.Len())
		}
		wantCursor(t, s, "evil", 7, record.Calls, ranges(1, n))
		var parts []*record.Received
		maxRanges = 200 // a range of its own each
		for i := range uint64(201) {
			parts = append(parts, batch("evil", 8, 1+2*i, 1, noon))
		}
		mustCommit(t, s, parts...)
		if got := cursorOf(t, s, "evil", 8, record.Calls); len(got) > maxRanges || !got.Has(2) || got.Has(400) {
			t.Errorf("%d ranges: %v", len(got), got[0])
		}
		mustCommit(t, s, batch("evil", 8, 1, 5, noon)) // what comes later is late
		wantStored(t, s, "evil", 8, oddUpTo(401))
	})
}

func oddUpTo(last uint64) (s record.Ranges) {
	for n := uint64(1); n <= last; n += 2 {
		s.Add(record.Range{First: n, Last: n})
	}
	return s
}

// TestMonthsByTurns: the records of a stream belong to two months by turns, so that
// its numbers are thousands of ranges in each file, and one in all.
func TestMonthsByTurns(t *testing.T) {
	dir := t.TempDir()
	c := &clock{noon}
	s, err := OpenSQLite(ctx, dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	const n = 8192
	for first := uint64(1); first < n; first += 512 {
		b := &record.Received{Node: "evil", Epoch: 7, Stream: record.Calls, First: first}
		for i := range 512 {
			b.Records = append(b.Records, &record.Record{Call: &record.Call{CountedUnixMs: noon.AddDate(0, -i%2, 0).UnixMilli(), Kind: "call"}})
		}
		mustCommit(t, s, b)
		if first > n/2 && first < n/2+1024 { // some of it comes again
			mustCommit(t, s, b)
		}
	}
	wantCursor(t, s, "evil", 7, record.Calls, ranges(1, n))
	mustCommit(t, s, batch("evil", 7, n+1, 5, noon), batch("evil", 7, n+8, 5, noon)) // a gap
	mustCommit(t, s, batch("evil", 7, n+4, 6, noon), batch("evil", 7, n-2, 9, noon)) // and it is closed
	for _, f := range s.byMonth() {
		if own, err := readRanges(ctx, f, streamKey{"evil", 7, record.Calls}); err != nil || f.kind == callsKind && (len(own) < n/2 || len(own) > n/2+1) {
			t.Errorf("%d ranges in %s: %v", len(own), f.path, err)
		}
	}
	held := 0
	for _, c := range s.cursors {
		held += len(c.done)
	}
	if s.ranges != held {
		t.Errorf("%d ranges in memory are counted as %d", held, s.ranges)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenSQLite(ctx, dir, Options{Now: c.now}); err != nil {
		t.Fatal(err)
	}
	wantCursor(t, s, "evil", 7, record.Calls, ranges(1, n+12))
	wantStored(t, s, "evil", 7, ranges(1, n+12))
	verified(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestLossesOfManyStreams: to look up what one batch names does not take long.
func TestLossesOfManyStreams(t *testing.T) {
	many := func(n int) *record.Received {
		b := &record.Received{Node: "evil", Epoch: 7, Stream: record.Calls, First: 1}
		for i := range uint64(n) {
			for seq := range uint64(2) {
				b.Records = append(b.Records, &record.Record{Loss: &record.Loss{Epoch: 100 + i, Stream: 1, First: 1 + seq, Last: 1 + seq, Count: 1, Reason: "corrupt"}})
			}
		}
		return b
	}
	both(t, func(t *testing.T, s Store, _ *clock) {
		if err := s.Commit(ctx, []*record.Received{many(maxLossStreams + 1)}); !IsPoison(err) {
			t.Errorf("%v, want poison", err)
		}
		mustCommit(t, s, many(maxLossStreams))
		wantCursor(t, s, "evil", 100+maxLossStreams-1, record.Calls, ranges(1, 2))
	})
}
