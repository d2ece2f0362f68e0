package store

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// BenchmarkCommit stores calls with one or two attempts, 4000 to a commit, from
// four nodes. rows/s is call records, without their attempts.
func BenchmarkCommit(b *testing.B) {
	for _, be := range backends {
		b.Run(be.name, func(b *testing.B) {
			s := be.fresh(b)(Options{})
			const nodes, per = 4, 1000
			var batches []*record.Received
			for n := range nodes {
				batches = append(batches, batch(fmt.Sprintf("sw%d", n), 7, 1, per, noon))
			}
			rows, spent := 0, cpu(b)
			for b.Loop() {
				mustCommit(b, s, batches...)
				rows += nodes * per
				b.StopTimer()
				for _, x := range batches {
					x.First += per
					for _, r := range x.Records {
						r.Call.CountedUnixMs += per * 10
						r.Call.ClosedUnixMs += per * 10
					}
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((cpu(b)-spent).Microseconds())/float64(rows), "cpu-µs/row")
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// cpu is what this process has used of all processors: it tells what a row costs
// also where others use them at the same time. A server's share is not in it.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCommitKnown commits what is there already, as after lost acks.
func BenchmarkCommitKnown(b *testing.B) {
	for _, be := range backends {
		b.Run(be.name, func(b *testing.B) {
			s := be.fresh(b)(Options{})
			x := batch("sw1", 7, 1, 1000, noon)
			for b.Loop() {
				mustCommit(b, s, x)
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkCalls reads calls.
func BenchmarkCalls(b *testing.B) {
	for _, be := range backends {
		b.Run(be.name, func(b *testing.B) {
			s := be.fresh(b)(Options{})
			for i := range uint64(20) {
				mustCommit(b, s, batch("sw1", 7, i*1000+1, 1000, noon))
			}
			rows := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Calls(ctx, query.CallFilter{}, func(*query.CallRow) error { rows++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkQuietCustomer lists the newest calls of a customer who has one among 200,000 of
// others.
func BenchmarkQuietCustomer(b *testing.B) {
	for _, be := range backends {
		b.Run(be.name, func(b *testing.B) {
			s := be.fresh(b)(Options{})
			for i := range uint64(200) {
				x := batch("sw1", 7, i*1000+1, 1000, noon)
				if i == 0 {
					x.Records[0].Call.Customer = "quiet"
				}
				mustCommit(b, s, x)
			}
			n := 0
			for b.Loop() {
				if err := s.Calls(ctx, query.CallFilter{Customer: "quiet", Newest: true, Limit: 100}, func(*query.CallRow) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			if n != b.N {
				b.Errorf("%d calls in %d lists", n, b.N)
			}
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
