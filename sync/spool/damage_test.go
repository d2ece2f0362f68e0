package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sync/record"
)

// template is a folder with several segments of both streams, made once.
type template struct {
	dir   string
	epoch uint64
	want  map[record.Stream]map[uint64]string
}

func makeTemplate(t testing.TB) *template {
	t.Helper()
	x := &template{dir: t.TempDir(), want: map[record.Stream]map[uint64]string{record.Calls: {}, record.Telemetry: {}}}
	r := start(t, Config{Dir: x.dir, SegmentBytes: 256 << 10})
	x.epoch = r.Epoch()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 2400 {
		st := record.Streams[i%2]
		b := append(payload(st, i), make([]byte, rng.IntN(600))...)
		if i%400 == 7 {
			b = append(b, make([]byte, 9000)...) // over several pages
		}
		for j := 30; j < len(b); j++ {
			b[j] = byte(rng.Uint32())
		}
		r.SaveOpen(uint64(i), b)
		x.want[st][r.append(st, b)] = string(b)
	}
	r.stop()
	if n := len(r.files("seg")); n < 5 {
		t.Fatalf("only %d segments", n)
	}
	return x
}

func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// damage changes a file in a random way, and says how.
func damage(t testing.TB, rng *rand.Rand, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var how string
	switch rng.IntN(5) {
	case 0:
		at := rng.IntN(len(b))
		b[at] ^= byte(1 + rng.IntN(255))
		how = fmt.Sprintf("byte %d flipped", at)
	case 1:
		n := rng.IntN(len(b))
		b = b[:n]
		how = fmt.Sprintf("cut to %d bytes", n)
	case 2:
		at := rng.IntN(len(b)/pageSize) * pageSize
		clear(b[at : at+pageSize])
		how = fmt.Sprintf("page %d zeroed", at/pageSize)
	case 3: // the header and elements of a page, where the tree is
		at := rng.IntN(len(b)/pageSize)*pageSize + rng.IntN(64)
		binary.NativeEndian.PutUint32(b[at:], rng.Uint32N(64))
		how = fmt.Sprintf("four bytes at %d set", at)
	default:
		from, to := rng.IntN(len(b)/pageSize)*pageSize, rng.IntN(len(b)/pageSize)*pageSize
		copy(b[to:to+pageSize], bytes.Clone(b[from:from+pageSize]))
		how = fmt.Sprintf("page %d over page %d", from/pageSize, to/pageSize)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return how
}

// TestDamage: whatever happens to a file, all that can be read is what was
// written, and all else is declared.
func TestDamage(t *testing.T) {
	x := makeTemplate(t)
	rounds := race.Of(40, 20)
	if testing.Short() {
		rounds = 10
	}
	for i := range rounds {
		seed := uint64(i)
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			dir := copyFolder(t, x.dir)
			files, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
			if i%10 == 9 {
				files = []string{filepath.Join(dir, openName)}
			}
			for range 1 + rng.IntN(3) {
				path := files[rng.IntN(len(files))]
				t.Logf("%s: %s", filepath.Base(path), damage(t, rng, path))
			}
			r := start(t, Config{Dir: dir, SegmentBytes: 256 << 10})
			x.check(r)
			lost := r.balanced().Calls.Corrupt + r.balanced().Telemetry.Corrupt
			r = r.again() // nothing is declared twice, nothing comes back
			x.check(r)
			if s := r.balanced(); s.Calls.Corrupt+s.Telemetry.Corrupt != 0 {
				t.Errorf("declared again: %d after %d", s.Calls.Corrupt+s.Telemetry.Corrupt, lost)
			}
		})
	}
}

// check reads everything, and compares it and the losses with what was written.
func (x *template) check(r *tester) {
	r.t.Helper()
	got := map[record.Stream]map[uint64]string{}
	for _, st := range record.Streams {
		got[st] = r.all(x.epoch, st)
	}
	eventually(r.t, "all losses are told", func() bool {
		s := r.Stats()
		return s.Calls.Undeclared+s.Telemetry.Undeclared == 0
	})
	lost := r.losses()
	for _, st := range record.Streams {
		declared := lost[lineKey{x.epoch, st}]
		for seq, want := range x.want[st] {
			b, ok := got[st][seq]
			switch {
			case ok && b != want:
				r.t.Fatalf("%s %d is not what was written", st, seq)
			case ok && declared.Has(seq):
				r.t.Fatalf("%s %d is there, and declared as lost", st, seq)
			case !ok && !declared.Has(seq):
				r.t.Fatalf("%s %d is gone without a word", st, seq)
			}
		}
		for seq := range got[st] {
			if _, ok := x.want[st][seq]; !ok {
				r.t.Fatalf("%s %d was never written", st, seq)
			}
		}
	}
}

// losses reads all Loss records of a spool.
func (r *tester) losses() map[lineKey]record.Ranges {
	r.t.Helper()
	out := map[lineKey]record.Ranges{}
	for _, h := range r.Held() {
		if h.Stream != record.Calls {
			continue
		}
		for _, b := range r.all(h.Epoch, record.Calls) {
			l := lossIn([]byte(b))
			if l == nil || l.GetFirst() == 0 {
				continue
			}
			k := lineKey{l.GetEpoch(), record.Stream(l.GetStream())}
			set := out[k]
			if set.Missing(record.Range{First: l.GetFirst(), Last: l.GetLast()}).Len() != l.GetCount() {
				r.t.Errorf("%d to %d of %s are declared twice", l.GetFirst(), l.GetLast(), k.stream)
			}
			set.Add(record.Range{First: l.GetFirst(), Last: l.GetLast()})
			out[k] = set
		}
	}
	return out
}

func lossIn(b []byte) *record.Loss {
	if bytes.HasPrefix(b, []byte("calls record")) || bytes.HasPrefix(b, []byte("telemetry record")) {
		return nil
	}
	r, err := record.Decode(b)
	if err != nil {
		return nil
	}
	return r.GetLoss()
}
