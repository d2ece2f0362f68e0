package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// BenchmarkSeries reads graphs from a month of minutes of two nodes, 50 carriers and 20
// customers, of which each has calls in most minutes.
func BenchmarkSeries(b *testing.B) {
	const nodes, carriers, customers, days = 2, 50, 20, 30
	for _, be := range backends {
		b.Run(be.name, func(b *testing.B) {
			from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			s := be.fresh(b)(Options{Now: func() time.Time { return from.AddDate(0, 0, days) }})
			defer s.Close()
			begun, rows := time.Now(), 0
			r := rand.New(rand.NewPCG(1, 2))
			for hour := range days * 24 {
				for node := range nodes {
					x := &record.Received{Node: fmt.Sprintf("sw%d", node), Epoch: 7, Stream: record.Telemetry, First: uint64(hour)*1_000_000 + 1}
					for m := range 60 {
						at := from.Unix() + int64(hour)*3600 + int64(m)*60
						add := func(kind, party string) {
							x.Records = append(x.Records, &record.Record{Minute: aMinute(r, at, kind, party)})
						}
						add(query.KindTotal, "")
						for i := range carriers {
							add(query.KindCarrier, fmt.Sprintf("carrier-%d", i))
						}
						for i := range customers {
							add(query.KindCustomer, fmt.Sprintf("customer-%d", i))
						}
					}
					mustCommit(b, s, x)
					rows += len(x.Records)
				}
			}
			b.Logf("%d minutes in %v", rows, time.Since(begun))
			f := query.SeriesFilter{FromUnixS: from.Unix(), ToUnixS: from.AddDate(0, 0, days).Unix(), StepS: 300, Kind: query.KindCarrier, Party: "carrier-7"}
			for name, f := range map[string]query.SeriesFilter{
				"a month of a carrier":  f,
				"a month of all calls":  {FromUnixS: f.FromUnixS, ToUnixS: f.ToUnixS, StepS: 300, Kind: query.KindTotal},
				"a day of minutes":      {FromUnixS: f.ToUnixS - 86_400, ToUnixS: f.ToUnixS, StepS: 60, Kind: f.Kind, Party: f.Party},
				"an hour of minutes":    {FromUnixS: f.ToUnixS - 3600, ToUnixS: f.ToUnixS, StepS: 60, Kind: f.Kind, Party: f.Party},
				"a month by the hour":   {FromUnixS: f.FromUnixS, ToUnixS: f.ToUnixS, StepS: 3600, Kind: f.Kind, Party: f.Party},
				"a month of who is not": {FromUnixS: f.FromUnixS, ToUnixS: f.ToUnixS, StepS: 300, Kind: f.Kind, Party: "nobody"},
			} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						series(b, s, f)
					}
				})
			}
		})
	}
}
