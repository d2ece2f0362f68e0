package capture

import (
	"sync/atomic"

	"github.com/sipward/sipward/sip/packet"
)

// handCounts say what became of the frames of one or more fillers. Frames are
// counted after they were handed over: who takes one may see it before its
// count.
type handCounts struct {
	frames, bytes, batches atomic.Uint64 // taken by the sink
	dropped                atomic.Uint64 // frames that the sink refused
	tooLarge               atomic.Uint64 // frames larger than an empty batch
}

// filler fills batches with frames and hands them to a sink. It is not safe
// for concurrent use.
type filler struct {
	sink   Sink
	counts *handCounts
	batch  *packet.Batch // nil, or empty, when nothing is in it
	bytes  uint64        // in batch
}

// add copies f into the batch; a full batch is handed over first.
func (h *filler) add(f *packet.Frame) {
	if h.batch != nil && h.fits(f) {
		return
	}
	h.put()
	if h.batch == nil {
		h.batch = h.sink.Get()
		if h.fits(f) {
			return
		}
	}
	h.counts.tooLarge.Add(1)
}

func (h *filler) fits(f *packet.Frame) bool {
	if !h.batch.Add(f) {
		return false
	}
	h.bytes += uint64(len(f.Data))
	return true
}

// put hands over what there is, and leaves no batch or an empty one.
func (h *filler) put() {
	b, bytes := h.batch, h.bytes
	if b == nil || len(b.Frames) == 0 {
		return
	}
	h.batch, h.bytes = nil, 0
	n := uint64(len(b.Frames)) // after Put it is not ours to look into
	if !h.sink.Put(b) {
		h.counts.dropped.Add(n)
		return
	}
	h.counts.bytes.Add(bytes)
	h.counts.batches.Add(1)
	h.counts.frames.Add(n) // last: who waits for frames finds the others counted
}
