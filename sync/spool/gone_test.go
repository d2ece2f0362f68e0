package spool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

// goneOf is what the spool says was deleted of an epoch and stream.
func (r *tester) goneOf(epoch uint64, st record.Stream) record.Ranges {
	for _, h := range r.Held() {
		if h.Epoch == epoch && h.Stream == st {
			return h.Gone
		}
	}
	return nil
}

// What was acked and deleted is known to later runs, whether it was deleted with
// the end of its own, or by one that came after.
func TestDeletedIsRemembered(t *testing.T) {
	t.Parallel() // it waits for checkpoints
	r := start(t, Config{Dir: t.TempDir()})
	first := r.Epoch()
	for range 5 {
		r.append(record.Calls, callRecord(t, first, 1))
	}
	r.append(record.Telemetry, []byte("a minute"))
	all := record.Ranges{{First: 1, Last: 5}}
	r.Release(first, record.Calls, all)
	r = r.again() // deletes the calls, and finds the minute
	if files, err := filepath.Glob(filepath.Join(r.cfg.Dir, "*.seg")); err != nil || len(files) != 1 {
		t.Fatalf("files: %q, %v", files, err)
	}
	one := record.Ranges{{First: 1, Last: 1}}
	r.Release(first, record.Telemetry, one)
	eventually(t, "the minute to be deleted", func() bool { return len(r.goneOf(first, record.Telemetry)) > 0 })
	for range 3 {
		if got := r.goneOf(first, record.Calls); !slices.Equal(got, all) {
			t.Errorf("calls that were deleted: %v", got)
		}
		if got := r.goneOf(first, record.Telemetry); !slices.Equal(got, one) {
			t.Errorf("telemetry that was deleted: %v", got)
		}
		r.checkpointed()
		r = r.again()
	}
	for _, h := range r.Held() {
		if h.Epoch == first && len(h.Unacked)+len(h.Kept) > 0 {
			t.Errorf("what was deleted is held: %+v", h)
		}
	}
}

// A file that went away by another hand counts as deleted: nobody can send it.
func TestRemovedFileIsRemembered(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	first := r.Epoch()
	r.append(record.Calls, callRecord(t, first, 1))
	r.append(record.Calls, callRecord(t, first, 2))
	r.checkpointed()
	r.stop()
	files, err := filepath.Glob(filepath.Join(r.cfg.Dir, "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %q, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	r = start(t, r.cfg)
	if got, want := r.goneOf(first, record.Calls), (record.Ranges{{First: 1, Last: 2}}); !slices.Equal(got, want) {
		t.Errorf("deleted: %v, want %v", got, want)
	}
}

// Only so many runs are remembered, the last ones.
func TestDeletedIsBounded(t *testing.T) {
	s := New(Config{Dir: t.TempDir()})
	s.epoch = 1 << 40
	for i := range uint64(2 * maxLines) {
		s.goneAlready(lineKey{1 + i, record.Calls}, 1+i, record.Ranges{{First: 1, Last: 9}})
	}
	s.forget()
	held := s.Held()
	if len(held) != maxLines || s.stats.Forgotten != maxLines {
		t.Fatalf("%d are remembered, %d forgotten", len(held), s.stats.Forgotten)
	}
	for _, h := range held {
		if h.Epoch <= maxLines {
			t.Fatalf("epoch %d is remembered, newer ones are not", h.Epoch)
		}
	}
}
