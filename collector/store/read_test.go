package store

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

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
		if err := s.Summaries(ctx, query.SummaryFilter{Step: query.ByMonth, Kind: "total"}, func(x *query.Summary) error {
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
		if err := s.Calls(ctx, query.CallFilter{}, func(c *query.CallRow) error {
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
			done := cursorOf(t, s, b.Node, 7, record.Calls)
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
				if done.Has(b.First + uint64(j)) {
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
		for _, step := range []query.Step{query.ByHour, query.ByDay, query.ByMonth} {
			got := make(map[key]*[4]int64)
			if err := s.Summaries(ctx, query.SummaryFilter{Step: step}, func(x *query.Summary) error {
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
			if err := s.Verify(ctx, noon.Add(-time.Hour), noon.Add(time.Hour), func(d *query.Difference) error {
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
		want := func(f query.CallFilter, match func(c *record.Call, node string) bool) {
			t.Helper()
			exp, got := make(map[query.Key]int), make(map[query.Key]int)
			for _, b := range []*record.Received{b1, b2} {
				for i, x := range b.Records {
					if match(x.Call, b.Node) {
						exp[query.Key{Node: b.Node, Epoch: 7, Seq: uint64(i + 1)}]++
					}
				}
			}
			if err := s.Calls(ctx, f, func(c *query.CallRow) error { got[c.Key]++; return nil }); err != nil {
				t.Fatal(err)
			}
			if len(exp) == 0 || !maps.Equal(exp, got) {
				t.Errorf("%+v: %d rows, want %d", f, len(got), len(exp))
			}
		}
		yes, no := true, false
		c0 := b1.Records[0].Call
		want(query.CallFilter{Customer: "customer-3"}, func(c *record.Call, _ string) bool { return c.Customer == "customer-3" })
		want(query.CallFilter{Carrier: "carrier-1", Answered: &no}, func(c *record.Call, _ string) bool { return c.Carrier == "carrier-1" && !c.Answered })
		want(query.CallFilter{Node: "sw2", Answered: &yes}, func(c *record.Call, n string) bool { return n == "sw2" && c.Answered })
		want(query.CallFilter{Number: c0.Called}, func(c *record.Call, _ string) bool { return c.Called == c0.Called })
		want(query.CallFilter{CallID: c0.CallId, Kind: "call"}, func(c *record.Call, _ string) bool { return c.CallId == c0.CallId })
		mid := c0.CountedUnixMs + 700
		want(query.CallFilter{FromUnixMs: mid}, func(c *record.Call, _ string) bool { return c.CountedUnixMs >= mid })
		want(query.CallFilter{ToUnixMs: mid}, func(c *record.Call, _ string) bool { return c.CountedUnixMs < mid })

		seen := make(map[query.Key]int)
		var after *query.Position
		for { // pages of 17
			n := 0
			if err := s.Calls(ctx, query.CallFilter{After: after, Limit: 17}, func(c *query.CallRow) error {
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
		if err := s.Calls(ctx, query.CallFilter{}, func(*query.CallRow) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestWholeRecord(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 20, noon)
		mustCommit(t, s, b)
		attempts := 0
		if err := s.Calls(ctx, query.CallFilter{}, func(row *query.CallRow) error {
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
		if err := s.Attempts(ctx, query.CallFilter{}, func(a *query.AttemptRow) error {
			attempts--
			call := b.Records[a.Seq-1].Call
			want := call.Attempts[a.N]
			if a.Customer != call.Customer || call.Customer == "" || a.Carrier != want.Carrier || a.Status != want.SipStatus || a.Outcome != want.Outcome || a.DurationMs != want.DurationMs || (a.PddMs == nil) != (want.PddMs == nil) {
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
