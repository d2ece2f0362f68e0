package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

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
		mustCommit(t, s, telemetry(7, 4, minute(m, "total", "", 9, 0, 0))) // the clock was set back: another part of it
		mustCommit(t, s, telemetry(8, 1, minute(m, "total", "", 5, 0, 0))) // after a restart: another
		mustCommit(t, s, telemetry(7, 5, minute(m, "carrier", "x", 1, 0, 0), minute(m, "carrier", "x", 2, 0, 0)))
		get := func(f query.MinuteFilter) (out []string) {
			if err := s.Minutes(ctx, f, func(r *query.MinuteRow) error {
				out = append(out, fmt.Sprintf("%d %s %d %d/%d=%d", r.Minute.MinuteUnixS-m, r.Minute.Kind, r.Minute.ObservedMs, r.Epoch, r.Seq, r.Minute.Over))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := []string{"0 carrier 60000 7/5=1", "0 carrier 60000 7/6=2", "0 customer 60000 7/3=3", "0 total 60000 7/1=1", "0 total 60000 7/4=9", "0 total 60000 8/1=5", "60 total 60000 7/2=2"}
		if diff := cmp.Diff(want, get(query.MinuteFilter{})); diff != "" {
			t.Error(diff)
		}
		if got := get(query.MinuteFilter{Kind: "customer", Party: "a", Node: "sw1", FromUnixS: m, ToUnixS: m + 60}); len(got) != 1 {
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
		if err := s.Registrations(ctx, query.RegistrationFilter{Customer: "a", Limit: 5}, func(r *query.RegistrationRow) error {
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
			if err := s.Hours(ctx, noon, noon.Add(24*time.Hour), func(x *query.Hour) error {
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
		c.t = c.t.Add(time.Hour - time.Second) // 59 s after the hour
		if got := state(); got[len(got)-2] != "4 sw1 open 0 0" {
			t.Errorf("%v", got)
		}
		c.t = c.t.Add(time.Second)
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
		run := func(from time.Time) (equal int, other []query.Reconciled) {
			if err := s.Reconcile(ctx, from, from.Add(time.Hour), func(r *query.Reconciled) error {
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
		n := uint64(len(minutes))
		part := minute(noon.Unix(), first.Minute.Kind, first.Minute.Party, 1, 0, 0) // one call too many
		part.Minute.ObservedMs = 0
		mustCommit(t, s, telemetry(7, n+1, part))
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
