package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
)

func hello(t *testing.T, s Store, h *record.Hello) {
	t.Helper()
	if err := s.Hello(ctx, "sw1", h); err != nil {
		t.Fatal(err)
	}
}

func TestNodes(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		hello(t, s, &record.Hello{Epoch: 1 << 63, Program: "v1\x00", SentUnixMs: noon.UnixMilli() + 3000, StartedUnixMs: 5})
		c.t = noon.Add(time.Hour)
		mustCommit(t, s, batch("sw1", 7, 1, 1, noon), batch("sw0", 7, 1, 1, noon))
		got, err := s.Nodes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		later := c.t.UnixMilli()
		want := []Node{
			{ID: "sw0", FirstSeenUnixMs: later, LastSeenUnixMs: later},
			{ID: "sw1", FirstSeenUnixMs: noon.UnixMilli(), LastSeenUnixMs: later, Program: "v1", Epoch: 1 << 63, StartedUnixMs: 5, SkewMs: 3000},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := s.Hello(ctx, "a/b", &record.Hello{}); !IsPoison(err) {
			t.Errorf("err = %v", err)
		}
	})
}

// TestTwoAgentsWithOneID: an agent never takes up an earlier epoch, so an epoch
// that comes back belongs to somebody else.
func TestTwoAgentsWithOneID(t *testing.T) {
	tests := []struct {
		epochs []uint64
		flaps  uint64
		two    bool
	}{
		{[]uint64{1, 1, 2, 2, 3}, 0, false}, // restarts
		{[]uint64{1, 2, 1}, 1, false},       // a hello that came late
		{[]uint64{1, 2, 1, 2}, 2, true},
		{[]uint64{1, 2, 3, 1, 3, 1}, 3, true},
		{[]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1}, 0, false}, // longer ago than is known
	}
	both(t, func(t *testing.T, s Store, c *clock) {
		for i, tt := range tests {
			node := fmt.Sprintf("n%d", i)
			for _, e := range tt.epochs {
				if err := s.Hello(ctx, node, &record.Hello{Epoch: e}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := s.Nodes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range got {
			if n.Flaps != tests[i].flaps || (n.DuplicateUnixMs == c.t.UnixMilli()) != tests[i].two {
				t.Errorf("%v: %+v", tests[i].epochs, n)
			}
		}
	})
}

func held(epoch uint64, st record.Stream, first, last uint64) *record.Held {
	return &record.Held{Epoch: epoch, Stream: uint32(st), First: first, Last: last}
}

func TestRolledBack(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 7, 1, 50, noon))
		h := &record.Hello{Epoch: 7, Held: []*record.Held{held(7, record.Calls, 80, 120)},
			Released: []*record.Held{held(7, record.Calls, 1, 100), held(6, record.Telemetry, 5, 9), held(0, 9, 1, 2), held(5, 1, 9, 8)}}
		hello(t, s, h) // it has not heard of this store: it may hold more than it says
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 50))
		h.StoreId = s.ID()
		hello(t, s, h)
		hello(t, s, h)
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 79))
		wantCursor(t, s, "sw1", 6, record.Telemetry, ranges(5, 9))
		wantStored(t, s, "sw1", 7, ranges(1, 50))
		now := c.t.UnixMilli()
		want := []Loss{
			{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 51, Last: 79, Count: 29, Reason: record.LossRolledBack, AtUnixMs: now, RecordedUnixMs: now},
			{Node: "sw1", Epoch: 6, Stream: record.Telemetry, First: 5, Last: 9, Count: 5, Reason: record.LossRolledBack, AtUnixMs: now, RecordedUnixMs: now},
		}
		if diff := cmp.Diff(want, losses(t, s)); diff != "" {
			t.Error(diff)
		}
		mustCommit(t, s, batch("sw1", 7, 80, 41, noon)) // what it held comes
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 120))
		if st := s.Stats(); st.RolledBack != 34 {
			t.Errorf("%+v", st)
		}
	})
}

func minute(s int64, kind, party string, over, ended, ms uint64) *record.Record {
	return &record.Record{Minute: &record.Minute{MinuteUnixS: s, Kind: kind, Party: party, ObservedMs: 60_000, Over: over, Ended: ended, AnsweredMs: ms}}
}

func telemetry(epoch, first uint64, records ...*record.Record) *record.Received {
	return &record.Received{Node: "sw1", Epoch: epoch, Stream: record.Telemetry, First: first, Records: records}
}

func TestMinutes(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		m := noon.Unix()
		mustCommit(t, s, telemetry(7, 1, minute(m, "total", "", 1, 0, 0), minute(m+60, "total", "", 2, 0, 0), minute(m, "customer", "a\x00", 3, 0, 0)))
		mustCommit(t, s, telemetry(7, 4, minute(m, "total", "", 9, 0, 0))) // once more: the later counts
		mustCommit(t, s, telemetry(8, 1, minute(m, "total", "", 5, 0, 0))) // after a restart: another
		mustCommit(t, s, telemetry(7, 5, minute(m, "carrier", "x", 1, 0, 0), minute(m, "carrier", "x", 2, 0, 0)))
		get := func(f MinuteFilter) (out []string) {
			if err := s.Minutes(ctx, f, func(r *MinuteRow) error {
				out = append(out, fmt.Sprintf("%d %s %d %d/%d=%d", r.Minute.MinuteUnixS-m, r.Minute.Kind, r.Minute.ObservedMs, r.Epoch, r.Seq, r.Minute.Over))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := []string{"0 carrier 60000 7/6=2", "0 customer 60000 7/3=3", "0 total 60000 7/4=9", "0 total 60000 8/1=5", "60 total 60000 7/2=2"}
		if diff := cmp.Diff(want, get(MinuteFilter{})); diff != "" {
			t.Error(diff)
		}
		if got := get(MinuteFilter{Kind: "customer", Party: "a", Node: "sw1", FromUnixS: m, ToUnixS: m + 60}); len(got) != 1 {
			t.Errorf("filtered: %v", got)
		}
		wantCursor(t, s, "sw1", 7, record.Telemetry, ranges(1, 6))
	})
}

func TestRegistrations(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		reg := func(ms int64, customer string) *record.Record {
			return &record.Record{Registration: &record.Registration{AtUnixMs: ms, Verdict: "refused", Reason: "outside_block", Customer: customer, Number: "100\x001"}}
		}
		at := noon.UnixMilli()
		mustCommit(t, s, telemetry(7, 1, reg(at+2, "a"), reg(at+1, "b"), reg(at, "a")))
		var got []uint64
		if err := s.Registrations(ctx, RegistrationFilter{Customer: "a", Limit: 5}, func(r *RegistrationRow) error {
			got = append(got, r.Seq)
			if r.Registration.Verdict != "refused" {
				t.Errorf("%v", r.Registration)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []uint64{3, 1}) {
			t.Errorf("%v", got)
		}
	})
}

func mark(seq uint64, hour int64, held ...*record.Held) *record.Received {
	return &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: seq,
		Records: []*record.Record{{HourMark: &record.HourMark{HourUnixS: hour, ObservedMs: 3_599_000, Held: held}}}}
}

func TestHours(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		h := noon.Unix()
		c.t = noon.Add(4*time.Hour + time.Minute)
		state := func() (out []string) {
			if err := s.Hours(ctx, noon, noon.Add(24*time.Hour), func(x *Hour) error {
				late := ""
				if x.LateSinceUnixS != 0 {
					late = fmt.Sprintf(" since %d", (x.LateSinceUnixS-h)/3600)
				}
				out = append(out, fmt.Sprintf("%d %s %s%s %d %d", (x.HourUnixS-h)/3600, x.Node, x.State, late, x.ObservedMs, x.Calls))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := func(lines ...string) {
			t.Helper()
			if diff := cmp.Diff(lines, state()); diff != "" {
				t.Error(diff)
			}
		}
		want()
		// The node says its first word in hour 2, with calls and marks of the hours before.
		mustCommit(t, s, batch("sw1", 7, 1, 10, noon))
		mustCommit(t, s, mark(11, h), mark(13, h+3600), mark(15, h+7200, held(6, record.Calls, 4, 5), held(6, record.Telemetry, 1, 9)))
		want("0 sw1 complete 3599000 10", "1 sw1 late since 2 3599000 0", "2 sw1 late since 3 3599000 0", "4 sw1 open 0 0")
		mustCommit(t, s, batch("sw1", 7, 12, 1, noon), batch("sw1", 7, 14, 1, noon))
		want("0 sw1 complete 3599000 12", "1 sw1 complete 3599000 0", "2 sw1 late since 3 3599000 0", "4 sw1 open 0 0")
		mustCommit(t, s, batch("sw1", 6, 4, 1, noon), &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 16,
			Records: []*record.Record{{Loss: &record.Loss{Epoch: 6, Stream: 1, First: 5, Last: 5, Count: 1}}}})
		want("0 sw1 complete 3599000 13", "1 sw1 complete 3599000 0", "2 sw1 complete 3599000 0", "4 sw1 open 0 0")
		c.t = c.t.Add(time.Hour)
		if got := state(); got[len(got)-2] != "4 sw1 late since 5 0 0" {
			t.Errorf("%v", got)
		}
	})
}

func TestReconcile(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		c.t = noon.Add(48 * time.Hour)
		b := batch("sw1", 7, 1, 50, noon.Add(-2*time.Second)) // counted before noon and closed after it, some of them
		type cell struct{ over, ended, ms uint64 }
		sums := make(map[[2]string]*cell)
		add := func(kind, party string, answered bool, ms int64) {
			k := [2]string{kind, party}
			if sums[k] == nil {
				sums[k] = new(cell)
			}
			sums[k].over++
			if answered {
				sums[k].ended++
				sums[k].ms += uint64(ms)
			}
		}
		b.Records[3].Call.SeenMidcall = true
		for i, r := range b.Records {
			r.Call.ClosedUnixMs = noon.UnixMilli() + int64(i)
			if r.Call.SeenMidcall {
				continue
			}
			add("total", "", r.Call.Answered, r.Call.DurationMs)
			add("customer", r.Call.Customer, r.Call.Answered, r.Call.DurationMs)
			for _, a := range r.Call.Attempts {
				add("carrier", a.Carrier, a.AnsweredUnixMs != 0, a.DurationMs)
			}
		}
		mustCommit(t, s, b, mark(51, noon.Unix()))
		var minutes []*record.Record
		for k, x := range sums {
			minutes = append(minutes, minute(noon.Unix(), k[0], k[1], x.over, x.ended, x.ms))
		}
		for m := range 59 {
			minutes = append(minutes, minute(noon.Unix()+60+int64(m)*60, "total", "", 0, 0, 0))
		}
		first := minutes[0]
		late := minutes[len(minutes)-1]
		mustCommit(t, s, telemetry(7, 1, minutes[:len(minutes)-1]...))
		run := func(from time.Time) (equal int, other []Reconciled) {
			if err := s.Reconcile(ctx, from, from.Add(time.Hour), func(r *Reconciled) error {
				if r.Equal() {
					equal++
				} else {
					other = append(other, *r)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return equal, other
		}
		if equal, other := run(noon); equal != len(sums) || len(other) != 0 {
			t.Errorf("%d of %d are equal, %+v", equal, len(sums), other)
		}
		if equal, other := run(noon.Add(-time.Hour)); equal+len(other) != 0 {
			t.Errorf("the hour before: %d %+v", equal, other)
		}
		first.Minute.Over++
		n := uint64(len(minutes))
		mustCommit(t, s, telemetry(7, n+1, first))
		if _, other := run(noon); len(other) != 1 || other[0].Reason != "60 s have no minute counters" {
			t.Errorf("%+v", other)
		}
		mustCommit(t, s, telemetry(7, n, late))
		if _, other := run(noon); len(other) != 1 || other[0].Reason != "" || other[0].Minutes.Over != other[0].Records.Over+1 {
			t.Errorf("%+v", other)
		}
		mustCommit(t, s, &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 53,
			Records: []*record.Record{{Loss: &record.Loss{Stream: 2, Epoch: 7, First: 900, Last: 903, Count: 4, Reason: "shed", AtUnixMs: noon.UnixMilli()}}}})
		if _, other := run(noon); len(other) != 1 || other[0].Reason != "4 records of telemetry were lost (shed)" {
			t.Errorf("%+v", other)
		}
	})
}

// TestRetention drops months: rows go, sums and cursors stay, and what comes
// for a dropped month afterwards is neither lost nor counted twice.
func TestRetention(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			c := &clock{time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)}
			s := open(Options{Now: c.now})
			oct, dec := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)
			mustCommit(t, s, batch("sw1", 7, 1, 10, oct), batch("sw1", 7, 11, 10, dec), batch("sw1", 7, 21, 10, oct), telemetry(7, 1, minute(oct.Unix(), "total", "", 1, 1, 1)))
			sums := func() (out []Summary) {
				if err := s.Summaries(ctx, SummaryFilter{Step: ByMonth, AllNodes: true}, func(x *Summary) error { out = append(out, *x); return nil }); err != nil {
					t.Fatal(err)
				}
				return out
			}
			before := sums()
			drop := func(r Retention, want ...string) {
				t.Helper()
				got, err := s.Retain(ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("dropped %v, want %v", got, want)
				}
			}
			drop(Retention{})
			drop(Retention{Calls: 60 * 24 * time.Hour, Telemetry: 60 * 24 * time.Hour})
			drop(Retention{Calls: 40 * 24 * time.Hour}, "calls-2026-10")
			drop(Retention{Calls: 40 * 24 * time.Hour, Telemetry: 40 * 24 * time.Hour}, "telemetry-2026-10")
			check := func() {
				t.Helper()
				wantStored(t, s, "sw1", 7, ranges(11, 20))
				wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 30))
				wantCursor(t, s, "sw1", 7, record.Telemetry, ranges(1, 1))
				if diff := cmp.Diff(before, sums()); diff != "" {
					t.Error(diff)
				}
				verified(t, s)
			}
			check()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(Options{Now: c.now})
			check()
			mustCommit(t, s, batch("sw1", 7, 1, 10, oct), telemetry(7, 1, minute(oct.Unix(), "total", "", 1, 1, 1)))
			check()
			mustCommit(t, s, batch("sw1", 7, 31, 10, oct)) // late, and stored all the same
			wantStored(t, s, "sw1", 7, ranges(11, 20, 31, 40))
			after := sums()
			if i := slices.IndexFunc(after, func(x Summary) bool { return x.Kind == "total" }); after[i].Calls != 30 {
				t.Errorf("%+v", after[i])
			}
			verified(t, s)
			drop(Retention{Calls: 40 * 24 * time.Hour}, "calls-2026-10")
			if diff := cmp.Diff(after, sums()); diff != "" {
				t.Error(diff)
			}
			wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 40))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReadersWhileCommitting: whoever reads sees whole commits, is not waited
// for, and sums are right at any moment.
func TestReadersWhileCommitting(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		const per, rounds = 200, 20
		mustCommit(t, s, batch("sw1", 7, 1, per, noon))
		inside, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { // a reader that stays
			n := 0
			if err := s.Calls(ctx, CallFilter{}, func(*CallRow) error {
				if n++; n == 1 {
					close(inside)
					<-release
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if n != per {
				t.Errorf("%d rows, want the %d of the beginning", n, per)
			}
		})
		<-inside
		wg.Go(func() {
			for range 5 {
				verified(t, s)
			}
		})
		for i := range uint64(rounds) {
			mustCommit(t, s, batch("sw1", 7, per*(i+1)+1, per, noon.AddDate(0, int(i)/5, 0))) // new months too
		}
		close(release)
		wg.Wait()
		if n := len(stored(t, s)); n != per*(rounds+1) {
			t.Errorf("%d rows", n)
		}
	})
}

// TestCommitsAtOnce commits the same and overlapping ranges from many sides,
// with pools of their own where the store allows it.
func TestCommitsAtOnce(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			first := open(Options{})
			stores := []Store{first, first}
			if b.name == "postgres" {
				stores[1] = open(Options{})
				defer stores[1].Close()
			}
			defer first.Close()
			const pieces, per = 24, 50
			var wg sync.WaitGroup
			for worker := range 6 {
				wg.Go(func() {
					s := stores[worker%len(stores)]
					for i := range pieces {
						at := uint64((i*(2*worker+1)+worker)%pieces*per + 1) // each in an order of its own
						x, y := batch("sw1", 7, at, per+per/2, noon), batch("sw2", 7, at, per, noon)
						group := []*record.Received{x, y}
						if worker%2 == 1 {
							group = []*record.Received{y, x}
						}
						if err := s.Commit(ctx, group); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			wantStored(t, first, "sw1", 7, ranges(1, pieces*per+per/2))
			wantStored(t, first, "sw2", 7, ranges(1, pieces*per))
			wantCursor(t, first, "sw1", 7, record.Calls, ranges(1, pieces*per+per/2))
			verified(t, first)
			t.Logf("%+v", first.Stats())
		})
	}
}

func TestCancelled(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		done, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Commit(done, []*record.Received{batch("sw1", 7, 1, 5, noon)}); !errors.Is(err, context.Canceled) || IsPoison(err) {
			t.Errorf("err = %v", err)
		}
		mustCommit(t, s, batch("sw1", 7, 1, 5, noon))
		wantStored(t, s, "sw1", 7, ranges(1, 5))
	})
}

func TestSQLiteBackup(t *testing.T) {
	s, err := OpenSQLite(ctx, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := s.ID()
	mustCommit(t, s, batch("sw1", 7, 1, 50, noon), batch("sw1", 7, 51, 50, noon.AddDate(0, 1, 0)))
	path := filepath.Join(t.TempDir(), "copy ?#[1]")
	stop, running := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // in use all the while
		for i := uint64(101); ; i += 50 {
			mustCommit(t, s, batch("sw1", 7, i, 50, noon.AddDate(0, int(i/50%2), 0)))
			if i == 101 {
				close(running)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-running
	err = s.Backup(ctx, path)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, path); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("onto a backup: %v", err)
	}
	ids := []string{id}
	for round := range 2 {
		c, err := OpenSQLite(ctx, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID())
		done := cursorOf(t, c, "sw1", 7, record.Calls)
		rows := uint64(len(stored(t, c)))
		if rows < 150 || round == 0 && rows != done.Len() {
			t.Errorf("%d rows, cursor %v", rows, done)
		}
		verified(t, c)
		last := cursorOf(t, s, "sw1", 7, record.Calls).Contiguous()
		if err := c.Hello(ctx, "sw1", &record.Hello{StoreId: c.ID(), Epoch: 7, Released: []*record.Held{held(7, record.Calls, 1, last+10)}}); err != nil {
			t.Fatal(err)
		}
		wantCursor(t, c, "sw1", 7, record.Calls, ranges(1, last+10))
		var lost uint64
		for _, l := range losses(t, c) {
			lost += l.Count
		}
		if lost+rows != last+10 {
			t.Errorf("%d stored and %d lost of %d", rows, lost, last+10)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if ids[0] == ids[1] || ids[1] != ids[2] || len(ids[0]) != 32 {
		t.Errorf("ids %v: want a new one at the first opening of the copy, and the same at the second", ids)
	}
}
