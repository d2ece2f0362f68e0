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
	handCounts
	received, wakeups     atomic.Uint64
	kernelDropped, frozen atomic.Uint64
}

// Stats returns the figures of this moment.
func (l *Live) Stats() LiveStats {
	c := &l.counts
	s := LiveStats{
		Mode:          l.Mode(),
		Received:      c.received.Load(),
		Delivered:     c.frames.Load(),
		QueueDropped:  c.dropped.Load(),
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

// hand makes frames of what the rings hold and hands them to the sink.
type hand struct {
	filler
	received *atomic.Uint64
}

func newHand(sink Sink, counts *liveCounts) hand {
	return hand{filler: filler{sink: sink, counts: &counts.handCounts}, received: &counts.received}
}

// add copies f into the batch; a full batch is handed over first.
func (h *hand) add(f *frame) {
	h.received.Add(1)
	h.filler.add(&packet.Frame{
		Time:      f.time,
		Data:      f.data,
		WireLen:   f.wireLen,
		Link:      packet.LinkNetwork,
		EtherType: f.etherType,
		Iface:     f.ifindex,
	})
}

// flush hands over what there is. sort: the frames come from several rings.
func (h *hand) flush(sort bool) {
	if sort && h.batch != nil {
		slices.SortStableFunc(h.batch.Frames, func(a, b packet.Frame) int { return cmp.Compare(a.Time, b.Time) })
	}
	h.put()
}
