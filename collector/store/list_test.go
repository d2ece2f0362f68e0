package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func calls(t *testing.T, s Reader, f query.CallFilter) (out []query.CallRow) {
	t.Helper()
	if err := s.Calls(ctx, f, func(c *query.CallRow) error { out = append(out, *c); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func attempts(t *testing.T, s Reader, f query.CallFilter) (out []query.AttemptRow) {
	t.Helper()
	if err := s.Attempts(ctx, f, func(a *query.AttemptRow) error { out = append(out, *a); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// positions are what tells rows apart.
func positions[R any](rows []R, of func(*R) query.Position) (out []query.Position) {
	for i := range rows {
		out = append(out, of(&rows[i]))
	}
	return out
}

// TestNewestFirst: pages from the newest on are the list backwards, over the end of a month
// and with many calls at one moment.
func TestNewestFirst(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b1, b2 := batch("sw1", 7, 1, 60, time.Date(2026, 11, 30, 23, 59, 59, 600e6, time.UTC)), batch("sw2", 1<<63|7, 1, 30, noon)
		for _, x := range b2.Records {
			x.Call.CountedUnixMs = b1.Records[40].Call.CountedUnixMs
		}
		mustCommit(t, s, b1, b2)
		for _, limit := range []int{1, 7, 1000} {
			for _, newest := range []bool{false, true} {
				want := positions(calls(t, s, query.CallFilter{}), (*query.CallRow).Position)
				wantAttempts := positions(attempts(t, s, query.CallFilter{}), (*query.AttemptRow).Position)
				if newest {
					slices.Reverse(want)
					slices.Reverse(wantAttempts)
				}
				got := pages(limit, func(after *query.Position) []query.Position {
					return positions(calls(t, s, query.CallFilter{After: after, Limit: limit, Newest: newest}), (*query.CallRow).Position)
				})
				if len(want) != 90 || !slices.Equal(want, got) {
					t.Errorf("%d calls on pages of %d, newest first: %v, of %d", len(got), limit, newest, len(want))
				}
				got = pages(limit, func(after *query.Position) []query.Position {
					return positions(attempts(t, s, query.CallFilter{After: after, Limit: limit, Newest: newest}), (*query.AttemptRow).Position)
				})
				if len(want) < 90 || !slices.Equal(wantAttempts, got) {
					t.Errorf("%d attempts on pages of %d, newest first: %v, of %d", len(got), limit, newest, len(wantAttempts))
				}
			}
		}
	})
}

func pages(limit int, page func(after *query.Position) []query.Position) (all []query.Position) {
	var after *query.Position
	for {
		list := page(after)
		all = append(all, list...)
		if len(list) < limit {
			return all
		}
		after = &list[len(list)-1]
	}
}

func TestMoreCallFilters(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 200, time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC))
		mustCommit(t, s, b, batch("sw2", 7, 1, 10, noon))
		c0 := b.Records[0].Call
		key := query.Key{Node: "sw1", Epoch: 7, Seq: 1}
		tests := map[string]struct {
			f     query.CallFilter
			match func(c *record.Call) bool
		}{
			"called":   {query.CallFilter{Prefix: c0.Called[:9]}, func(c *record.Call) bool { return strings.HasPrefix(c.Called, c0.Called[:9]) }},
			"caller":   {query.CallFilter{Prefix: c0.Caller[:6]}, func(c *record.Call) bool { return strings.HasPrefix(c.Caller, c0.Caller[:6]) }},
			"status":   {query.CallFilter{Status: 486}, func(c *record.Call) bool { return c.SipStatus == 486 }},
			"release":  {query.CallFilter{Release: "bye_caller"}, func(c *record.Call) bool { return c.Release == "bye_caller" }},
			"duration": {query.CallFilter{MinDurationMs: 300_000}, func(c *record.Call) bool { return c.DurationMs >= 300_000 }},
			"one":      {query.CallFilter{Only: &key, FromUnixMs: c0.CountedUnixMs, ToUnixMs: c0.CountedUnixMs + 1}, func(c *record.Call) bool { return c.CallId == c0.CallId }},
		}
		for name, tt := range tests {
			tt.f.Node = "sw1"
			want := 0
			for _, x := range b.Records {
				if tt.match(x.Call) {
					want++
				}
			}
			got := calls(t, s, tt.f)
			for i := range got {
				if !tt.match(b.Records[got[i].Seq-1].Call) {
					t.Errorf("%s: %+v", name, got[i])
				}
			}
			if len(got) != want || want == 0 || want == 200 {
				t.Errorf("%s: %d calls, want %d", name, len(got), want)
			}
			for _, most := range []int{1, want, want + 1, 10_000} {
				n, err := s.CountCalls(ctx, tt.f, most)
				if err != nil || n != min(want, most) {
					t.Errorf("%s: counted %d of %d up to %d: %v", name, n, want, most, err)
				}
			}
		}
		if got := attempts(t, s, query.CallFilter{Only: &key}); len(got) != len(c0.Attempts) {
			t.Errorf("%d attempts of one call, want %d", len(got), len(c0.Attempts))
		}
		if n, err := s.CountAttempts(ctx, query.CallFilter{}, 1e6); err != nil || n != len(attempts(t, s, query.CallFilter{})) || n < 210 {
			t.Errorf("%d attempts: %v", n, err)
		}
	})
}

// TestCellsAreTheirRecords: the records that a click on a summary lists add up to it.
func TestCellsAreTheirRecords(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		r := rand.New(rand.NewPCG(1, 9))
		for i := range uint64(30) {
			b := batch([]string{"sw1", "sw2"}[i%2], 7, i*20+1, 20, noon.Add(time.Duration(r.IntN(24*40))*time.Hour))
			for _, x := range b.Records {
				if r.IntN(10) == 0 {
					x.Call.Kind = "carrier_leg"
				}
			}
			mustCommit(t, s, b)
		}
		n := 0
		for _, f := range []query.SummaryFilter{{}, {Step: query.ByDay}, {Step: query.ByDay, AllNodes: true}, {Step: query.ByMonth, AllNodes: true}} {
			if err := s.Summaries(ctx, f, func(x *query.Summary) error {
				n++
				var count, connected, ms int64
				cell, ofAttempts := x.Cell(f.Step)
				if ofAttempts {
					for _, a := range attempts(t, s, cell) {
						count, ms = count+1, ms+a.DurationMs
						connected += one(a.Answered && a.Outcome)
					}
				} else {
					for _, c := range calls(t, s, cell) {
						count, ms = count+1, ms+c.DurationMs
						connected += one(c.Answered)
					}
				}
				if count != x.Calls || connected != x.Connected || ms != x.AnsweredMs {
					t.Errorf("%s %+v: its records are %d, %d, %d ms", f.Step, *x, count, connected, ms)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if n < 500 {
			t.Errorf("only %d cells", n)
		}
	})
}

func TestMoreRegistrations(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		at := time.Date(2026, 11, 30, 23, 59, 59, 990e6, time.UTC).UnixMilli()
		var records []*record.Record
		for i := range 30 {
			records = append(records, &record.Record{Registration: &record.Registration{AtUnixMs: at + int64(i/2), Verdict: []string{"refused", "stray"}[i%2], Reason: []string{"outside_block", "in_use", "banned"}[i%3],
				Customer: "a", Number: fmt.Sprint(1000 + i*7), Src: fmt.Sprintf("192.0.2.%d:5060", i%4)}})
		}
		mustCommit(t, s, telemetry(7, 1, records...))
		list := func(f query.RegistrationFilter) (out []query.Position) {
			t.Helper()
			if err := s.Registrations(ctx, f, func(r *query.RegistrationRow) error { out = append(out, r.Position()); return nil }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := list(query.RegistrationFilter{})
		slices.Reverse(want)
		got := pages(4, func(after *query.Position) []query.Position {
			return list(query.RegistrationFilter{After: after, Limit: 4, Newest: true})
		})
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 30 {
			t.Error(diff)
		}
		for want, f := range map[int]query.RegistrationFilter{15: {Verdict: "stray"}, 10: {Reason: "banned"}, 2: {Prefix: "109"}, 8: {Source: "192.0.2.1"}, 7: {Source: "192.0.2.2:5060"}, 0: {Source: "192.0.2"}} {
			if got := len(list(f)); got != want {
				t.Errorf("%+v: %d, want %d", f, got, want)
			}
			if got, err := s.CountRegistrations(ctx, f, 10); err != nil || got != min(want, 10) {
				t.Errorf("%+v: counted %d of %d: %v", f, got, want, err)
			}
		}
	})
}

func TestCompleteness(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		begin := time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)
		c.t = begin.Add(time.Minute)
		mark := func(h time.Time, seq uint64) *record.Received {
			return &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: seq, Records: []*record.Record{{HourMark: &record.HourMark{HourUnixS: h.Unix(), ObservedMs: 3_600_000}}}}
		}
		for i := range 3 { // 22, 23 and 0 are closed; of 1 the mark is missing; 2 is open
			mustCommit(t, s, mark(begin.Add(time.Duration(i)*time.Hour), uint64(i+1)))
		}
		c.t = time.Date(2026, 12, 1, 2, 30, 0, 0, time.UTC)
		mustCommit(t, s, &record.Received{Node: "sw2", Epoch: 1, Stream: record.Calls, First: 1, Records: batch("sw2", 1, 1, 1, c.t.Add(-2*time.Hour)).Records})
		get := func(f query.SummaryFilter) (out []query.Completeness) {
			t.Helper()
			if err := s.Completeness(ctx, f, func(x *query.Completeness) error { out = append(out, *x); return nil }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		day, month := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Unix()
		november := query.Completeness{TimeUnixS: month, Hours: 2, Complete: 2, ObservedMs: 7_200_000}
		december := query.Completeness{TimeUnixS: day, Hours: 5, Complete: 1, Late: 2, Open: 2, LateSinceUnixS: day + 3600, ObservedMs: 3_600_000} // sw2: one late with a call, one open
		from := query.SummaryFilter{FromUnixS: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), Step: query.ByMonth}
		got := get(from)
		if diff := cmp.Diff([]query.Completeness{november, december}, got); diff != "" {
			t.Error(diff)
		}
		var joined query.Completeness
		for _, x := range get(query.SummaryFilter{Step: query.ByHour}) {
			joined.Hours, joined.Complete, joined.Late, joined.Open = joined.Hours+x.Hours, joined.Complete+x.Complete, joined.Late+x.Late, joined.Open+x.Open
		}
		if joined.Hours != 7 || joined.Complete != 3 || joined.Late != 2 || joined.Open != 2 {
			t.Errorf("by hour: %+v", joined)
		}
		only := get(query.SummaryFilter{Step: query.ByDay, Node: "sw1", FromUnixS: day})
		if len(only) != 1 || only[0].State() != query.HourLate || only[0].Hours != 3 {
			t.Errorf("of one node: %+v", only)
		}
		if got := get(query.SummaryFilter{FromUnixS: day - 7200, ToUnixS: day, Node: "sw1"}); len(got) != 2 || got[0].State() != query.HourComplete {
			t.Errorf("yesterday: %+v", got)
		}
	})
}
