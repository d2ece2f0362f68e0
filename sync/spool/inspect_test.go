package spool

import (
	"os"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

func TestInspect(t *testing.T) {
	x := makeTemplate(t)
	cfg := Config{Dir: copyFolder(t, x.dir), SegmentBytes: 256 << 10}
	r := start(t, cfg)
	for i := range 700 {
		r.append(record.Calls, append(payload(record.Calls, i), make([]byte, 500)...))
	}
	began := time.Now().Truncate(time.Millisecond)
	r.SaveOpen(1e6, []byte("x"))
	r.SaveOpen(0, []byte("no call"))
	r.SaveOpen(^uint64(0), []byte("no call"))
	r.checkpointed()
	// With the agent running, and nothing locked.
	for _, verify := range []bool{false, true} {
		f, err := Inspect(cfg.Dir, verify)
		if err != nil {
			t.Fatal(err)
		}
		n, active := uint64(0), 0
		for _, file := range f.Files {
			n += file.Records.Len()
			if file.Damage != nil {
				t.Errorf("%s: %v", file.Name, file.Damage)
			}
			if file.InUse && file.Epoch == r.Epoch() {
				active++
			}
		}
		if f.Alive.Before(began) || f.Alive.After(time.Now()) {
			t.Errorf("last alive at %v", f.Alive)
		}
		if n != 2400+700 || !f.InUse || active != 1 || f.Open != nil || f.Calls != 2400 {
			t.Errorf("%d records, in use %v, %d active, %d open calls (%v)", n, f.InUse, active, f.Calls, f.Open)
		}
	}
	got := 0
	err := Dump(cfg.Dir, func(epoch uint64, _ record.Stream) bool { return epoch == x.epoch },
		func(_ uint64, st record.Stream, seq uint64, data []byte) bool {
			if x.want[st][seq] != string(data) {
				t.Errorf("%s %d differs", st, seq)
			}
			got++
			return true
		})
	if err != nil || got != 2400 {
		t.Errorf("%d records dumped: %v", got, err)
	}
	got = 0
	_ = Dump(cfg.Dir, func(uint64, record.Stream) bool { return true }, func(uint64, record.Stream, uint64, []byte) bool { got++; return got < 10 })
	if got != 10 {
		t.Errorf("%d records dumped after the stop", got)
	}
	r.stop()

	path := r.files("seg")[1]
	b, _ := os.ReadFile(path)
	b[len(b)/2] ^= 0x40
	_ = os.WriteFile(path, b, 0o600)
	f, err := Inspect(cfg.Dir, true)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, file := range f.Files {
		if file.Damage != nil {
			bad++
		}
	}
	if bad != 1 || f.InUse {
		t.Errorf("%d files are damaged, in use %v", bad, f.InUse)
	}
}
