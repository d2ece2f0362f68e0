package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sync/record"
)

// world is a spool, the store that its records go to, and all that was ever
// appended.
type world struct {
	t    *testing.T
	rng  *rand.Rand
	r    *tester
	want map[lineKey]map[uint64]string
	done map[lineKey]record.Ranges // what the store has
	told map[lineKey]record.Ranges // what Loss records in the store say
	n    int
}

// append puts a few records in, and remembers those that were promised.
func (w *world) append() {
	for range 1 + w.rng.IntN(30) {
		st := record.Streams[w.rng.IntN(2)]
		w.n++
		b := append(payload(st, w.n), make([]byte, w.rng.IntN(1000))...)
		if st == record.Telemetry {
			b = append(b, make([]byte, w.rng.IntN(25000))...)
		}
		seq, err := w.r.Append(context.Background(), st, b)
		if err != nil {
			if st == record.Calls {
				w.t.Fatalf("a call was refused: %v", err)
			}
			continue
		}
		k := lineKey{w.r.Epoch(), st}
		if w.want[k] == nil {
			w.want[k] = map[uint64]string{}
		}
		if old, twice := w.want[k][seq]; twice {
			w.t.Fatalf("number %d of %s was given out twice, first to %.30q", seq, st, old)
		}
		w.want[k][seq] = string(b)
	}
}

// deliver has the store take a batch from anywhere, and perhaps say so.
func (w *world) deliver() {
	held := w.r.Held()
	h := held[w.rng.IntN(len(held))]
	k := lineKey{h.Epoch, h.Stream}
	for range 1 + w.rng.IntN(4) {
		from := uint64(1)
		if n := len(h.Unacked); n > 0 {
			from = h.Unacked[w.rng.IntN(n)].First + uint64(w.rng.IntN(3))
		}
		w.take(k, from)
	}
	if w.rng.IntN(3) > 0 { // else the ack is lost
		w.r.Release(h.Epoch, h.Stream, w.done[k])
	}
}

func (w *world) take(k lineKey, from uint64) (next uint64) {
	first, records, err := w.r.Read(k.epoch, k.stream, from, 1+w.rng.IntN(200), 64<<10, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	done := w.done[k]
	for i, b := range records {
		seq := first + uint64(i)
		if l := lossIn(b); l != nil {
			if !done.Has(seq) && l.GetFirst() > 0 {
				lk := lineKey{l.GetEpoch(), record.Stream(l.GetStream())}
				told := w.told[lk]
				told.Add(record.Range{First: l.GetFirst(), Last: l.GetLast()})
				w.told[lk] = told
			}
		} else if w.want[k][seq] != string(b) {
			w.t.Fatalf("%s %d is %.30q, want %.30q", k.stream, seq, b, w.want[k][seq])
		}
		done.Add(record.Range{First: seq, Last: seq})
	}
	w.done[k] = done
	return first + uint64(len(records))
}

// drain delivers everything.
func (w *world) drain() {
	for _, h := range w.r.Held() {
		k := lineKey{h.Epoch, h.Stream}
		for from := uint64(1); ; {
			next := w.take(k, from)
			if next <= from {
				break
			}
			from = next
		}
		w.r.Release(k.epoch, k.stream, w.done[k])
	}
}

// crash goes on with a copy of the folder as it is between two commits.
func (w *world) crash() {
	dir := w.t.TempDir()
	for os.CopyFS(dir, os.DirFS(w.r.cfg.Dir)) != nil { // a file was unlinked while it was copied
		dir = w.t.TempDir()
	}
	w.r.stop()
	w.r.cfg.Dir = dir
	w.r = start(w.t, w.r.cfg)
}

// TestProperty: whatever happens, each record that was promised is in the store
// in the end, or the store was told that it is lost; and no call is.
func TestProperty(t *testing.T) {
	seeds := race.Of[uint64](6, 4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)),
				want: map[lineKey]map[uint64]string{}, done: map[lineKey]record.Ranges{}, told: map[lineKey]record.Ranges{}}
			// 9 MiB: enough for the calls of a round, not for all the telemetry.
			w.r = start(t, Config{Dir: t.TempDir(), Budget: 9 << 20, SegmentBytes: 256 << 10, KeepAcked: time.Hour * time.Duration(seed%2)})
			for range 160 {
				switch op := w.rng.IntN(20); {
				case op < 13:
					w.append()
				case op < 17:
					w.deliver()
				case op == 17:
					w.r = w.r.again()
				case op == 18:
					w.crash()
				default:
					w.r.Unrelease()
				}
				w.r.balanced()
			}
			w.finish()
		})
	}
}

func (w *world) finish() {
	eventually(w.t, "all losses are told", func() bool { return w.r.Stats().Telemetry.Undeclared == 0 })
	w.drain()
	records, lost := 0, uint64(0)
	for k, want := range w.want {
		told := w.told[k]
		lost += told.Len()
		for seq := range want {
			records++
			done := w.done[k]
			if !done.Has(seq) && !told.Has(seq) {
				w.t.Errorf("%s %d of epoch %x is gone without a word", k.stream, seq, k.epoch)
			}
		}
		if k.stream == record.Calls && len(told) > 0 {
			w.t.Errorf("calls %v were given up", told)
		}
	}
	s := w.r.balanced()
	if s.Calls.Spooled+s.Telemetry.Spooled != 0 {
		w.t.Errorf("after the last ack %d calls and %d others are still to be sent", s.Calls.Spooled, s.Telemetry.Spooled)
	}
	w.t.Logf("%d records, %d given up", records, lost)
}
