package spool

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

const measureEnv = "SIPWARD_SPOOL_MEASURE"

// TestLarge builds a spool of SIPWARD_SPOOL_GB gigabytes, and has a process of
// its own open it, write to it and read all of it: that takes less than 64 MB.
func TestLarge(t *testing.T) {
	gb, err := strconv.Atoi(os.Getenv("SIPWARD_SPOOL_GB"))
	if err != nil || gb <= 0 {
		t.Skip("SIPWARD_SPOOL_GB is not set")
	}
	cfg := Config{Dir: diskDir(t), Budget: 100 << 30, Queue: 1 << 20}
	r := starting(t, cfg, func(s *Spool) { s.noSync = true })
	data := make([]byte, 1000)
	for r.Stats().Bytes < int64(gb)<<30 {
		for i := range 8 * batchRecords {
			for !r.Add(record.Streams[i%8/7], data) {
				runtime.Gosched()
			}
		}
	}
	r.stop()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), measureEnv+"="+cfg.Dir, "GOMEMLIMIT=off")
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var peak, anon int
		if n, _ := fmt.Sscanf(line, "kB at the end: %d, %d anonymous", &peak, &anon); n == 2 && peak > 64<<10 {
			t.Errorf("%d kB of memory", peak)
		}
	}
}

// measure reads a whole spool and says what it took.
func measure(dir string) {
	s := New(Config{Dir: dir, Budget: 100 << 30})
	if err := s.Open(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("kB after Open: %d, %d anonymous\n", status("VmRSS"), status("RssAnon"))
	peak, anon, n := 0, 0, uint64(0)
	var buf [][]byte
	for _, h := range s.Held() {
		for from := uint64(1); ; {
			first, records, err := s.Read(h.Epoch, h.Stream, from, 500, 64<<10, buf)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			if first == 0 {
				break
			}
			n += uint64(len(records))
			from, buf = first+uint64(len(records)), records
			peak, anon = max(peak, status("VmRSS")), max(anon, status("RssAnon"))
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%d segments, %d bytes, %d records read; heap in use %d bytes, from the system %d\n",
		s.Stats().Segments, s.Stats().Bytes, n, m.HeapInuse, m.Sys)
	fmt.Printf("kB at the end: %d, %d anonymous\n", peak, anon)
}

// status reads a line of /proc/self/status, in kB.
func status(name string) int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if rest, ok := strings.CutPrefix(in.Text(), name+":"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return n
		}
	}
	return 0
}
