package spool

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// benchDir is on a disk, which a temporary folder need not be.
func benchDir(b *testing.B) string {
	b.Helper()
	root := os.Getenv("SIPWARD_SPOOL_DISK")
	if root == "" {
		root = "/var/tmp"
	}
	dir, err := os.MkdirTemp(root, "spool")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// BenchmarkAppend: producers that each wait for their record to be durable.
func BenchmarkAppend(b *testing.B) {
	for _, producers := range []int{1, 16, 128, 512} {
		b.Run(fmt.Sprintf("%d", producers), func(b *testing.B) {
			r := start(b, Config{Dir: benchDir(b), Budget: 64 << 30})
			data := make([]byte, 300)
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var all sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range producers {
				all.Go(func() {
					for {
						i := next.Add(1) - 1
						if i >= int64(b.N) {
							return
						}
						from := time.Now()
						if _, err := r.Append(context.Background(), record.Calls, data); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(from)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			slices.Sort(took)
			s := r.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(s.Calls.Last)/float64(s.Commits), "records/commit")
			r.stop()
		})
	}
}
