package capture

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/sipward/sipward/sip/packet"
)

// LiveStats are the figures of a [Live] since its start. Counts only grow.
type LiveStats struct {
	Mode          Mode
	Received      uint64 // frames read from the rings
	Delivered     uint64 // of these, taken by the sink
	QueueDropped  uint64 // of these, refused by the sink because it was full
	TooLarge      uint64 // of these, too large for a batch
	KernelDropped uint64 // frames lost because a ring was full; up to a second old
	Frozen        uint64 // times that a ring was full
	Batches       uint64 // taken by the sink
	Wakeups       uint64 // of the reader
	Filter        FilterStats
	Interfaces    []InterfaceState
}

// liveCounts are written by the reader alone.
type liveCounts struct {
	received, delivered, queueDropped, tooLarge atomic.Uint64
	kernelDropped, frozen                       atomic.Uint64
	batches, wakeups                            atomic.Uint64
}

// Stats returns the figures of this moment.
func (l *Live) Stats() LiveStats {
	c := &l.counts
	s := LiveStats{
		Mode:          l.Mode(),
		Received:      c.received.Load(),
		Delivered:     c.delivered.Load(),
		QueueDropped:  c.queueDropped.Load(),
		TooLarge:      c.tooLarge.Load(),
		KernelDropped: c.kernelDropped.Load(),
		Frozen:        c.frozen.Load(),
		Batches:       c.batches.Load(),
		Wakeups:       c.wakeups.Load(),
		Filter:        l.filter.stats(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Interfaces = slices.Clone(l.state)
	return s
}

// hand fills batches and hands them to the sink.
type hand struct {
	sink   Sink
	counts *liveCounts
	batch  *packet.Batch
}

// add copies f into the batch; a full batch is handed over first.
func (h *hand) add(f *frame) {
	h.counts.received.Add(1)
	out := packet.Frame{
		Time:      f.time,
		Data:      f.data,
		WireLen:   f.wireLen,
		Link:      packet.LinkNetwork,
		EtherType: f.etherType,
		Iface:     f.ifindex,
	}
	if h.batch == nil {
		h.batch = h.sink.Get()
	}
	if h.batch.Add(&out) {
		return
	}
	if len(h.batch.Frames) > 0 {
		h.put()
		h.batch = h.sink.Get()
		if h.batch.Add(&out) {
			return
		}
	}
	h.counts.tooLarge.Add(1)
}

// flush hands over what there is. sort: the frames come from several rings.
func (h *hand) flush(sort bool) {
	if h.batch == nil || len(h.batch.Frames) == 0 {
		return
	}
	if sort {
		slices.SortStableFunc(h.batch.Frames, func(a, b packet.Frame) int { return cmp.Compare(a.Time, b.Time) })
	}
	h.put()
}

func (h *hand) put() {
	n := uint64(len(h.batch.Frames))
	if h.sink.Put(h.batch) {
		h.counts.delivered.Add(n)
		h.counts.batches.Add(1)
	} else {
		h.counts.queueDropped.Add(n)
	}
	h.batch = nil
}
