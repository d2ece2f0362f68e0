package pipeline

import (
	"sync"

	"github.com/sipward/sipward/sip/packet"
)

// Sizes of a batch: what a capture hands over at once.
const (
	batchFrames = 512
	batchBytes  = 512 << 10
)

// Queue hands batches of frames from capture goroutines to the pipeline. It is
// bounded; what does not fit is refused, never waited for. It is safe for
// concurrent use.
//
// A capture hands over what it has every few milliseconds. While the pipeline
// is busy, such small batches are put together, so that the bound is one of
// frames and bytes: without that, a pause of half a second would fill the
// queue with next to nothing.
type Queue struct {
	ready chan struct{} // a batch may be there

	mu    sync.Mutex      // guards what follows
	full  []*packet.Batch // a ring of the bound's size
	first int             // of full
	n     int             // in full
	empty []*packet.Batch
}

// NewQueue returns a queue of at most batches batches of 512 frames and 512
// KiB, which are made when first needed and then reused.
func NewQueue(batches int) *Queue {
	return &Queue{
		ready: make(chan struct{}, 1),
		full:  make([]*packet.Batch, max(batches, 1)), empty: make([]*packet.Batch, 0, max(batches, 1)),
	}
}

// Get returns an empty batch to fill.
func (q *Queue) Get() *packet.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.empty)
	if n == 0 {
		return packet.NewBatch(batchFrames, batchBytes)
	}
	b := q.empty[n-1]
	q.empty = q.empty[:n-1]
	return b
}

// Put hands b over. It reports false when the queue is full; the frames of b
// are then lost, for the caller to count. Either way b is not the caller's any
// more.
func (q *Queue) Put(b *packet.Batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := len(q.full)
	switch {
	case q.n > 0 && q.full[(q.first+q.n-1)%size].Append(b):
		q.keep(b)
	case q.n < size:
		q.full[(q.first+q.n)%size] = b
		q.n++
	default:
		q.keep(b)
		return false
	}
	q.announce()
	return true
}

// take returns the oldest batch, nil when there is none. It is the caller's
// until it calls recycle.
func (q *Queue) take() *packet.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil
	}
	b := q.full[q.first]
	q.full[q.first] = nil
	q.first = (q.first + 1) % len(q.full)
	q.n--
	if q.n > 0 {
		q.announce()
	}
	return b
}

func (q *Queue) recycle(b *packet.Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keep(b)
}

// keep empties b for Get, unless there are enough. q.mu is held.
func (q *Queue) keep(b *packet.Batch) {
	b.Reset()
	if len(q.empty) < cap(q.empty) {
		q.empty = append(q.empty, b)
	}
}

func (q *Queue) announce() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Len is the number of batches waiting.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}
