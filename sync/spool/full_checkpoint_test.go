package spool

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

// TestFullBeforeCheckpoint: a disk that is full before the first tick of the
// checkpoints, and of calls alone, is free again once they are acked.
func TestFullBeforeCheckpoint(t *testing.T) {
	tests := map[string]int64{"many segments": 1 << 20, "one segment": 64 << 20}
	for _, kind := range []string{"tmpfs", "ext4"} {
		for name, segment := range tests {
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(smallDisk(t, kind, "24M"), "spool")
				r := start(t, Config{Dir: dir, Budget: 1 << 30, Reserve: 2 << 20, SegmentBytes: segment})
				full := r.fill()
				r.Release(r.Epoch(), record.Calls, record.Ranges{{First: 1, Last: full}})
				eventually(t, "there is room again", func() bool {
					_, err := r.Append(context.Background(), record.Calls, make([]byte, 20_000))
					return err == nil
				})
				r.fill()
				r = r.again() // a restart on a full disk
				for _, h := range r.Held() {
					r.Release(h.Epoch, h.Stream, h.Unacked)
				}
				eventually(t, "there is room after a restart", func() bool {
					_, err := r.Append(context.Background(), record.Calls, make([]byte, 20_000))
					return err == nil
				})
				r.balanced()
			})
		}
	}
}

// fill appends calls until the disk is full, small ones at last, and returns the
// number of the last one.
func (r *tester) fill() (last uint64) {
	for _, size := range []int{20_000, 500} {
		for b := make([]byte, size); ; {
			n, err := r.Append(context.Background(), record.Calls, b)
			if err != nil {
				break
			}
			last = n
		}
	}
	return last
}

// TestOpenCallsOnFullDisk: more calls than open.db has room for hold up no
// checkpoint, and are in the next one that has room.
func TestOpenCallsOnFullDisk(t *testing.T) {
	dir := filepath.Join(smallDisk(t, "tmpfs", "24M"), "spool")
	r := start(t, Config{Dir: dir, Budget: 1 << 30, SegmentBytes: 1 << 20})
	full := r.fill()
	for id := range uint64(1000) {
		r.SaveOpen(id+1, make([]byte, 10_000))
	}
	was := r.Stats().Checkpoints
	eventually(t, "checkpoints go on", func() bool { return r.Stats().Checkpoints >= was+2 })
	r.Release(r.Epoch(), record.Calls, record.Ranges{{First: 1, Last: full}})
	eventually(t, "the states of all calls are on disk", func() bool { return r.open.size.Load() > 1000*10_000 })
	r.DropOpen(1)
	r = r.again()
	if n := len(r.OpenCalls()); n != 999 {
		t.Errorf("%d calls of 999 are known after a restart", n)
	}
}

// TestManyEndOnFullDisk: calls that end at once, all over open.db, change more of it
// than it has room for beside what is there; yet the disk is free again.
func TestManyEndOnFullDisk(t *testing.T) {
	const calls = 20_000
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(smallDisk(t, kind, "48M"), "spool")
			r := start(t, Config{Dir: dir, Budget: 1 << 30, SegmentBytes: 1 << 20})
			for id := range uint64(calls) {
				r.SaveOpen(id+1, make([]byte, 500))
			}
			eventually(t, "they are on disk", func() bool { return r.open.size.Load() > calls*500 })
			full := r.fill()
			if full < 100 {
				t.Fatalf("%d records were all that the disk had room for", full)
			}
			for id := range uint64(calls / 5) {
				r.DropOpen(5*id + 1)
			}
			r.Release(r.Epoch(), record.Calls, record.Ranges{{First: 1, Last: full}})
			eventually(t, "there is room again", func() bool {
				_, err := r.Append(context.Background(), record.Calls, make([]byte, 20_000))
				return err == nil
			})
			r = r.again()
			if n := len(r.OpenCalls()); n != calls-calls/5 {
				t.Errorf("%d calls of %d are known after a restart", n, calls-calls/5)
			}
		})
	}
}
