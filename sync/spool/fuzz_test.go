package spool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

const fuzzEpoch = 0x1122334455667788

// smallSegment makes the file of a segment with a few records, one of them over
// several pages.
func smallSegment(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	g := &segment{id: 1, epoch: fuzzEpoch, stream: record.Calls, first: 1}
	a, err := createActive(dir, "x", g, 1, 0, 16<<10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if _, err := a.commit([][]byte{payload(record.Calls, i), bytes.Repeat([]byte{byte(i)}, i*i*40)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzSegment damages a real segment by writing patch at a place, and cutting the
// file. Nothing that is served may differ from what was written, and no reader
// may panic, hang or read outside.
func FuzzSegment(f *testing.F) {
	good := smallSegment(f)
	name := fileName{id: 1, epoch: fuzzEpoch, stream: record.Calls, suffix: suffixSegment}
	want := map[uint64]string{}
	if c, err := verify(bytes.NewReader(good), int64(len(good)), name); err != nil || c.have.Len() != 24 {
		f.Fatalf("the undamaged file: %v, %v", c, err)
	}
	collectAll(good, name, salvage(bytes.NewReader(good), int64(len(good)), name), func(seq uint64, b []byte) { want[seq] = string(b) })
	f.Add(uint32(0), uint32(len(good)), []byte{})                          // whole
	f.Add(uint32(16), uint32(len(good)), []byte{1})                        // a meta page
	f.Add(uint32(3*pageSize+8), uint32(len(good)), []byte{1, 0, 255, 255}) // a leaf that says it is a branch
	f.Add(uint32(4*pageSize+12), uint32(len(good)), []byte{255, 255, 255, 255})
	f.Add(uint32(5*pageSize+20), uint32(len(good)), []byte{255, 255, 255, 127})
	f.Add(uint32(0), uint32(5000), []byte{})
	f.Fuzz(func(t *testing.T, at, size uint32, patch []byte) {
		b := bytes.Clone(good)
		if int64(at) < int64(len(b)) {
			copy(b[at:], patch)
		}
		b = b[:min(int(size), len(b))]
		checkReaders(t, b, name, want)
	})
}

// FuzzFile feeds the readers with anything at all.
func FuzzFile(f *testing.F) {
	name := fileName{id: 1, epoch: fuzzEpoch, stream: record.Calls, suffix: suffixSegment}
	good := smallSegment(f)
	f.Add(good[:4*pageSize])
	f.Add(append(bytes.Clone(good[:2*pageSize]), good[:2*pageSize]...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) { checkReaders(t, b, name, nil) })
}

// checkReaders runs every reader over a file. With want, what they find must be in it.
func checkReaders(t *testing.T, b []byte, name fileName, want map[uint64]string) {
	t.Helper()
	f, size := bytes.NewReader(b), int64(len(b))
	_, _ = peek(f, size, name)
	c, err := verify(f, size, name)
	for _, c := range []*contents{c, salvage(f, size, name)} {
		if c == nil {
			continue
		}
		n := collectAll(b, name, c, func(seq uint64, data []byte) {
			if want != nil && want[seq] != string(data) {
				t.Fatalf("record %d is not what was written", seq)
			}
		})
		if want != nil && uint64(n) != c.have.Len() {
			t.Fatalf("%d of %d records can be read", n, c.have.Len())
		}
	}
	if want != nil && err == nil && c.have.Len() != uint64(len(want)) {
		t.Fatalf("the file is called good, and has %d of %d records", c.have.Len(), len(want))
	}
}

func collectAll(b []byte, name fileName, c *contents, do func(uint64, []byte)) (n int) {
	r := reader{name: name, place: placeOf(name.epoch, name.stream), runs: c.runs, pages: pageReader{f: bytes.NewReader(b), size: int64(len(b))}}
	for _, x := range c.have {
		for from := x.First; from <= x.Last; {
			out := &gather{maxRecords: 100, maxBytes: 1 << 20}
			if err := r.collect(from, x.Last, out); err != nil || out.n == 0 {
				return n
			}
			for i, data := range out.records {
				do(out.first+uint64(i), data)
			}
			n += out.n
			from = out.next()
		}
	}
	return n
}

// TestAgainstBolt: this package and bbolt read the same from one file.
func TestAgainstBolt(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir(), SegmentBytes: 4 << 20})
	for i := range 3000 {
		r.Add(record.Calls, append(payload(record.Calls, i), make([]byte, i%7*900)...))
	}
	r.append(record.Calls, []byte("last"))
	bolted := r.all(r.Epoch(), record.Calls) // by bbolt: the segment is being written
	epoch := r.Epoch()
	r = r.again()
	own := r.all(epoch, record.Calls)
	if len(own) != 3001 || len(bolted) != len(own) {
		t.Fatalf("bbolt reads %d records, we %d", len(bolted), len(own))
	}
	for seq, b := range bolted {
		if own[seq] != b {
			t.Fatalf("record %d differs", seq)
		}
	}
}

// TestFaultOfActive: the file that is being written is cut under the writer. The
// process lives on, and what is lost is declared.
func TestFaultOfActive(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	for i := range 300 {
		r.append(record.Calls, append(payload(record.Calls, i), make([]byte, 1000)...))
	}
	if err := os.Truncate(r.files("seg")[0], 3*pageSize); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := r.Append(context.Background(), record.Calls, payload(record.Calls, i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the damage is found and told", func() bool {
		got := uint64(len(r.all(r.Epoch(), record.Calls)))
		s := r.balanced()
		return s.Corrupt > 0 && s.Calls.Undeclared == 0 && s.Calls.Spooled == got
	})
	lost := r.losses()[lineKey{r.Epoch(), record.Calls}]
	got := r.all(r.Epoch(), record.Calls)
	for seq := uint64(1); seq <= 320; seq++ {
		if _, ok := got[seq]; ok == lost.Has(seq) {
			t.Fatalf("record %d: there %v, lost %v", seq, ok, lost.Has(seq))
		}
	}
}

// TestSalvageAnyOrder: in a damaged page a later record can stand before an
// earlier one, and both are served.
func TestSalvageAnyOrder(t *testing.T) {
	good := smallSegment(t)
	name := fileName{id: 1, epoch: fuzzEpoch, stream: record.Calls, suffix: suffixSegment}
	swapped := 0
	for at := 0; at+pageSize <= len(good); at += pageSize {
		b := bytes.Clone(good)
		page := b[at:]
		if native.Uint16(page[8:]) != leafFlag || native.Uint16(page[10:]) < 4 || native.Uint64(page) != uint64(at/pageSize) {
			continue
		}
		one, two := page[pageHeader:][:leafElement], page[pageHeader+leafElement:][:leafElement]
		first := bytes.Clone(one)
		copy(one, two)
		copy(two, first)
		native.PutUint32(one[4:], native.Uint32(one[4:])+leafElement)
		native.PutUint32(two[4:], native.Uint32(two[4:])-leafElement)
		c := salvage(bytes.NewReader(b), int64(len(b)), name)
		if n := collectAll(b, name, c, func(uint64, []byte) {}); uint64(n) != c.have.Len() {
			t.Errorf("page %d: %d of %d records can be read", at/pageSize, n, c.have.Len())
		}
		swapped++
	}
	if swapped == 0 {
		t.Error("no page has records enough")
	}
}
