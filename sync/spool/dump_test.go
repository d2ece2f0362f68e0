package spool

import (
	"os"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

// TestDumpUncommitted: a kill between the pages of a transaction and the page
// that makes them valid leaves records that were never stored. They have no place
// in a dump.
func TestDumpUncommitted(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	for i := range 300 {
		r.append(record.Calls, payload(record.Calls, i))
	}
	path := r.files("seg")[0]
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.append(record.Calls, payload(record.Calls, 300)) // one transaction more
	r.stop()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, before[:2*pageSize]) // the two pages of which one is valid
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	name, _ := parseName("00000001-0000000000000001-calls.seg")
	name.epoch = r.Epoch()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c := salvage(f, int64(len(b)), name); !c.have.Has(301) {
		t.Fatal("no trace is left of the last record: this shows nothing")
	}
	var last uint64
	err = Dump(r.cfg.Dir, func(uint64, record.Stream) bool { return true }, func(_ uint64, _ record.Stream, seq uint64, _ []byte) bool {
		if seq != last+1 {
			t.Errorf("record %d comes after %d", seq, last)
		}
		last = seq
		return true
	})
	if err != nil || last != 300 {
		t.Errorf("dumped up to %d, want 300: %v", last, err)
	}
}
