package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
)

// backend opens one kind of store; both have to pass every test here.
type backend struct {
	name string
	// fresh returns what opens one store, which is empty at first, any number of times.
	fresh func(t testing.TB) func(o Options) Store
}

var backends = []backend{
	{"sqlite", func(t testing.TB) func(Options) Store {
		dir := t.TempDir()
		return func(o Options) Store {
			s, err := OpenSQLite(context.Background(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
	{"postgres", func(t testing.TB) func(Options) Store {
		url := newDatabase(t)
		return func(o Options) Store {
			s, err := OpenPostgres(context.Background(), url, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
}

// both runs a test on an empty store of each kind, and checks at its end that
// the sums are what the calls add up to.
func both(t *testing.T, f func(t *testing.T, s Store, c *clock)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			c := &clock{noon}
			s := b.fresh(t)(Options{Now: c.now})
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			f(t, s, c)
			verified(t, s)
		})
	}
}

var ctx = context.Background()

func ranges(pairs ...uint64) (s record.Ranges) {
	for i := 0; i < len(pairs); i += 2 {
		s.Add(record.Range{First: pairs[i], Last: pairs[i+1]})
	}
	return s
}

func wantStored(t *testing.T, s Store, node string, epoch uint64, want record.Ranges) {
	t.Helper()
	var got record.Ranges
	for k := range stored(t, s) {
		if k.Node == node && k.Epoch == epoch {
			got.Add(record.Range{First: k.Seq, Last: k.Seq})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of %s %x: %s", node, epoch, diff)
	}
}

func wantCursor(t *testing.T, s Store, node string, epoch uint64, st record.Stream, want record.Ranges) {
	t.Helper()
	if diff := cmp.Diff(want, cursorOf(t, s, node, epoch, st)); diff != "" {
		t.Errorf("cursor of %s %x: %s", node, epoch, diff)
	}
}

func losses(t *testing.T, s Store) (out []Loss) {
	t.Helper()
	if err := s.Losses(ctx, LossFilter{}, func(l *Loss) error { out = append(out, *l); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func letters(t *testing.T, s Store) (out []DeadLetter) {
	t.Helper()
	if err := s.DeadLetters(ctx, true, func(l *DeadLetter) error {
		l.Raw = append([]byte{}, l.Raw...)
		out = append(out, *l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCommitTwice(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 100, noon)
		mustCommit(t, s, b)
		mustCommit(t, s, b)
		mustCommit(t, s, b, b)
		wantStored(t, s, "sw1", 7, ranges(1, 100))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 100))
		if st := s.Stats(); st.Rows != 100 || st.Known != 300 {
			t.Errorf("stats: %+v", st)
		}
	})
}

func TestCommitOverlapping(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		mustCommit(t, s, batch("sw1", 7, 10, 20, noon), batch("sw1", 7, 20, 20, noon), batch("sw2", 7, 1, 5, noon), batch("sw1", 1<<63|5, 1, 3, noon))
		mustCommit(t, s, batch("sw1", 7, 1, 60, noon))
		wantStored(t, s, "sw1", 7, ranges(1, 60))
		wantStored(t, s, "sw2", 7, ranges(1, 5))
		wantStored(t, s, "sw1", 1<<63|5, ranges(1, 3))
		wantCursor(t, s, "sw1", 1<<63|5, record.Calls, ranges(1, 3))
		wantCursor(t, s, "sw1", 7, record.Telemetry, nil)
		wantCursor(t, s, "other", 7, record.Calls, nil)
	})
}

// TestGapsInAnyOrder fills a sequence from shuffled pieces, some twice, with the
// store opened anew in between.
func TestGapsInAnyOrder(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			s := open(Options{})
			r := rand.New(rand.NewPCG(1, 2))
			var done record.Ranges
			order := append(r.Perm(30), r.Perm(30)...)
			for i, piece := range order {
				first, n := uint64(piece*7+1), 7+r.IntN(5)
				mustCommit(t, s, batch("sw1", 7, first, n, noon))
				done.Add(record.Range{First: first, Last: first + uint64(n) - 1})
				if i%20 == 10 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(Options{})
				}
				wantCursor(t, s, "sw1", 7, record.Calls, done)
			}
			wantStored(t, s, "sw1", 7, done)
			verified(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMonthBoundary(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		end := time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
		b := batch("sw1", 7, 1, 300, end) // 3 s: one before, two after midnight
		r := rand.New(rand.NewPCG(3, 4))
		r.Shuffle(len(b.Records), func(i, j int) { b.Records[i], b.Records[j] = b.Records[j], b.Records[i] })
		mustCommit(t, s, b)
		mustCommit(t, s, b)
		wantStored(t, s, "sw1", 7, ranges(1, 300))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 300))
		got := make(map[int64]int64)
		if err := s.Summaries(ctx, SummaryFilter{Step: ByMonth, Kind: "total"}, func(x *Summary) error {
			got[x.TimeUnixS] += x.Calls
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := map[int64]int64{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Unix(): 99, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Unix(): 201}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		last := int64(0) // in order over the months
		if err := s.Calls(ctx, CallFilter{}, func(c *CallRow) error {
			if c.CountedUnixMs < last {
				t.Errorf("%d comes after %d", c.CountedUnixMs, last)
			}
			last = c.CountedUnixMs
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPoison(t *testing.T) {
	huge := int64(1 << 60)
	tests := []struct {
		name string
		r    *record.Record
	}{
		{"a duration that no sum can take", &record.Record{Call: &record.Call{DurationMs: huge}}},
		{"a negative duration", &record.Record{Call: &record.Call{DurationMs: -1}}},
		{"a delay that no sum can take", &record.Record{Call: &record.Call{PddMs: &huge}}},
		{"an attempt of that kind", &record.Record{Call: &record.Call{Attempts: []*record.Attempt{{DurationMs: huge}}}}},
		{"a minute of that kind", &record.Record{Minute: &record.Minute{AnsweredMs: 1 << 63}}},
		{"a mark of that kind", &record.Record{HourMark: &record.HourMark{ObservedMs: -1}}},
		{"a loss of no stream", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 3, First: 1, Last: 2, Count: 2}}},
		{"a loss that ends before it begins", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 2, Last: 1}}},
		{"a loss without an end", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 1, Last: 1 << 63}}},
		{"too large", &record.Record{Call: &record.Call{UserAgent: strings.Repeat("x", record.MaxRecord)}}},
		{"no record", nil},
	}
	both(t, func(t *testing.T, s Store, _ *clock) {
		for _, tt := range tests {
			good, bad := batch("sw1", 7, 1, 5, noon), &record.Received{Node: "sw1", Epoch: 8, Stream: record.Calls, First: 1, Records: []*record.Record{tt.r}}
			if err := s.Commit(ctx, []*record.Received{good, bad}); !IsPoison(err) {
				t.Errorf("%s: %v, want poison", tt.name, err)
			}
			wantCursor(t, s, "sw1", 8, record.Calls, nil)
			mustCommit(t, s, good)
		}
		for name, b := range map[string]*record.Received{
			"no first": {Node: "sw1", Epoch: 7, Stream: 1, Records: []*record.Record{{}}}, "no epoch": {Node: "sw1", Stream: 1, First: 1, Records: []*record.Record{{}}},
			"no stream": {Node: "sw1", Epoch: 7, First: 1, Records: []*record.Record{{}}}, "no node": {Node: "a/b", Epoch: 7, Stream: 1, First: 1},
			"past the end": {Node: "sw1", Epoch: 7, Stream: 1, First: 1 << 63, Records: []*record.Record{{}}},
		} {
			if err := s.Commit(ctx, []*record.Received{b}); !IsPoison(err) {
				t.Errorf("%s: %v, want poison", name, err)
			}
		}
		wantStored(t, s, "sw1", 7, ranges(1, 5))
	})
}

func TestBury(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 7, 1, 5, noon))
		h := &record.Header{Version: 9, Stream: record.Calls, Epoch: 7, First: 4, Count: 10}
		for range 2 { // the second finds all of it done
			if err := s.Bury(ctx, "sw1", h, []byte("raw\x00"), "version 9"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Bury(ctx, "sw1", nil, []byte("junk"), "checksum\x00\xff"); err != nil {
			t.Fatal(err)
		}
		if err := s.Bury(ctx, "sw1", &record.Header{Stream: 9, First: 1 << 63, Count: 5}, nil, "no range"); err != nil {
			t.Fatal(err)
		}
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 13))
		wantStored(t, s, "sw1", 7, ranges(1, 5))
		now := c.t.UnixMilli()
		want := []DeadLetter{
			{AtUnixMs: now, Node: "sw1", Epoch: 7, Stream: record.Calls, First: 4, Count: 10, Size: 4, Reason: "version 9", Raw: []byte("raw\x00")},
			{AtUnixMs: now, Node: "sw1", Size: 4, Reason: "checksum\uFFFD", Raw: []byte("junk")},
			{AtUnixMs: now, Node: "sw1", Stream: 9, First: 1 << 63, Count: 5, Reason: "no range", Raw: []byte{}},
		}
		got := letters(t, s)
		for i := range got {
			got[i].ID = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]Loss{{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 4, Last: 13, Count: 8, Reason: record.LossDeadLetter, AtUnixMs: now, RecordedUnixMs: now}}, losses(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLettersAreBounded(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{MaxLetters: 5, MaxLetterBytes: 1000})
			bury := func(n int) {
				if err := s.Bury(ctx, "sw1", nil, make([]byte, n), fmt.Sprint(n)); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 8 {
				bury(i)
			}
			reasons := func() (out []string) {
				for _, l := range letters(t, s) {
					out = append(out, l.Reason)
				}
				return out
			}
			if got := reasons(); !slices.Equal(got, []string{"3", "4", "5", "6", "7"}) {
				t.Errorf("kept %v", got)
			}
			bury(990)
			if got := reasons(); !slices.Equal(got, []string{"7", "990"}) {
				t.Errorf("kept %v", got)
			}
			if st := s.Stats(); st.LettersDiscarded != 7 || st.Buried != 9 {
				t.Errorf("stats %+v", st)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnknownRecord(t *testing.T) {
	newer, err := record.Decode([]byte("\xfa\x3f\x03new")) // field 1023
	if err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 3, noon)
		b.Records[1] = newer
		mustCommit(t, s, b)
		mustCommit(t, s, b)
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 3))
		wantStored(t, s, "sw1", 7, ranges(1, 1, 3, 3))
		if got := letters(t, s); len(got) != 1 || string(got[0].Raw) != "\xfa\x3f\x03new" {
			t.Errorf("letters %+v", got)
		}
		if got := losses(t, s); len(got) != 1 || got[0].First != 2 || got[0].Count != 1 {
			t.Errorf("losses %+v", got)
		}
	})
}

func TestLosses(t *testing.T) {
	loss := func(seq uint64, l *record.Loss) *record.Received {
		return &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: seq, Records: []*record.Record{{Loss: l}}}
	}
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 6, 5, 3, noon))
		at := noon.UnixMilli()
		mustCommit(t, s,
			loss(1, &record.Loss{Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 10, Reason: "corrupt", AtUnixMs: at}), // 5 to 7 came
			loss(2, &record.Loss{Count: 4, Stream: 2, Reason: "queue_full", AtUnixMs: at}),
			loss(3, &record.Loss{Epoch: 7, Stream: 2, First: 3, Last: 9, Reason: "shed", AtUnixMs: at}), // numbers nothing
		)
		mustCommit(t, s, loss(1, &record.Loss{Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 10, Reason: "corrupt", AtUnixMs: at}))
		mustCommit(t, s, loss(4, &record.Loss{Epoch: 6, Stream: 1, First: 2, Last: 3, Count: 2, Reason: "corrupt", AtUnixMs: at})) // said before
		wantCursor(t, s, "sw1", 6, record.Calls, ranges(1, 10))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 4))
		wantCursor(t, s, "sw1", 7, record.Telemetry, ranges(3, 9))
		want := []Loss{
			{Node: "sw1", Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 7, Reason: "corrupt", AtUnixMs: at, RecordedUnixMs: c.t.UnixMilli()},
			{Node: "sw1", Stream: 2, Count: 4, Reason: "queue_full", AtUnixMs: at, RecordedUnixMs: c.t.UnixMilli()},
		}
		if diff := cmp.Diff(want, losses(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLossAndRecordsTogether: what comes in the same commit as the declaration
// of its loss is stored, whatever their order.
func TestLossAndRecordsTogether(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 5, noon)
		b.Records[0] = &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 2, Last: 6, Count: 5, Reason: "corrupt"}}
		mustCommit(t, s, b)
		wantStored(t, s, "sw1", 7, ranges(2, 5))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 6))
		if got := losses(t, s); len(got) != 1 || got[0].Count != 1 {
			t.Errorf("losses %+v", got)
		}
	})
}

func TestTexts(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 1, noon)
		c := b.Records[0].Call
		c.CallId, c.Caller, c.Called, c.Customer = "a\x00b", "caf\xe9", "'; DROP TABLE calls; --", "\x00"
		c.Attempts[0].Called, c.Release = "\x00\xff😀", strings.Repeat("é", 2000)
		mustCommit(t, s, b)
		var got CallRow
		if err := s.Calls(ctx, CallFilter{Number: "'; DROP TABLE calls; --"}, func(r *CallRow) error { got = *r; return nil }); err != nil {
			t.Fatal(err)
		}
		if got.CallID != "ab" || got.Caller != "caf\uFFFD" || got.Customer != "" || len(got.Release) > maxText+2 {
			t.Errorf("%+v", got)
		}
		if err := s.Attempts(ctx, CallFilter{}, func(a *AttemptRow) error {
			if a.N == 0 && a.Called != "\uFFFD😀" {
				t.Errorf("%q", a.Called)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOddTimes: a record without a time, or from an agent whose clock is
// nowhere, is stored under the time of its coming.
func TestOddTimes(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		b := batch("sw1", 7, 1, 4, noon)
		for i, ms := range []int64{0, -5, 1, 1 << 62} {
			b.Records[i].Call.CountedUnixMs, b.Records[i].Call.ClosedUnixMs, b.Records[i].Call.EndedUnixMs = ms, ms, ms
		}
		mustCommit(t, s, b)
		if err := s.Calls(ctx, CallFilter{}, func(r *CallRow) error {
			if r.CountedUnixMs != c.t.UnixMilli() {
				t.Errorf("%d is counted at %d", r.Seq, r.CountedUnixMs)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wantStored(t, s, "sw1", 7, ranges(1, 4))
		if st := s.Stats(); st.OddTimes != 4 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSumsAreTheRecords adds up random calls here, in another way, and compares.
func TestSumsAreTheRecords(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		r := rand.New(rand.NewPCG(5, 6))
		type key struct{ kind, party string }
		want := make(map[key]*[4]int64) // calls, connected, answered ms, pdd ms
		add := func(k key, c bool, ms int64, pdd *int64, midcall bool) {
			if want[k] == nil {
				want[k] = new([4]int64)
			}
			w := want[k]
			w[0]++
			if midcall {
				return
			}
			w[3] += *pdd
			if c {
				w[1]++
				w[2] += ms
			}
		}
		for i := range uint64(40) {
			b := batch([]string{"sw1", "sw2"}[i%2], 7, i*20+1, 30, noon.Add(time.Duration(r.IntN(100))*time.Hour))
			for j, x := range b.Records {
				c := x.Call
				if r.IntN(10) == 0 {
					c.Kind = "carrier_leg"
				}
				if r.IntN(10) == 0 {
					c.SeenMidcall, c.Outcome, c.Effective = true, false, false
					for _, a := range c.Attempts {
						a.Outcome, a.Effective = false, false
					}
				}
				if cursorOf(t, s, b.Node, 7, record.Calls).Has(b.First + uint64(j)) {
					continue
				}
				if c.Kind == "call" {
					add(key{"total", ""}, c.Answered, c.DurationMs, c.PddMs, c.SeenMidcall)
					add(key{"customer", c.Customer}, c.Answered, c.DurationMs, c.PddMs, c.SeenMidcall)
				}
				for _, a := range c.Attempts {
					pdd := a.PddMs
					if pdd == nil {
						pdd = new(int64)
					}
					add(key{"carrier", a.Carrier}, a.AnsweredUnixMs != 0, a.DurationMs, pdd, c.SeenMidcall)
				}
			}
			mustCommit(t, s, b)
		}
		for _, step := range []Step{ByHour, ByDay, ByMonth} {
			got := make(map[key]*[4]int64)
			if err := s.Summaries(ctx, SummaryFilter{Step: step}, func(x *Summary) error {
				k := key{x.Kind, x.Party}
				if got[k] == nil {
					got[k] = new([4]int64)
				}
				for i, v := range []int64{x.Calls, x.Connected, x.AnsweredMs, x.PddSumMs} {
					got[k][i] += v
				}
				if x.Connected > x.Outcomes || x.Outcomes+x.NoOutcome != x.Calls {
					t.Errorf("%+v", x)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %s: %s", step, diff)
			}
		}
	})
}

// TestVerifyFinds: a check that cannot fail is none.
func TestVerifyFinds(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{})
			mustCommit(t, s, batch("sw1", 7, 1, 100, noon))
			var err error
			switch s := s.(type) {
			case *SQLite:
				_, err = s.files[place{callsKind, monthOf(noon.UnixMilli())}].write.ExecContext(ctx, `DELETE FROM calls WHERE seq = 50`)
			case *Postgres:
				_, err = s.pool.Exec(ctx, `DELETE FROM calls WHERE seq = 50`)
			}
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			if err := s.Verify(ctx, noon.Add(-time.Hour), noon.Add(time.Hour), func(d *Difference) error {
				found = append(found, d.Kind)
				if d.Stored.Calls != d.Records.Calls+1 {
					t.Errorf("%+v", d)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			kinds := slices.Compact(slices.Sorted(slices.Values(found)))
			if !slices.Equal(kinds, []string{"carrier", "customer", "total"}) {
				t.Errorf("found %v", found)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCallFilters(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b1, b2 := batch("sw1", 7, 1, 200, time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)), batch("sw2", 7, 1, 100, noon)
		for _, x := range b2.Records { // many at one moment
			x.Call.CountedUnixMs = noon.UnixMilli()
		}
		mustCommit(t, s, b1, b2)
		want := func(f CallFilter, match func(c *record.Call, node string) bool) {
			t.Helper()
			exp, got := make(map[Key]int), make(map[Key]int)
			for _, b := range []*record.Received{b1, b2} {
				for i, x := range b.Records {
					if match(x.Call, b.Node) {
						exp[Key{b.Node, 7, uint64(i + 1)}]++
					}
				}
			}
			if err := s.Calls(ctx, f, func(c *CallRow) error { got[c.Key]++; return nil }); err != nil {
				t.Fatal(err)
			}
			if len(exp) == 0 || !maps.Equal(exp, got) {
				t.Errorf("%+v: %d rows, want %d", f, len(got), len(exp))
			}
		}
		yes, no := true, false
		c0 := b1.Records[0].Call
		want(CallFilter{Customer: "customer-3"}, func(c *record.Call, _ string) bool { return c.Customer == "customer-3" })
		want(CallFilter{Carrier: "carrier-1", Answered: &no}, func(c *record.Call, _ string) bool { return c.Carrier == "carrier-1" && !c.Answered })
		want(CallFilter{Node: "sw2", Answered: &yes}, func(c *record.Call, n string) bool { return n == "sw2" && c.Answered })
		want(CallFilter{Number: c0.Called}, func(c *record.Call, _ string) bool { return c.Called == c0.Called })
		want(CallFilter{CallID: c0.CallId, Kind: "call"}, func(c *record.Call, _ string) bool { return c.CallId == c0.CallId })
		mid := c0.CountedUnixMs + 700
		want(CallFilter{FromUnixMs: mid}, func(c *record.Call, _ string) bool { return c.CountedUnixMs >= mid })
		want(CallFilter{ToUnixMs: mid}, func(c *record.Call, _ string) bool { return c.CountedUnixMs < mid })

		seen := make(map[Key]int)
		var after *Position
		for { // pages of 17
			n := 0
			if err := s.Calls(ctx, CallFilter{After: after, Limit: 17}, func(c *CallRow) error {
				n++
				seen[c.Key]++
				p := c.Position()
				after = &p
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if n > 17 {
				t.Fatalf("a page of %d", n)
			}
			if n == 0 {
				break
			}
		}
		for k, n := range seen {
			if n != 1 {
				t.Errorf("%v came %d times", k, n)
			}
		}
		if len(seen) != 300 {
			t.Errorf("%d calls on all pages", len(seen))
		}
		stop := errors.New("enough")
		if err := s.Calls(ctx, CallFilter{}, func(*CallRow) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestWholeRecord(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 20, noon)
		mustCommit(t, s, b)
		attempts := 0
		if err := s.Calls(ctx, CallFilter{}, func(row *CallRow) error {
			got, err := row.Call()
			if err != nil {
				return err
			}
			want := b.Records[row.Seq-1].Call
			if got.String() != want.String() {
				t.Errorf("%v, want %v", got, want)
			}
			if row.DurationMs != want.DurationMs || *row.PddMs != *want.PddMs || row.Status != want.SipStatus || row.Answered != want.Answered ||
				row.ClosedUnixMs != want.ClosedUnixMs || row.MediaClass != want.MediaClass || row.Digits != int64(want.FromCaller.DtmfCount) {
				t.Errorf("columns %+v of %v", row, want)
			}
			attempts += len(want.Attempts)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Attempts(ctx, CallFilter{}, func(a *AttemptRow) error {
			attempts--
			want := b.Records[a.Seq-1].Call.Attempts[a.N]
			if a.Carrier != want.Carrier || a.Status != want.SipStatus || a.Outcome != want.Outcome || a.DurationMs != want.DurationMs || (a.PddMs == nil) != (want.PddMs == nil) {
				t.Errorf("%+v, want %v", a, want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if attempts != 0 {
			t.Errorf("%d attempts are missing", attempts)
		}
	})
}
