package pipeline

import (
	"sync/atomic"

	"github.com/sipward/sipward/sip/packet"
)

// Sizes of a batch: what a capture hands over at once.
const (
	batchFrames = 512
	batchBytes  = 512 << 10
)

// Queue hands batches of frames from capture goroutines to the pipeline. It is
// bounded; what does not fit is counted and dropped, never waited for. It is
// safe for concurrent use.
type Queue struct {
	full    chan *packet.Batch
	empty   chan *packet.Batch
	dropped atomic.Uint64 // frames
}

// NewQueue returns a queue of at most batches batches of 512 frames and 512
// KiB, which are made when first needed and then reused.
func NewQueue(batches int) *Queue {
	return &Queue{full: make(chan *packet.Batch, batches), empty: make(chan *packet.Batch, batches)}
}

// Get returns an empty batch to fill.
func (q *Queue) Get() *packet.Batch {
	select {
	case b := <-q.empty:
		return b
	default:
		return packet.NewBatch(batchFrames, batchBytes)
	}
}

// Put hands b over. It reports false when the queue is full; the frames of b
// are then lost and counted. Either way b is not the caller's any more.
func (q *Queue) Put(b *packet.Batch) bool {
	select {
	case q.full <- b:
		return true
	default:
		q.dropped.Add(uint64(len(b.Frames)))
		q.recycle(b)
		return false
	}
}

func (q *Queue) recycle(b *packet.Batch) {
	b.Reset()
	select {
	case q.empty <- b:
	default:
	}
}

// Dropped is the number of frames that found the queue full.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Len is the number of batches waiting.
func (q *Queue) Len() int { return len(q.full) }
