package capture

import (
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// smallSink takes so many batches of four frames and 100 bytes.
type smallSink struct {
	room, gets int
	taken      []int // frames of each batch
}

func (s *smallSink) Get() *packet.Batch { s.gets++; return packet.NewBatch(4, 100) }

func (s *smallSink) Put(b *packet.Batch) bool {
	if s.room == 0 {
		return false
	}
	s.room--
	s.taken = append(s.taken, len(b.Frames))
	return true
}

// TestFiller: every frame is taken, dropped or too large, and counted once.
func TestFiller(t *testing.T) {
	for _, tc := range []struct {
		name    string
		room    int
		sizes   []int // of the frames; -1 hands over what there is
		batches []int
		counts  [5]uint64 // frames, bytes, batches, dropped, tooLarge
		gets    int
	}{
		{name: "nothing", room: 9, sizes: []int{-1, -1}},
		{name: "one", room: 9, sizes: []int{10, -1, -1}, batches: []int{1}, counts: [5]uint64{1, 10, 1}, gets: 1},
		{name: "full of frames", room: 9, sizes: []int{1, 2, 3, 4, 5, -1}, batches: []int{4, 1}, counts: [5]uint64{5, 15, 2}, gets: 2},
		{name: "full of bytes", room: 9, sizes: []int{60, 50, 50, -1}, batches: []int{1, 2}, counts: [5]uint64{3, 160, 2}, gets: 2},
		{name: "left over", room: 9, sizes: []int{60, 50}, batches: []int{1}, counts: [5]uint64{1, 60, 1}, gets: 2},
		{name: "no room", room: 1, sizes: []int{60, 50, 60, 60, -1, 5, -1}, batches: []int{1}, counts: [5]uint64{1, 60, 1, 4}, gets: 5},
		{name: "too large at first", room: 9, sizes: []int{101, 101, 101, 50, -1}, batches: []int{1}, counts: [5]uint64{1, 50, 1, 0, 3}, gets: 1},
		{name: "too large between", room: 9, sizes: []int{50, 200, 50, -1}, batches: []int{1, 1}, counts: [5]uint64{2, 100, 2, 0, 1}, gets: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sink := &smallSink{room: tc.room}
			var c handCounts
			h := filler{sink: sink, counts: &c}
			for _, n := range tc.sizes {
				if n < 0 {
					h.put()
					continue
				}
				h.add(&packet.Frame{Data: make([]byte, n)})
			}
			got := [5]uint64{c.frames.Load(), c.bytes.Load(), c.batches.Load(), c.dropped.Load(), c.tooLarge.Load()}
			if got != tc.counts {
				t.Errorf("frames, bytes, batches, dropped, too large: %v, want %v", got, tc.counts)
			}
			if len(sink.taken) != len(tc.batches) || sink.gets != tc.gets {
				t.Fatalf("batches %v and %d asked for, want %v and %d", sink.taken, sink.gets, tc.batches, tc.gets)
			}
			for i, n := range tc.batches {
				if sink.taken[i] != n {
					t.Errorf("batch %d has %d frames, want %d", i, sink.taken[i], n)
				}
			}
		})
	}
}
