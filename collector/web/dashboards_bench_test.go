package web

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// manyDashboards are open at the same time.
const manyDashboards = 200

// readers is the environment of a process that has dashboards open: address and cookie.
const readers = "SIPWARD_TEST_READERS"

// TestReaders is that process: what reading costs is not the collector's.
func TestReaders(t *testing.T) {
	at, cookie, ok := strings.Cut(os.Getenv(readers), " ")
	if !ok {
		t.Skip("it is part of BenchmarkDashboards")
	}
	var all sync.WaitGroup
	for range manyDashboards {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			fmt.Fprintf(c, "GET %s/live HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n", apiPrefix, at, cookie)
			in := bufio.NewReaderSize(c, 32<<10)
			for {
				if _, err := in.Discard(1); err != nil {
					return
				}
				_, _ = in.Discard(in.Buffered())
			}
		})
	}
	all.Wait() // until the server ends, or this process does
}

// cpuTime of this process.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDashboards has 200 dashboards open over real connections, which another process
// reads, while nodes with 200 customers and 50 carriers say something new each second. It
// reports what a second of it costs in processor time; half a core is 500 ms.
func BenchmarkDashboards(b *testing.B) {
	for _, nodes := range []int{2, 50} {
		b.Run(fmt.Sprintf("%d nodes", nodes), func(b *testing.B) {
			d := newDesk(b, func(c *Config) { c.Live = func() []Now { return manyNodes(noon, nodes) } })
			boss := d.operator()
			d.run(b)
			reader := exec.Command(os.Args[0], "-test.run=^TestReaders$", "-test.timeout=10m")
			reader.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s=%s", readers, d.Addr(), d.cookie, boss.cookie))
			if err := reader.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() {
				_ = reader.Process.Kill()
				_ = reader.Wait()
			}()
			for d.Stats().Streams < manyDashboards {
				time.Sleep(10 * time.Millisecond)
			}
			before, begun := cpuTime(b), time.Now()
			for b.Loop() {
				time.Sleep(time.Second)
			}
			took := time.Since(begun)
			b.ReportMetric(float64(cpuTime(b)-before)/float64(time.Millisecond)/took.Seconds(), "cpu-ms/s")
			b.ReportMetric(float64(d.Stats().Skipped), "skipped")
			b.ReportMetric(float64(len(d.hub.encode(b.Context(), allLive(manyNodes(noon, nodes), noon), ""))), "bytes/frame")
		})
	}
}
