package spool

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// diskDir is on a disk, which a temporary folder need not be.
func diskDir(b testing.TB) string {
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
			r := start(b, Config{Dir: diskDir(b), Budget: 64 << 30})
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

// BenchmarkRead: batches of a backlog, 300-byte records, from sealed segments. One
// operation is a record.
func BenchmarkRead(b *testing.B) {
	const records = 200_000
	r := start(b, Config{Dir: diskDir(b), Queue: records})
	data := make([]byte, 300)
	for range records {
		for !r.Add(record.Calls, data) {
			runtime.Gosched() // 16 MiB wait for the disk
		}
	}
	epoch := r.Epoch()
	r = r.again()
	var buf [][]byte
	b.ReportAllocs()
	b.ResetTimer()
	from := uint64(1)
	for n := 0; n < b.N; {
		first, records, err := r.Read(epoch, record.Calls, from, 500, 256<<10, buf)
		if err != nil {
			b.Fatal(err)
		}
		if first == 0 {
			from = 1
			continue
		}
		n += len(records)
		from, buf = first+uint64(len(records)), records
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkAdd: handing over without waiting.
func BenchmarkAdd(b *testing.B) {
	r := start(b, Config{Dir: diskDir(b), Queue: 1 << 20, Budget: 64 << 30})
	data := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		for !r.Add(record.Calls, data) {
			runtime.Gosched()
		}
	}
}
