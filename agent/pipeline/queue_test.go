package pipeline

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// fill returns a batch of n frames of size bytes that carry their number, from
// first on.
func fill(t *testing.T, q *Queue, first, n, size int) *packet.Batch {
	t.Helper()
	b := q.Get()
	for i := range n {
		data := make([]byte, size)
		binary.BigEndian.PutUint64(data, uint64(first+i))
		if !b.Add(&packet.Frame{Data: data, WireLen: size, Time: int64(first + i)}) {
			t.Fatalf("frame %d does not fit a batch", i)
		}
	}
	return b
}

// TestQueue: what is handed over while nobody takes.
func TestQueue(t *testing.T) {
	for _, tc := range []struct {
		name    string
		batches int
		puts    int
		frames  int // of each
		size    int // of each frame
		taken   int // puts that are taken
		length  int
	}{
		{"one", 4, 1, 1, 100, 1, 1},
		{"empty batches", 4, 100, 0, 100, 100, 1},
		{"half a second of single frames", 64, 10_000, 1, 100, 10_000, 20},
		{"as many frames as fit", 4, 3000, 1, 100, 4 * batchFrames, 4},
		{"full batches", 4, 6, batchFrames, 100, 4, 4},
		{"as many bytes as fit", 4, 100, 1, batchBytes / 8, 32, 4},
		{"frames that leave a rest", 4, 100, 1, batchBytes/2 + 1, 4, 4},
		{"three in two", 2, 10, 200, 100, 4, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := NewQueue(tc.batches)
			taken := 0
			for i := range tc.puts {
				if q.Put(fill(t, q, i*tc.frames, tc.frames, tc.size)) {
					if taken != i {
						t.Fatalf("put %d was taken, %d before it was not", i, taken)
					}
					taken++
				}
			}
			if taken != tc.taken || q.Len() != tc.length {
				t.Errorf("%d puts taken in %d batches, want %d in %d", taken, q.Len(), tc.taken, tc.length)
			}
			next := 0
			for b := q.take(); b != nil; b = q.take() {
				for _, f := range b.Frames {
					if got := int(binary.BigEndian.Uint64(f.Data)); got != next || f.Time != int64(next) || len(f.Data) != tc.size {
						t.Fatalf("frame %d where %d should be", got, next)
					}
					next++
				}
				q.recycle(b)
			}
			if next != tc.taken*tc.frames || q.Len() != 0 {
				t.Errorf("%d frames came out, %d batches are left; want %d, 0", next, q.Len(), tc.taken*tc.frames)
			}
			if !q.Put(fill(t, q, 0, 1, 100)) {
				t.Error("an emptied queue is full")
			}
		})
	}
}

// TestQueueReuses: what was taken or joined is filled again.
func TestQueueReuses(t *testing.T) {
	q := NewQueue(2)
	made := map[*packet.Batch]bool{}
	for i := range 100 {
		b := fill(t, q, i, 1, 100)
		made[b] = true
		q.Put(b)
		b = fill(t, q, i, 1, 100)
		made[b] = true
		q.Put(b)
		q.recycle(q.take())
	}
	if len(made) > 3 {
		t.Errorf("%d batches made", len(made))
	}
}

// TestQueueConcurrently: many captures, one pipeline: each frame taken comes
// out once, those of one capture in their order.
func TestQueueConcurrently(t *testing.T) {
	const captures, puts = 4, 2000
	q := NewQueue(8)
	var group sync.WaitGroup
	taken := make([]uint64, captures)
	for c := range captures {
		group.Go(func() {
			for i := range puts {
				b := q.Get()
				data := binary.BigEndian.AppendUint64(nil, uint64(i))
				b.Add(&packet.Frame{Data: data, Iface: uint32(c)})
				if q.Put(b) {
					taken[c]++
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	var out [captures]uint64
	last := [captures]int{-1, -1, -1, -1}
	look := func() {
		b := q.take()
		if b == nil {
			return
		}
		for _, f := range b.Frames {
			i := int(binary.BigEndian.Uint64(f.Data))
			if i <= last[f.Iface] {
				t.Errorf("capture %d: frame %d after %d", f.Iface, i, last[f.Iface])
			}
			last[f.Iface] = i
			out[f.Iface]++
		}
		q.recycle(b)
	}
	for running := true; running; {
		select {
		case <-q.ready:
			look()
		case <-done:
			running = false
		}
	}
	for q.Len() > 0 {
		look()
	}
	some := uint64(0)
	for c := range captures {
		some += taken[c]
		if out[c] != taken[c] {
			t.Errorf("capture %d: %d frames came out of %d taken", c, out[c], taken[c])
		}
	}
	if some == 0 {
		t.Error("nothing was taken")
	}
}
