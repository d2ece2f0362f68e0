package spool

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// tester runs a spool in a folder, and can end it in several ways.
type tester struct {
	t   testing.TB
	cfg Config
	*Spool
	stop func()
}

func start(t testing.TB, cfg Config) *tester {
	t.Helper()
	return starting(t, cfg, func(*Spool) {})
}

func starting(t testing.TB, cfg Config, set func(*Spool)) *tester {
	t.Helper()
	r := &tester{t: t, cfg: cfg, Spool: New(cfg)}
	set(r.Spool)
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Run(ctx) }()
	<-r.Ready()
	stopped := false
	r.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// again ends the spool and starts another one in its folder.
func (r *tester) again() *tester {
	r.t.Helper()
	r.stop()
	return start(r.t, r.cfg)
}

func payload(st record.Stream, n int) []byte { return fmt.Appendf(nil, "%s record %d", st, n) }

func (r *tester) append(st record.Stream, data []byte) uint64 {
	r.t.Helper()
	seq, err := r.Append(context.Background(), st, data)
	if err != nil {
		r.t.Fatal(err)
	}
	return seq
}

// all reads everything of an epoch and stream.
func (r *tester) all(epoch uint64, st record.Stream) map[uint64]string {
	r.t.Helper()
	out := map[uint64]string{}
	for from := uint64(1); ; {
		first, records, err := r.Read(epoch, st, from, 100, 64<<10, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if first == 0 {
			return out
		}
		if first < from || len(records) == 0 {
			r.t.Fatalf("Read from %d returned %d records from %d on", from, len(records), first)
		}
		for i, b := range records {
			out[first+uint64(i)] = string(b)
		}
		from = first + uint64(len(records))
	}
}

// balanced checks the one rule.
func (r *tester) balanced() Stats {
	r.t.Helper()
	s := r.Stats()
	for _, st := range record.Streams {
		a := s.Of(st)
		if a.Accepted != a.Acked+a.Spooled+a.Declared {
			r.t.Errorf("%s: accepted %d is not acked %d + spooled %d + declared %d", st, a.Accepted, a.Acked, a.Spooled, a.Declared)
		}
	}
	return s
}

func (r *tester) files(suffix string) []string {
	r.t.Helper()
	m, err := filepath.Glob(filepath.Join(r.cfg.Dir, "*."+suffix))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// eventually waits for something that another goroutine does within a second or
// two.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

func TestAppendReadRestart(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	want := map[record.Stream]map[uint64]string{record.Calls: {}, record.Telemetry: {}}
	put := func(n int) {
		for i := range n {
			for _, st := range record.Streams {
				b := payload(st, i)
				want[st][r.append(st, b)] = string(b)
			}
		}
	}
	put(50)
	epoch := r.Epoch()
	check := func() {
		t.Helper()
		for _, st := range record.Streams {
			got := r.all(epoch, st)
			if len(got) != len(want[st]) {
				t.Fatalf("%s: %d records, want %d", st, len(got), len(want[st]))
			}
			for seq, b := range want[st] {
				if got[seq] != b {
					t.Fatalf("%s %d is %q, want %q", st, seq, got[seq], b)
				}
			}
		}
		r.balanced()
	}
	check()
	r = r.again()
	check()
	if r.Epoch() == epoch || r.Epoch() == 0 {
		t.Errorf("epoch %x follows %x", r.Epoch(), epoch)
	}
	if seq := r.append(record.Calls, []byte("new")); seq != 1 {
		t.Errorf("the first record of an epoch has number %d", seq)
	}
	r.Release(epoch, record.Calls, record.Ranges{{First: 1, Last: 50}})
	r.Release(epoch, record.Telemetry, record.Ranges{{First: 1, Last: 49}})
	s := r.balanced()
	if s.Calls.Acked != 50 || s.Calls.Spooled != 1 || s.Telemetry.Acked != 49 || s.Telemetry.Spooled != 1 {
		t.Errorf("after the release: %+v", s)
	}
	eventually(t, "the acked segment is unlinked", func() bool { return len(r.files("seg")) == 2 })
	held := r.Held()
	if len(held) != 4 || held[1].Gone.Len()+held[0].Gone.Len() != 50 {
		t.Errorf("held: %+v", held)
	}
	if _, err := os.Stat(filepath.Join(r.cfg.Dir, openName)); err != nil {
		t.Error(err)
	}
}
