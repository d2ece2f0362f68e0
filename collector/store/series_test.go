package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func series(t testing.TB, s Reader, f query.SeriesFilter) *query.Series {
	t.Helper()
	out, err := s.Series(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// aMinute is a part of a minute with all figures from r.
func aMinute(r *rand.Rand, s int64, kind, party string) *record.Minute {
	n := func(most uint64) uint64 { return r.Uint64N(most) }
	return &record.Minute{MinuteUnixS: s, Kind: kind, Party: party, ObservedMs: uint32(30_000 + n(30_000)), Channels: uint32(n(3) * 10), LiveSetup: n(9), LiveAnswered: n(30),
		Peak: n(50), PeakAnswered: n(40), Started: n(9), Inbound: n(3), SeenMidcall: n(2), Outcomes: n(9), Answered: n(7), Effective: n(8), Over: n(9), Ended: n(7),
		AnsweredMs: n(1e6), PddCount: n(9), PddSumMs: n(1e5), MediaVisible: n(7), CallsWithDigits: n(3)}
}

// naive adds up minutes by the words of query.Point, one at a time.
func naive(minutes map[string][]*record.Minute, f query.SeriesFilter) []query.Point {
	out := make([]query.Point, (f.ToUnixS-f.FromUnixS)/f.StepS)
	for i := range out {
		from := f.FromUnixS + int64(i)*f.StepS
		p := &out[i]
		for chunk := from; chunk < from+f.StepS; chunk += min(f.StepS, 300) { // gauges are those of the last that was observed
			setup, answered, seen := int64(0), int64(0), false
			for at := chunk; at < chunk+min(f.StepS, 300); at += 60 {
				var peak, peakAnswered int64
				var minuteSetup, minuteAnswered int64
				inMinute := false
				for node, list := range minutes {
					if f.Node != "" && node != f.Node {
						continue
					}
					var most, mostAnswered int64
					for _, m := range list {
						if m.MinuteUnixS != at {
							continue
						}
						if m.Kind == query.KindTotal {
							p.ObservedMs += int64(m.ObservedMs)
						}
						if m.Kind != f.Kind || m.Party != f.Party {
							continue
						}
						inMinute = true
						most, mostAnswered = max(most, int64(m.Peak)), max(mostAnswered, int64(m.PeakAnswered))
						p.Channels = max(p.Channels, int64(m.Channels))
						for j, v := range []uint64{m.Started, m.Inbound, m.SeenMidcall, m.Outcomes, m.Answered, m.Effective, m.Over, m.Ended, m.AnsweredMs, m.PddCount, m.PddSumMs, m.MediaVisible, m.CallsWithDigits} {
							*p.Counts()[j] += int64(v)
						}
					}
					peak, peakAnswered = peak+most, peakAnswered+mostAnswered
				}
				p.Peak, p.PeakAnswered = max(p.Peak, peak), max(p.PeakAnswered, peakAnswered)
				if inMinute && f.StepS < 300 {
					minuteSetup, minuteAnswered = lastGauges(minutes, f, at, at+60)
					setup, answered, seen = minuteSetup, minuteAnswered, true
				}
				if inMinute && f.StepS >= 300 {
					setup, answered = lastGauges(minutes, f, chunk, chunk+300)
					seen = true
				}
			}
			if seen {
				p.LiveSetup, p.LiveAnswered = setup, answered
			}
		}
	}
	return out
}

// lastGauges adds up each node's gauges of its last minute in [from, to).
func lastGauges(minutes map[string][]*record.Minute, f query.SeriesFilter, from, to int64) (setup, answered int64) {
	for node, list := range minutes {
		if f.Node != "" && node != f.Node {
			continue
		}
		var last, s, a int64
		for _, m := range list {
			if m.Kind != f.Kind || m.Party != f.Party || m.MinuteUnixS < from || m.MinuteUnixS >= to || m.MinuteUnixS < last {
				continue
			}
			if m.MinuteUnixS > last {
				last, s, a = m.MinuteUnixS, 0, 0
			}
			s, a = max(s, int64(m.LiveSetup)), max(a, int64(m.LiveAnswered))
		}
		setup, answered = setup+s, answered+a
	}
	return setup, answered
}

// someMinutes commits minutes of two nodes, with restarts, gaps and parties that have no
// call, over the end of a month.
func someMinutes(t *testing.T, s Store, from time.Time, n int) map[string][]*record.Minute {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 9))
	out := make(map[string][]*record.Minute)
	for node := range 2 {
		id := fmt.Sprintf("sw%d", node+1)
		epoch, first := uint64(7), uint64(1)
		var records []*record.Record
		add := func(x *record.Minute) {
			out[id] = append(out[id], x)
			records = append(records, &record.Record{Minute: x})
		}
		for i := range n {
			at := from.Unix() + int64(i)*60
			if i%50 >= 40+3*node && i%50 < 48 {
				continue // nobody watched
			}
			add(aMinute(r, at, query.KindTotal, ""))
			if r.IntN(3) > 0 {
				add(aMinute(r, at, query.KindCarrier, "x"))
			}
			if r.IntN(5) == 0 {
				add(aMinute(r, at, query.KindCustomer, "a"))
			}
			if r.IntN(10) == 0 { // a restart
				mustCommit(t, s, &record.Received{Node: id, Epoch: epoch, Stream: record.Telemetry, First: first, Records: records})
				epoch, first, records = epoch+1, 1, nil
				add(aMinute(r, at, query.KindTotal, ""))
				add(aMinute(r, at, query.KindCarrier, "x"))
			}
		}
		mid := len(records) / 2 // the second half comes first
		for _, part := range [][2]int{{mid, len(records)}, {0, mid}} {
			b := &record.Received{Node: id, Epoch: epoch, Stream: record.Telemetry, First: first + uint64(part[0]), Records: records[part[0]:part[1]]}
			mustCommit(t, s, b)
			mustCommit(t, s, b)
		}
	}
	return out
}

var someSeries = []query.SeriesFilter{
	{StepS: 60, Kind: query.KindTotal}, {StepS: 60, Kind: query.KindCarrier, Party: "x", Node: "sw2"}, {StepS: 180, Kind: query.KindCustomer, Party: "a"},
	{StepS: 300, Kind: query.KindTotal}, {StepS: 300, Kind: query.KindCarrier, Party: "x"}, {StepS: 300, Kind: query.KindCustomer, Party: "a", Node: "sw1"},
	{StepS: 3600, Kind: query.KindCarrier, Party: "x"}, {StepS: 86_400, Kind: query.KindTotal, Node: "sw1"}, {StepS: 900, Kind: query.KindCustomer, Party: "nobody"},
}

func TestSeries(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		from := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
		c.t = from.AddDate(0, 1, 0) // nothing is waited for any more
		minutes := someMinutes(t, s, from, 500)
		for _, f := range someSeries {
			f.FromUnixS, f.ToUnixS = from.Unix()-600, from.Unix()+36_100
			got := series(t, s, f)
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(naive(minutes, f), got.Points); diff != "" {
				t.Errorf("%+v: %.2000s", f, diff)
			}
			gaps := 0
			for i := range got.Points {
				if got.Points[i].ObservedMs == 0 {
					gaps++
				}
			}
			if f.StepS <= 300 && (gaps == 0 || gaps == len(got.Points)) {
				t.Errorf("%+v: %d gaps in %d points", f, gaps, len(got.Points))
			}
		}
	})
}

func TestSeriesIsRefused(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		good := query.SeriesFilter{FromUnixS: noon.Unix(), ToUnixS: noon.Unix() + 3600, StepS: 300, Kind: query.KindTotal}
		for name, change := range map[string]func(f *query.SeriesFilter){
			"no step": func(f *query.SeriesFilter) { f.StepS = 0 }, "half minutes": func(f *query.SeriesFilter) { f.StepS = 30 },
			"no part of a day": func(f *query.SeriesFilter) { f.StepS = 2100 }, "between": func(f *query.SeriesFilter) { f.StepS = 240 },
			"two days": func(f *query.SeriesFilter) { f.StepS = 172_800 }, "backwards": func(f *query.SeriesFilter) { f.ToUnixS = f.FromUnixS },
			"a total of somebody": func(f *query.SeriesFilter) { f.Party = "a" }, "all customers": func(f *query.SeriesFilter) { f.Kind = query.KindCustomer },
			"no kind": func(f *query.SeriesFilter) { f.Kind = "" }, "too long": func(f *query.SeriesFilter) { f.ToUnixS += 300 * query.MaxPoints },
			"minutes of a month": func(f *query.SeriesFilter) { f.StepS, f.ToUnixS = 60, f.FromUnixS+30*86_400 }, "before time": func(f *query.SeriesFilter) { f.FromUnixS = -1 },
		} {
			f := good
			change(&f)
			if got, err := s.Series(ctx, f); err == nil {
				t.Errorf("%s: %d points", name, len(got.Points))
			}
		}
		if got := series(t, s, good); len(got.Points) != 12 || got.Pending != nil {
			t.Errorf("a store without anything: %+v", got)
		}
	})
}

// TestPending: minutes that a node has not delivered yet are told from those that nobody
// watched.
func TestPending(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		m := noon.Unix()
		hello := func(node string, epoch uint64, started time.Time) {
			t.Helper()
			if err := s.Hello(ctx, node, &record.Hello{Epoch: epoch, StartedUnixMs: started.UnixMilli(), SentUnixMs: c.t.UnixMilli()}); err != nil {
				t.Fatal(err)
			}
		}
		hello("sw1", 7, noon)
		for i := range int64(10) {
			mustCommit(t, s, telemetry(7, uint64(i+1), minute(m+60*i, query.KindTotal, "", 1, 0, 0)))
		}
		f := query.SeriesFilter{FromUnixS: m - 120, ToUnixS: m + 1200, StepS: 60, Kind: query.KindTotal}
		marks := func(f query.SeriesFilter) (out string) {
			t.Helper()
			for _, p := range series(t, s, f).Points {
				switch {
				case p.Pending && p.ObservedMs > 0:
					out += "+"
				case p.Pending:
					out += "?"
				case p.ObservedMs > 0:
					out += "x"
				default:
					out += "."
				}
			}
			return out
		}
		check := func(want string) {
			t.Helper()
			if got := marks(f); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		c.t = noon.Add(10 * time.Minute)
		check("..xxxxxxxxxx..........") // all that is over is here
		c.t = noon.Add(13*time.Minute + 30*time.Second)
		check("..xxxxxxxxxx???.......")
		hello("sw1", 8, noon.Add(12*time.Minute)) // it was down for two minutes
		check("..xxxxxxxxxx..?.......")
		hello("sw2", 1, noon.Add(time.Minute)) // has never delivered anything
		check("..x+++++++++???.......")
		b := telemetry(1, 1, minute(m+720, query.KindTotal, "", 1, 0, 0))
		b.Node = "sw2"
		mustCommit(t, s, b)
		check("..xxxxxxxxxx..+.......")
		f.Node = "sw2"
		check("..............x.......")
		f.Node, f.StepS = "", 300
		check(".xx+.") // from 11:55 on
		c.t = noon.AddDate(0, 0, 8)
		check(".xxx.")
	})
}

// TestFivesAreMadeOfOldMinutes opens a store that was written before there were any.
func TestFivesAreMadeOfOldMinutes(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			from := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
			s := open(Options{})
			minutes := someMinutes(t, s, from, 500)
			var err error
			switch s := s.(type) {
			case *SQLite:
				for _, m := range []time.Time{from, from.AddDate(0, 1, -5)} {
					f := s.files[place{telemetryKind, monthOf(m.UnixMilli())}]
					if _, err = f.write.ExecContext(ctx, `DROP TABLE fives; PRAGMA user_version=1`); err != nil {
						t.Fatal(err)
					}
				}
			case *Postgres:
				_, err = s.pool.Exec(ctx, `DROP TABLE fives; DELETE FROM schema_version WHERE version > 2; DROP INDEX calls_customer; DROP TABLE `+strings.Join(deskTables, ","))
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(Options{})
			f := query.SeriesFilter{FromUnixS: from.Unix(), ToUnixS: from.Unix() + 36_000, StepS: 300, Kind: query.KindCarrier, Party: "x"}
			got := series(t, s, f)
			for i := range got.Points {
				got.Points[i].Pending = false
			}
			if diff := cmp.Diff(naive(minutes, f), got.Points); diff != "" {
				t.Errorf("%.2000s", diff)
			}
			mustCommit(t, s, telemetry(99, 1, minute(from.Unix(), query.KindTotal, "", 1, 0, 0))) // and takes more
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
