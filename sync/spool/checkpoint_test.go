package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

func callRecord(t testing.TB, epoch, id uint64) []byte {
	t.Helper()
	b, err := record.Encode(&record.Record{Call: &record.Call{OpenedEpoch: epoch, LegId: id}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *tester) checkpointed() {
	r.t.Helper()
	n := r.Stats().Checkpoints
	eventually(r.t, "two checkpoints", func() bool { return r.Stats().Checkpoints >= n+2 })
}

func ids(saved []Saved) string {
	s := ""
	for _, x := range saved {
		s += fmt.Sprintf("%d=%s ", x.ID, x.State)
	}
	return s
}

func TestOpenCalls(t *testing.T) {
	t.Parallel() // it waits for checkpoints
	r := start(t, Config{Dir: t.TempDir()})
	if len(r.OpenCalls()) != 0 {
		t.Error("a new folder has open calls")
	}
	r.SaveOpen(1, []byte("one"))
	r.SaveOpen(2, []byte("two"))
	r.SaveOpen(3, []byte("three"))
	r.checkpointed()
	r.SaveOpen(2, []byte("two, later"))
	r.append(record.Calls, callRecord(t, r.Epoch(), 3))
	r.DropOpen(3)
	r.DropOpen(99)
	r = r.again()
	if got := ids(r.OpenCalls()); got != "1=one 2=two, later " {
		t.Errorf("open calls: %s", got)
	}
	if len(r.OpenCalls()) != 0 {
		t.Error("they are returned twice")
	}
	r = r.again() // they stay until they are dropped
	if got := ids(r.OpenCalls()); got != "1=one 2=two, later " {
		t.Errorf("open calls after another restart: %s", got)
	}
	r.DropOpen(1)
	r = r.again()
	if got := ids(r.OpenCalls()); got != "2=two, later " {
		t.Errorf("open calls after one was dropped: %s", got)
	}
}

// TestEndedAfterCheckpoint: the last checkpoint has calls whose records came
// after it. They are not open.
func TestEndedAfterCheckpoint(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	for id := range uint64(4) {
		r.SaveOpen(id+1, []byte("x"))
	}
	r.checkpointed()
	old, err := os.ReadFile(filepath.Join(r.cfg.Dir, openName))
	if err != nil {
		t.Fatal(err)
	}
	r.append(record.Calls, callRecord(t, r.Epoch(), 2))
	r.DropOpen(2)
	r.stop()
	// As if the process had died before another checkpoint.
	if err := os.WriteFile(filepath.Join(r.cfg.Dir, openName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(r.cfg)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	// It dies again before its first checkpoint, with one call more ended.
	if got := ids(s.OpenCalls()); got != "1=x 3=x 4=x " {
		t.Errorf("open calls: %s", got)
	}
	_ = s.lock.Close()
	r = start(t, r.cfg)
	if got := ids(r.OpenCalls()); got != "1=x 3=x 4=x " {
		t.Errorf("open calls of the third run: %s", got)
	}
}

// killed opens a copy of the folder as a kill would leave it at this moment.
func (r *tester) killed() *Spool {
	r.t.Helper()
	s := New(Config{Dir: copyFolder(r.t, r.cfg.Dir)})
	if err := s.Open(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = s.lock.Close() })
	return s
}

// TestAddCall: whoever hands over the record of a call may be held up for as
// long as it takes to write checkpoints. The next run does not know the call again.
func TestAddCall(t *testing.T) {
	t.Parallel() // it waits for checkpoints
	r := start(t, Config{Dir: t.TempDir()})
	r.SaveOpen(1, []byte("x"))
	r.SaveOpen(2, []byte("x"))
	r.checkpointed()
	if !r.AddCall(2, callRecord(t, r.Epoch(), 2)) {
		t.Fatal("refused")
	}
	r.checkpointed()
	r.checkpointed()
	s := r.killed()
	if got := ids(s.OpenCalls()); got != "1=x " {
		t.Errorf("open calls: %s", got)
	}
}

// TestLastMark: an hour was closed, and the checkpoint that says so was not written.
func TestLastMark(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	r.SaveOpen(0, []byte("no call"))
	r.checkpointed()
	old, err := os.ReadFile(filepath.Join(r.cfg.Dir, openName))
	if err != nil {
		t.Fatal(err)
	}
	for _, hour := range []int64{7200, 10800} {
		b, err := record.Encode(&record.Record{HourMark: &record.HourMark{HourUnixS: hour}})
		if err != nil {
			t.Fatal(err)
		}
		r.append(record.Calls, b)
	}
	r.stop()
	if err := os.WriteFile(filepath.Join(r.cfg.Dir, openName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	r = start(t, r.cfg)
	if got := r.LastMark(); got != 10800 {
		t.Errorf("the last closed hour is %d", got)
	}
	if got := ids(r.OpenCalls()); got != "0=no call " { // a record without a number of a call drops none
		t.Errorf("open calls: %s", got)
	}
	if r = r.again(); r.LastMark() != 0 {
		t.Errorf("the last closed hour is still %d: the checkpoint knows it", r.LastMark())
	}
}

// TestSegmentOutlivesCheckpoint: a segment whose records the last checkpoint
// does not know of is not unlinked, though all is acked.
func TestSegmentOutlivesCheckpoint(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	r.append(record.Calls, callRecord(t, r.Epoch(), 1))
	epoch := r.Epoch()
	r.stop()
	s := New(r.cfg)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.lock.Close()
	s.position = position{} // as if the first one had found no room
	s.Release(epoch, record.Calls, record.Ranges{{First: 1, Last: 1}})
	s.reap(time.Now())
	if n := len(r.files("seg")); n != 1 {
		t.Errorf("%d files are left before the first checkpoint", n)
	}
	s.checkpoint(false)
	s.reap(time.Now())
	if n := len(r.files("seg")); n != 0 {
		t.Errorf("%d files are left after it", n)
	}
	_ = s.open.db.Close()
}

func TestDamagedCheckpoint(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	r.SaveOpen(1, []byte("x"))
	r.append(record.Calls, []byte("x"))
	epoch := r.Epoch()
	r.stop()
	path := filepath.Join(r.cfg.Dir, openName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 100, pageSize, 3 * pageSize} {
		if err := os.WriteFile(path, b[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		r = start(t, r.cfg)
		if len(r.OpenCalls()) != 0 || len(r.all(epoch, record.Calls)) != 1 || r.Stats().Corrupt != 1 {
			t.Errorf("cut to %d bytes: %+v", size, r.Stats())
		}
		r.stop()
	}
}

func TestOpenBounds(t *testing.T) {
	s := New(Config{Dir: t.TempDir()})
	s.SaveOpen(1, make([]byte, maxOpenBytes+1))
	for id := range uint64(maxOpen + 5) {
		s.SaveOpen(id, nil)
	}
	if got := s.open.refused; got != 6 || len(s.open.known) != maxOpen {
		t.Errorf("%d refused, %d known", got, len(s.open.known))
	}
}
