package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

func TestLock(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	err := New(r.cfg).Open()
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), filepath.Join(r.cfg.Dir, "lock")) {
		t.Errorf("a second spool in the folder: %v", err)
	}
	if !locked(r.cfg.Dir) {
		t.Error("nobody seems to hold the lock")
	}
	r.stop()
	if locked(r.cfg.Dir) {
		t.Error("the lock outlives its spool")
	}
}

func TestFormat(t *testing.T) {
	tests := map[string]struct {
		format string
		want   error
	}{
		"this":    {"sipward-spool 1\n", nil},
		"newer":   {"sipward-spool 2\n", ErrFormat},
		"nothing": {"", nil},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "format"), []byte(x.format), 0o600); err != nil {
				t.Fatal(err)
			}
			s := New(Config{Dir: dir})
			if err := s.Open(); !errors.Is(err, x.want) {
				t.Errorf("%v, want %v", err, x.want)
			}
			if x.want == nil {
				_ = s.lock.Close()
			}
		})
	}
	dir := t.TempDir()
	_ = os.WriteFile(filepath.Join(dir, "format"), []byte("something else"), 0o600)
	if err := New(Config{Dir: dir}).Open(); err == nil {
		t.Error("a foreign folder was taken")
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no folder":      {},
		"small budget":   {Dir: "x", Budget: 1000},
		"large reserve":  {Dir: "x", Budget: 10 << 20, Reserve: 8 << 20},
		"negative floor": {Dir: "x", MinFree: -1},
	} {
		if err := New(c).Open(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestQueueFull: what finds the queue full is refused, counted, and told.
func TestQueueFull(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Queue: 10}
	s := New(cfg)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for range 25 { // nobody writes yet
		if s.Add(record.Telemetry, []byte("x")) {
			taken++
		}
	}
	if s.Add(record.Calls, make([]byte, record.MaxRecord+1)) {
		t.Error("a record above the limit was taken")
	}
	if s.Add(3, []byte("x")) {
		t.Error("a record of no stream was taken")
	}
	a := s.Stats()
	if taken != 10 || a.Telemetry.QueueFull != 15 || a.Telemetry.Queued != 10 || a.Calls.TooLarge != 1 {
		t.Errorf("%d taken: %+v", taken, a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error)
	go func() { over <- s.Run(ctx) }()
	eventually(t, "all is told", func() bool {
		a := s.Stats()
		return a.Telemetry.Undeclared+a.Calls.Undeclared == 0 && a.Telemetry.Spooled == 10
	})
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if s.Add(record.Calls, []byte("x")) {
		t.Error("a record was taken after the end")
	}
	if _, err := s.Append(context.Background(), record.Calls, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after the end: %v", err)
	}
	r := start(t, cfg)
	counts := map[string]uint64{}
	for _, b := range r.all(s.Epoch(), record.Calls) {
		l := lossIn([]byte(b))
		counts[l.GetReason()] += l.GetCount()
		if l.GetEpoch() != s.Epoch() || l.GetFirst() != 0 {
			t.Errorf("the Loss says %+v", l)
		}
	}
	if counts[record.LossQueueFull] != 15 || counts[record.LossTooLarge] != 1 {
		t.Errorf("Loss records: %v", counts)
	}
}

func TestAppendContext(t *testing.T) {
	s := New(Config{Dir: t.TempDir()})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.lock.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Append(ctx, record.Calls, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestClone: two agents on two copies of a folder draw two epochs, so that none
// of their records is taken for the other's.
func TestClone(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	r.append(record.Calls, []byte("before"))
	old := r.Epoch()
	r.stop()
	cfg := r.cfg
	cfg.Dir = copyFolder(t, r.cfg.Dir)
	a, b := start(t, r.cfg), start(t, cfg)
	if a.Epoch() == b.Epoch() || a.Epoch() == old || b.Epoch() == old {
		t.Fatalf("epochs %x and %x after %x", a.Epoch(), b.Epoch(), old)
	}
	a.append(record.Calls, []byte("of a"))
	b.append(record.Calls, []byte("of b"))
	for _, x := range []*tester{a, b} {
		if got := x.all(old, record.Calls); len(got) != 1 {
			t.Errorf("of the old epoch: %v", got)
		}
	}
}

// TestRolledBack: a folder that was put back to an older state has what it had
// then, and gives out no number twice.
func TestRolledBack(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	for i := range 10 {
		r.append(record.Calls, payload(record.Calls, i))
	}
	first := r.Epoch()
	r.stop()
	back := copyFolder(t, r.cfg.Dir)
	r = start(t, r.cfg)
	r.append(record.Calls, []byte("after the copy"))
	second := r.Epoch()
	r.Release(first, record.Calls, record.Ranges{{First: 1, Last: 10}})
	r.stop()
	cfg := r.cfg
	cfg.Dir = back
	r = start(t, cfg)
	if r.Epoch() == second || r.Epoch() == first {
		t.Error("an epoch came twice")
	}
	if got := r.all(first, record.Calls); len(got) != 10 {
		t.Errorf("%d records are back", len(got))
	}
	// The store has 12 of an epoch of which this folder has 10.
	r.Release(first, record.Calls, record.Ranges{{First: 1, Last: 12}})
	if s := r.balanced(); s.Calls.Spooled != 0 {
		t.Errorf("%+v", s.Calls)
	}
}

// TestEpochIsNew: an epoch that is on disk, and 0, are drawn again.
func TestEpochIsNew(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Rand: func() uint64 { return 7 }}
	r := start(t, cfg)
	r.append(record.Calls, []byte("x"))
	r.stop()
	draws := []uint64{7, 0, 7, 8}
	cfg.Rand = func() uint64 { n := draws[0]; draws = draws[1:]; return n }
	if got := start(t, cfg).Epoch(); got != 8 {
		t.Errorf("epoch %d", got)
	}
}

func TestKeepAcked(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), KeepAcked: time.Hour, SegmentBytes: 256 << 10})
	for i := range 600 {
		r.append(record.Calls, append(payload(record.Calls, i), make([]byte, 1000)...))
	}
	epoch := r.Epoch()
	files := len(r.files("seg"))
	r.Release(epoch, record.Calls, record.Ranges{{First: 1, Last: 600}})
	before := r.Stats().Checkpoints
	eventually(t, "three checkpoints", func() bool { return r.Stats().Checkpoints >= before+3 })
	s := r.balanced()
	if n := len(r.files("seg")); n != files || s.Kept == 0 || s.Calls.Spooled != 0 {
		t.Errorf("%d of %d files are left, kept %d", n, files, s.Kept)
	}
	h := r.Held()[0]
	if h.Kept.Len() != 600 || len(h.Unacked) != 0 || len(h.Gone) != 0 {
		t.Errorf("held: %+v", h)
	}
	r.Unrelease()
	if s := r.balanced(); s.Calls.Spooled != 600 || s.Calls.Acked != 0 {
		t.Errorf("after Unrelease: %+v", s.Calls)
	}
	if len(r.all(epoch, record.Calls)) != 600 {
		t.Error("not all is there to be sent again")
	}
}
