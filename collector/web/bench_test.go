package web

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// fillMonth stores a month of a switch with many customers and carriers: a call of each
// customer an hour, and counters of each party every five minutes.
func (d *desk) fillMonth(days, customers, carriers int) {
	d.t.Helper()
	seq := uint64(1)
	begin := noon.AddDate(0, 0, -days)
	for day := range days {
		calls := &record.Received{Node: "sw-old", Epoch: 9, Stream: record.Calls, First: seq}
		tele := &record.Received{Node: "sw-old", Epoch: 9, Stream: record.Telemetry, First: seq}
		from := begin.AddDate(0, 0, day)
		for hour := range 24 {
			ms := from.Add(time.Duration(hour) * time.Hour).UnixMilli()
			for i := range customers {
				calls.Records = append(calls.Records, &record.Record{Call: &record.Call{Node: "sw-old", Kind: "call", CallId: fmt.Sprintf("%d-%d-%d", day, hour, i), FromTag: "t",
					Customer: fmt.Sprintf("customer-%d", i), Carrier: fmt.Sprintf("carrier-%d", i%carriers), Direction: "outbound", Caller: "1", Called: "2",
					InvitedUnixMs: ms - 60_000, AnsweredUnixMs: ms - 50_000, EndedUnixMs: ms, ClosedUnixMs: ms, CountedUnixMs: ms, DurationMs: 50_000,
					Answered: true, Outcome: true, Effective: true, SipStatus: 200, Release: "bye_caller", MediaClass: "two_way", MediaVisible: true,
					Attempts: []*record.Attempt{{Carrier: fmt.Sprintf("carrier-%d", i%carriers), AnsweredUnixMs: ms - 50_000, EndedUnixMs: ms, SipStatus: 200, Outcome: true, DurationMs: 50_000}}}})
			}
		}
		for five := range 288 {
			s := from.Unix()/300*300 + int64(five)*300
			add := func(kind, party string, i int) {
				n := uint64((five*7+i*13)%50 + 1)
				tele.Records = append(tele.Records, &record.Record{Minute: &record.Minute{MinuteUnixS: s, Kind: kind, Party: party, ObservedMs: 60_000, Channels: 100,
					Peak: n, PeakAnswered: n / 2, Outcomes: n, Answered: n / 2, Ended: n / 2, AnsweredMs: n * 60_000, MediaVisible: n / 2, CallsWithDigits: n / 4}})
			}
			add(query.KindTotal, "", 0)
			for i := range carriers {
				add(query.KindCarrier, fmt.Sprintf("carrier-%d", i), i)
			}
		}
		d.must(d.store.Commit(context.Background(), []*record.Received{calls, tele}))
		seq += 1 << 20
	}
}

// BenchmarkPages answers what pages ask for, over a month of 200 customers and 50
// carriers. The first asker waits for all of it, the next ones, cold, for what may have
// changed, and those within a few seconds, warm, for nothing.
func BenchmarkPages(b *testing.B) {
	d := newDesk(b, func(c *Config) { c.Live = func() []Now { return manyNodes(noon, 2) } })
	begun := time.Now()
	d.fillMonth(30, 200, 50)
	b.Logf("filled in %v", time.Since(begun))
	boss := d.operator()
	end := noon.Unix() / 3600 * 3600
	for _, x := range []struct{ name, path string }{
		{"a month of 5 minutes of 50 carriers", fmt.Sprintf("/series?figure=asr&by=carrier&step=300&from=%d&to=%d", end-30*86_400, end)},
		{"a month of 5 minutes of all", fmt.Sprintf("/series?figure=channels&by=total&step=300&from=%d&to=%d", end-30*86_400, end)},
		{"a day of all", fmt.Sprintf("/series?figure=asr&by=total&step=300&from=%d&to=%d", end-86_400, end)},
		{"an hour of minutes of all", fmt.Sprintf("/series?figure=asr&by=total&step=60&from=%d&to=%d", end-3600, end)},
		{"24 hours of all", "/summaries?tab=live&by=total&limit=1000"},
		{"24 hours of 200 customers", "/summaries?tab=live&by=customer&limit=1000"},
		{"days of all", "/summaries?tab=daily&by=total&limit=1000"},
		{"days of 200 customers", "/summaries?tab=daily&by=customer&limit=1000"},
		{"months of 50 carriers", "/summaries?tab=monthly&by=carrier&limit=1000"},
		{"the checklist", "/checklist"},
		{"who I am", "/me"},
		{"the parties", "/parties"},
	} {
		for _, age := range []struct {
			name string
			time time.Duration
		}{{"first", 6 * time.Minute}, {"cold", 7 * time.Second}, {"warm", 0}} {
			b.Run(x.name+", "+age.name, func(b *testing.B) {
				size := 0
				for b.Loop() {
					d.pass(age.time)
					w := boss.ask(http.MethodGet, x.path, nil)
					if w.Code != http.StatusOK {
						b.Fatal(w.Code, w.Body)
					}
					size = w.Body.Len()
				}
				b.ReportMetric(float64(size), "bytes")
			})
		}
	}
}

// manyNodes say each second what 200 customers and 50 carriers do on them.
func manyNodes(now time.Time, nodes int) []Now {
	out := make([]Now, nodes)
	for i := range out {
		id := fmt.Sprintf("sw-%d", i)
		l := &record.Live{Node: id, LiveSetup: 40, LiveAnswered: 400, CallsPerSecond: 30}
		for j := range 200 {
			l.Customers = append(l.Customers, record.LiveParty{ID: fmt.Sprintf("customer-%d", j), LiveSetup: uint64(j % 3), LiveAnswered: uint64(j % 7), Channels: 30})
		}
		for j := range 50 {
			l.Carriers = append(l.Carriers, record.LiveParty{ID: fmt.Sprintf("carrier-%d", j), LiveSetup: uint64(j % 3), LiveAnswered: uint64(j % 7), Channels: 100})
		}
		out[i] = Now{ID: id, Live: l, LiveAt: now, State: &record.State{Node: id, State: record.StateUp, Ready: true}}
	}
	return out
}
