package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sync/record"
)

// eat has another file take all but so many bytes of the disk that dir is on.
func eat(t *testing.T, dir string, leave int64) {
	t.Helper()
	free, err := freeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(filepath.Dir(dir), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, free-leave); err != nil {
		t.Fatal(err)
	}
}

// onDisk is how much the files of a folder take.
func onDisk(t *testing.T, dir, pattern string) (n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var has unix.Stat_t
		if unix.Stat(f, &has) == nil {
			n += has.Blocks * 512
		}
	}
	return n
}

// TestReserveAfterRestart: the reserve of an earlier run is there for calls although
// the disk has no room for a second one; one that is no longer wanted goes.
func TestReserveAfterRestart(t *testing.T) {
	dir := filepath.Join(smallDisk(t, "tmpfs", "16M"), "spool")
	cfg := Config{Dir: dir, Reserve: 2 << 20, MinFree: 1 << 20, SegmentBytes: 512 << 10}
	r := start(t, cfg)
	r.stop()
	eat(t, dir, 64<<10)
	r = start(t, cfg)
	if s := r.Stats(); s.Reserve != 2<<20 {
		t.Errorf("after a restart the reserve is %d bytes", s.Reserve)
	}
	r.append(record.Calls, make([]byte, 20_000))
	r.stop()

	_ = os.Remove(filepath.Join(filepath.Dir(dir), "other"))
	cfg.Reserve = 1 << 20
	r = start(t, cfg)
	if r.Stats().Reserve != 1<<20 {
		t.Error("a reserve that was given away is not back after a restart")
	}
	r.stop()
	cfg.Reserve = 0
	start(t, cfg)
	if _, err := os.Stat(filepath.Join(dir, reserveName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a reserve that nobody wants: %v", err)
	}
}

// TestStatesWithinBudget: the states of open calls leave the calls their room, and
// the last closed hour is kept whatever the calls take.
func TestStatesWithinBudget(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), Budget: 8 << 20})
	const calls = 10_000
	for id := range uint64(calls) {
		r.SaveOpen(id+1, make([]byte, 2000))
	}
	r.SaveOpen(^uint64(0), []byte("the hour"))
	was := r.Stats().Checkpoints
	eventually(t, "two checkpoints", func() bool { return r.Stats().Checkpoints >= was+2 })
	r.append(record.Calls, make([]byte, 20_000))
	s := r.balanced()
	if s.OpenRefused == 0 || s.OpenCalls < 400 || s.OpenCalls+int(s.OpenRefused) != calls { // small
		t.Errorf("%d calls are known, %d were refused", s.OpenCalls, s.OpenRefused)
	}
	for id := range uint64(calls) {
		r.DropOpen(id + 1)
	}
	r.SaveOpen(calls+1, make([]byte, 2000))
	r = r.again()
	saved := r.OpenCalls()
	if len(saved) != 2 || saved[0].ID != calls+1 || string(saved[1].State) != "the hour" {
		t.Errorf("%d are known after a restart", len(saved))
	}
}

// TestStatesLeaveRoom: the states of calls that go on do not take the last of a disk;
// open.db would keep it when they are over.
func TestStatesLeaveRoom(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			cfg := Config{Dir: filepath.Join(smallDisk(t, kind, "24M"), "spool"), SegmentBytes: 1 << 20}
			s := New(cfg)
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			for id := range uint64(2000) {
				s.SaveOpen(id+1, make([]byte, 10_000))
				if id%50 == 0 {
					s.commitCheckpoint(s.open.take(), false)
				}
			}
			free, err := freeBytes(cfg.Dir)
			if err != nil || free < 2*s.step {
				t.Errorf("%d bytes are free, %v", free, err)
			}
			if s.open.used < 5<<20 {
				t.Errorf("%d bytes of states are on disk", s.open.used)
			}
			for id := range uint64(2000) {
				s.DropOpen(id + 1)
			}
			s.commitCheckpoint(s.open.take(), false)
			if err := errors.Join(s.open.db.Close(), s.lock.Close()); err != nil {
				t.Fatal(err)
			}
			r := start(t, cfg)
			if n := len(r.OpenCalls()); n != 0 {
				t.Errorf("%d calls are known that are over", n)
			}
			for _, st := range record.Streams {
				r.append(st, make([]byte, 20_000))
			}
		})
	}
}

// TestSpareOfEarlierRun: a spare that is smaller than is wanted now, and cannot be
// made larger, is used and counted as it is.
func TestSpareOfEarlierRun(t *testing.T) {
	dir := filepath.Join(smallDisk(t, "tmpfs", "32M"), "spool")
	cfg := Config{Dir: dir, Budget: 1 << 30, SegmentBytes: 512 << 10}
	r := start(t, cfg)
	for id := range uint64(1000) {
		r.SaveOpen(id+1, make([]byte, 5000))
	}
	eventually(t, "they are on disk", func() bool { return r.open.size.Load() > 1000*5000 })
	for id := range uint64(990) {
		r.DropOpen(id + 1)
	}
	r.stop()
	spare := filepath.Join(dir, spareName)
	_ = os.Remove(spare)
	if err := allocate(spare, 4<<20, 0); err != nil {
		t.Fatal(err)
	}
	// Its room is not to be had when it has another name.
	if err := os.Link(filepath.Join(dir, openName), filepath.Join(filepath.Dir(dir), "linked")); err != nil {
		t.Fatal(err)
	}
	eat(t, dir, 0)
	r = start(t, cfg)
	if took, is := onDisk(t, dir, "*"), r.Stats().Bytes; took < 4<<20 || is < took-64<<10 || is > took {
		t.Errorf("the folder has %d bytes on disk, and is thought to have %d", took, is)
	}
	if n := len(r.OpenCalls()); n != 10 {
		t.Errorf("%d calls of 10 are known after a restart", n)
	}
}

// TestNoRoomForFirstCheckpoint: a run that finds no room for any checkpoint, not even
// in a spare, gives back what the checkpoint of the run before does not need, or else
// its reserve.
func TestNoRoomForFirstCheckpoint(t *testing.T) {
	tests := map[string]struct {
		reserve int64
		killed  bool // before a checkpoint knew of the calls
	}{"ended": {0, false}, "killed": {2 << 20, true}}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(smallDisk(t, "tmpfs", "16M"), "spool")
			cfg := Config{Dir: dir, Budget: 1 << 30, Reserve: x.reserve, SegmentBytes: 512 << 10}
			r := start(t, cfg)
			before, err := os.ReadFile(filepath.Join(dir, openName))
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				r.append(record.Calls, make([]byte, 20_000))
			}
			r.stop()
			if x.killed {
				if err := os.WriteFile(filepath.Join(dir, openName), before, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(filepath.Join(dir, spareName)); err != nil {
				t.Fatal(err)
			}
			eat(t, dir, 0)
			r = start(t, cfg)
			if s := r.Stats(); s.Checkpoints > 0 && !x.killed {
				t.Fatal("there was room for a checkpoint")
			}
			for _, h := range r.Held() {
				r.Release(h.Epoch, h.Stream, h.Unacked)
			}
			eventually(t, "what was acked is gone", func() bool { return len(r.files("seg")) == 0 })
			r.append(record.Calls, make([]byte, 20_000))
			r.balanced()
		})
	}
}

// TestNumberOfShedSegment: what a mark says of a segment that is gone is not taken to
// be said of another one.
func TestNumberOfShedSegment(t *testing.T) {
	disk := smallDisk(t, "tmpfs", "8M")
	r := start(t, Config{Dir: filepath.Join(disk, "spool"), SegmentBytes: 8 << 20})
	before, err := os.ReadFile(filepath.Join(r.cfg.Dir, openName))
	if err != nil {
		t.Fatal(err)
	}
	r.append(record.Calls, make([]byte, 20_000))
	r.append(record.Telemetry, make([]byte, 20_000))
	gone := filepath.Base(r.files("seg")[1])
	for r.Stats().ShedFiles == 0 {
		r.append(record.Calls, make([]byte, 20_000))
	}
	eventually(t, "it is told", func() bool { return r.Stats().Telemetry.Undeclared == 0 })
	r.stop()
	if len(r.files("seg")) != 1 {
		t.Fatalf("files %v", r.files("*"))
	}
	cfg := Config{Dir: copyFolder(t, r.cfg.Dir)}
	if err := os.WriteFile(filepath.Join(cfg.Dir, openName), before, 0o600); err != nil {
		t.Fatal(err)
	}
	r = start(t, cfg)
	r.append(record.Telemetry, make([]byte, 20_000))
	for _, f := range r.files("seg") {
		if id, _, _ := strings.Cut(gone, "-"); strings.HasPrefix(filepath.Base(f), id) {
			t.Errorf("%s has the number of %s", f, gone)
		}
	}
}

// TestReadWhileShed: telemetry that gives way under a reader is not taken for damaged.
func TestReadWhileShed(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), Budget: 4 << 20, SegmentBytes: 256 << 10})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := r.Read(r.Epoch(), record.Telemetry, 1, 1, 1, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for ctx.Err() == nil && r.Stats().ShedFiles < 15 {
		if _, err := r.Append(ctx, record.Telemetry, make([]byte, 60_000)); err != nil {
			t.Error(err)
			break
		}
	}
	cancel()
	readers.Wait()
	if s := r.balanced(); s.Corrupt != 0 || s.Telemetry.Corrupt != 0 || s.ShedFiles < 15 {
		t.Errorf("%d files gave way, %d were damaged", s.ShedFiles, s.Corrupt)
	}
}

// TestReadWhileSealed: a segment that is just ended can be read all the time.
func TestReadWhileSealed(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), SegmentBytes: 256 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last atomic.Uint64
	last.Store(r.append(record.Calls, make([]byte, 60_000)))
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if first, _, err := r.Read(r.Epoch(), record.Calls, last.Load(), 1, 1, nil); err != nil || first == 0 {
					t.Errorf("record %d: %v", first, err)
					return
				}
			}
		})
	}
	for r.Stats().Segments < 20 {
		last.Store(r.append(record.Calls, make([]byte, 60_000)))
	}
	cancel()
	readers.Wait()
}
