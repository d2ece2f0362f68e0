package spool

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sync/record"
)

// smallDisk mounts a file system of n bytes.
func smallDisk(t *testing.T, kind string, n string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if kind == "tmpfs" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+n); err != nil {
			t.Skipf("mounting a tmpfs: %v", err)
		}
	} else {
		image := filepath.Join(t.TempDir(), "image")
		for _, c := range [][]string{
			{"truncate", "-s", n, image}, {"mkfs.ext4", "-q", "-m", "0", image}, {"mount", "-o", "loop", image, dir},
		} {
			if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
				t.Skipf("%s: %v: %s", c[0], err, out)
			}
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// TestDiskFull: telemetry gives way, then the reserve; then calls are refused,
// counted, and declared once there is room. Nothing stops.
func TestDiskFull(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := smallDisk(t, kind, "24M")
			r := start(t, Config{Dir: filepath.Join(dir, "spool"), Budget: 1 << 30, Reserve: 2 << 20, SegmentBytes: 1 << 20})
			if got := r.Stats().Reserve; got != 2<<20 {
				t.Fatalf("the reserve is %d bytes", got)
			}
			big := make([]byte, 20_000)
			for range 300 {
				r.append(record.Telemetry, big)
			}
			calls := 0
			var err error
			for ; err == nil && calls < 5000; calls++ {
				_, err = r.Append(context.Background(), record.Calls, big)
			}
			calls--
			if !errors.Is(err, ErrFull) {
				t.Fatalf("after %d calls: %v", calls, err)
			}
			s := r.balanced()
			if !s.Full || s.Calls.DiskFull != 1 || s.Reserve != 0 || s.Telemetry.Shed == 0 {
				t.Fatalf("when it is full: %+v", s)
			}
			if s.Telemetry.Shed != 300 {
				t.Errorf("calls were refused while %d records of telemetry had room", 300-s.Telemetry.Shed)
			}
			for range 50 { // the watching goes on
				r.Add(record.Calls, big)
				r.Add(record.Telemetry, big)
			}
			eventually(t, "what was added is refused", func() bool { s := r.Stats(); return s.Calls.Queued+s.Telemetry.Queued == 0 })
			s = r.balanced()
			if s.Calls.DiskFull != 51 || s.Telemetry.Shed != 350 {
				t.Errorf("refused: %d calls, %d others", s.Calls.DiskFull, s.Telemetry.Shed)
			}
			roomAgain(t, r, big, calls)
		})
	}
}

func roomAgain(t *testing.T, r *tester, big []byte, calls int) {
	t.Helper()
	epoch := r.Epoch()
	eventually(t, "a checkpoint is past the calls", func() bool {
		r.Release(epoch, record.Calls, record.Ranges{{First: 1, Last: uint64(calls / 2)}})
		_, err := r.Append(context.Background(), record.Calls, big)
		return err == nil
	})
	eventually(t, "the losses are told", func() bool { s := r.Stats(); return s.Calls.Undeclared+s.Telemetry.Undeclared == 0 })
	s := r.balanced()
	told := map[record.Stream]uint64{}
	for from := uint64(1); ; {
		first, records, err := r.Read(epoch, record.Calls, from, 100, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			break
		}
		for _, b := range records {
			if l := lossIn(b); l != nil {
				told[record.Stream(l.GetStream())] += l.GetCount()
			}
		}
		from = first + uint64(len(records))
	}
	if told[record.Calls] != s.Calls.Declared || told[record.Telemetry] != s.Telemetry.Declared {
		t.Errorf("Loss records tell of %v, the account of %d and %d", told, s.Calls.Declared, s.Telemetry.Declared)
	}
	r.Release(epoch, record.Calls, record.Ranges{{First: 1, Last: s.Calls.Last}})
	eventually(t, "the reserve is back", func() bool { return r.Stats().Reserve > 0 })
	r = r.again()
	if s := r.balanced(); s.Calls.Declared+s.Telemetry.Declared != 0 {
		t.Errorf("declared again after a restart: %+v", s)
	}
}

// TestFloor: the budget and the floor bind like a full disk.
func TestFloor(t *testing.T) {
	tests := map[string]func(*Config, int64){
		"budget": func(c *Config, _ int64) { c.Budget = 6 << 20 },
		"floor":  func(c *Config, free int64) { c.MinFree = free - 6<<20 },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t, "tmpfs", "64M")
			free, err := freeBytes(dir)
			if err != nil {
				t.Fatal(err)
			}
			cfg := Config{Dir: dir, SegmentBytes: 512 << 10}
			set(&cfg, free)
			r := start(t, cfg)
			data := make([]byte, 10_000)
			for n := 0; ; n++ {
				if _, err := r.Append(context.Background(), record.Calls, data); errors.Is(err, ErrFull) {
					break
				} else if err != nil || n > 1000 {
					t.Fatalf("call %d: %v", n, err)
				}
			}
			now, _ := freeBytes(dir)
			if took := free - now; took > 6<<20+64<<10 || took < 4<<20 {
				t.Errorf("%d bytes were taken", took)
			}
			r.balanced()
		})
	}
}

// TestCarried: what was refused and not told is told by the next run, once.
func TestCarried(t *testing.T) {
	dir := smallDisk(t, "tmpfs", "8M")
	cfg := Config{Dir: dir, Budget: 1 << 30, SegmentBytes: 512 << 10}
	r := start(t, cfg)
	r.fill()
	for range 8 {
		r.Add(record.Calls, make([]byte, 20_000))
	}
	before := r.Stats().Checkpoints
	eventually(t, "two checkpoints", func() bool { return r.Stats().Checkpoints >= before+2 })
	untold := r.balanced().Calls.Undeclared // what fill was refused first may have been told with its small records
	if untold < 9 {
		t.Fatalf("%d are to be told", untold)
	}
	r.stop()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64M"); err != nil {
		t.Skipf("remounting: %v", err)
	}
	r = start(t, cfg)
	if s := r.balanced(); s.Calls.DiskFull != untold {
		t.Errorf("the next run knows of %d, not %d", s.Calls.DiskFull, untold)
	}
	eventually(t, "it is told", func() bool { return r.Stats().Calls.Undeclared == 0 })
	r = r.again()
	if s := r.balanced(); s.Calls.DiskFull != 0 {
		t.Errorf("the run after it tells of %d again", s.Calls.DiskFull)
	}
}

// TestToldWithoutRecords: what was refused is declared although no record comes after
// it and segments that were acked, and are kept, take all the room.
func TestToldWithoutRecords(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), Budget: 6 << 20, SegmentBytes: 512 << 10, KeepAcked: time.Hour})
	last := r.fill()
	r.Release(r.Epoch(), record.Calls, record.Ranges{{First: 1, Last: last}})
	if s := r.balanced(); s.Calls.Undeclared == 0 {
		t.Fatal("nothing was refused")
	}
	eventually(t, "it is told", func() bool { return r.Stats().Calls.Undeclared == 0 })
}
