package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sync/record"
)

// step does one random thing to a store.
type step struct {
	name string
	do   func(s Store) error
}

// steps makes random steps that mean the same to any store.
func steps(r *rand.Rand, n int, c *clock) (out []step) {
	node := func() string { return fmt.Sprintf("sw%d", r.IntN(3)) }
	for range n {
		switch at := noon.Add(time.Duration(r.IntN(90*24)) * time.Hour); r.IntN(12) {
		case 0:
			h := &record.Header{Stream: record.Calls, Epoch: uint64(r.IntN(3) + 1), First: uint64(r.IntN(300) + 1), Count: uint32(r.IntN(20) + 1)}
			id := node()
			out = append(out, step{"bury", func(s Store) error { return s.Bury(ctx, id, h, []byte{1, 2, 3}, "unknown version") }})
		case 1:
			id, rel := node(), held(uint64(r.IntN(3)+1), record.Calls, 1, uint64(r.IntN(200)+1))
			out = append(out, step{"hello", func(s Store) error {
				return s.Hello(ctx, id, &record.Hello{Epoch: rel.Epoch, StoreId: s.ID(), Released: []*record.Held{rel}})
			}})
		case 2:
			b := telemetry(uint64(r.IntN(3)+1), uint64(r.IntN(300)+1))
			for range 1 + r.IntN(10) {
				b.Records = append(b.Records, minute(at.Unix()-at.Unix()%60+60*int64(r.IntN(5)), []string{"total", "customer"}[r.IntN(2)], []string{"", "a"}[r.IntN(2)],
					uint64(r.IntN(9)), uint64(r.IntN(9)), uint64(r.IntN(9))))
			}
			out = append(out, step{"minutes", func(s Store) error { return s.Commit(ctx, []*record.Received{b}) }})
		case 3:
			keep := time.Duration(20+r.IntN(80)) * 24 * time.Hour
			out = append(out, step{"retain", func(s Store) error { _, err := s.Retain(ctx, Retention{Calls: keep, Telemetry: keep}); return err }})
		case 4:
			d := time.Duration(r.IntN(72)) * time.Hour
			out = append(out, step{"time", func(Store) error { c.t = c.t.Add(d); return nil }})
		default:
			var group []*record.Received
			for range 1 + r.IntN(3) {
				b := batch(node(), uint64(r.IntN(3)+1), uint64(r.IntN(300)+1), 1+r.IntN(30), at)
				switch i := r.IntN(len(b.Records)); r.IntN(4) {
				case 0:
					b.Records[i] = mark(1, at.Unix(), held(uint64(r.IntN(3)+1), record.Calls, 1, uint64(r.IntN(100)+1))).Records[0]
				case 1:
					first := uint64(r.IntN(300) + 1)
					b.Records[i] = &record.Record{Loss: &record.Loss{Epoch: uint64(r.IntN(3) + 1), Stream: uint32(r.IntN(2) + 1), First: first, Last: first + 9, Count: 10, Reason: "corrupt"}}
				case 2:
					b.Records[i] = new(record.Record)
				}
				group = append(group, b)
			}
			out = append(out, step{"commit", func(s Store) error { return s.Commit(ctx, group) }})
		}
	}
	return out
}

// dump is all that can be read from a store, without ids.
func dump(t *testing.T, s Store) (out []string) {
	t.Helper()
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		cs, err := s.Cursors(ctx, fmt.Sprintf("sw%d", n), []uint64{1, 2, 3})
		must(err)
		for _, c := range cs {
			say("cursor %d %v", n, c)
		}
	}
	nodes, err := s.Nodes(ctx)
	must(err)
	say("%+v", nodes)
	must(s.Calls(ctx, query.CallFilter{}, func(c *query.CallRow) error {
		say("call %v %d %d %x", c.Key, c.CountedUnixMs, *c.PddMs, c.Record)
		return nil
	}))
	must(s.Attempts(ctx, query.CallFilter{Answered: new(bool)}, func(a *query.AttemptRow) error { say("attempt %v %d %s", a.Key, a.N, a.Carrier); return nil }))
	must(s.Minutes(ctx, query.MinuteFilter{}, func(m *query.MinuteRow) error { say("minute %v %v", m.Key, m.Minute); return nil }))
	for _, step := range []query.Step{query.ByHour, query.ByDay, query.ByMonth} {
		must(s.Summaries(ctx, query.SummaryFilter{Step: step, AllNodes: step == query.ByDay}, func(x *query.Summary) error { say("%+v", *x); return nil }))
	}
	for _, f := range []query.SeriesFilter{{StepS: 300, Kind: query.KindTotal}, {StepS: 3600, Kind: query.KindCustomer, Party: "a"}} {
		f.FromUnixS, f.ToUnixS = noon.Unix(), noon.AddDate(0, 4, 0).Unix()
		x, err := s.Series(ctx, f)
		must(err)
		for i := range x.Points {
			if x.Points[i] != (query.Point{}) {
				say("point %d %+v", i, x.Points[i])
			}
		}
		say("pending %+v", x.Pending)
	}
	must(s.Losses(ctx, query.LossFilter{}, func(l *query.Loss) error { say("%+v", *l); return nil }))
	must(s.DeadLetters(ctx, true, func(l *query.DeadLetter) error { l.ID = 0; say("%+v", *l); return nil }))
	must(s.Hours(ctx, noon, noon.AddDate(0, 4, 0), func(h *query.Hour) error { say("%+v", *h); return nil }))
	must(s.Reconcile(ctx, noon, noon.AddDate(0, 4, 0), func(r *query.Reconciled) error { say("%+v", *r); return nil }))
	return out
}

// TestBothAreTheSame does the same random things to both kinds of store: all
// that can be read from them is the same, and each number was accounted for once.
func TestBothAreTheSame(t *testing.T) {
	for seed := range race.Of[uint64](3, 2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var dumps [][]string
			for _, b := range backends {
				c := &clock{noon.AddDate(0, 2, 0)}
				s := b.fresh(t)(Options{Now: c.now, MaxLetters: 10})
				for i, x := range steps(rand.New(rand.NewPCG(seed, 7)), 90, c) {
					if err := x.do(s); err != nil {
						t.Fatalf("%s: step %d, %s: %v", b.name, i, x.name, err)
					}
				}
				dumps = append(dumps, dump(t, s))
				verified(t, s)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if len(dumps[0]) < 100 {
				t.Errorf("only %d lines", len(dumps[0]))
			}
			if diff := cmp.Diff(dumps[0], dumps[1]); diff != "" {
				t.Errorf("%s and %s: %.4000s", backends[0].name, backends[1].name, diff)
			}
		})
	}
}

// TestMemoryIsConstant reads far more than it may hold.
func TestMemoryIsConstant(t *testing.T) {
	part := race.Of(3000, 1500)
	both(t, func(t *testing.T, s Store, _ *clock) {
		for i := range 5 {
			mustCommit(t, s, batch("sw1", 7, uint64(i*part+1), part, noon)) // positive
		}
		bytes, most, n := 0, uint64(0), 0
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := s.Calls(ctx, query.CallFilter{}, func(c *query.CallRow) error {
			bytes += len(c.Record)
			if n++; n%1000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		grown := int64(most) - int64(before.HeapAlloc)
		t.Logf("%d rows with %d KiB of records: %d KiB more in use at most", n, bytes>>10, grown>>10)
		if grown > 2<<20 || bytes < race.Of(8<<20, 4<<20) {
			t.Errorf("%d bytes more in use, for %d of records", grown, bytes)
		}
	})
}

// TestFilesRest: a month that nobody writes to any more gives its memory back,
// and takes rows again.
func TestFilesRest(t *testing.T) {
	c := &clock{noon}
	s, err := OpenSQLite(ctx, t.TempDir(), Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustCommit(t, s, batch("sw1", 7, 1, 1000, noon))
	f := s.files[place{callsKind, monthOf(noon.UnixMilli())}]
	c.t = noon.Add(time.Hour)
	mustCommit(t, s, batch("sw1", 7, 1001, 10, noon.AddDate(0, 1, 0)))
	if f.used != 0 {
		t.Error("it does not rest")
	}
	if size(t, f.path+"-wal") != 0 {
		t.Error("its WAL has not been moved into it")
	}
	mustCommit(t, s, batch("sw1", 7, 1011, 10, noon))
	if f.used == 0 {
		t.Error("it rests")
	}
	wantStored(t, s, "sw1", 7, ranges(1, 1020))
	verified(t, s)
}
