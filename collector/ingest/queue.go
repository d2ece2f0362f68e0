package ingest

import (
	"context"
	"sync/atomic"

	"github.com/sipward/sipward/sync/record"
	"golang.org/x/sync/semaphore"
)

// message is one message on data/<stream>, on its way to the store.
type message struct {
	node   string
	header *record.Header // nil when there is none that is any good
	body   []byte         // packed; part of raw
	raw    []byte
	from   link
	done   func() // acks it to the broker
	cost   int64  // bytes that it holds in the queue
	batch  *record.Received
	known  uint64 // how many of its records were stored before it came
	bury   string // why it is to be set aside; empty while it is good
}

// overhead is what a message costs besides its payload.
const overhead = 512

// maxWaiting bounds how many messages wait for room. A broker that sends so many
// which were not acked has no bound of its own.
const maxWaiting = 2048

// queue holds messages up to a number of bytes, from when they were taken until
// they are stored.
type queue struct {
	size    int64
	used    atomic.Int64
	room    *semaphore.Weighted
	waiting atomic.Int64
	ch      chan *message
}

func newQueue(size int64, messages int) *queue {
	return &queue{size: size, room: semaphore.NewWeighted(size), ch: make(chan *message, messages)}
}

// put waits for room until ctx ends. It returns false when there was none, or
// when too many wait already.
func (q *queue) put(ctx context.Context, m *message) bool {
	m.cost = min(m.cost, q.size)
	if !q.room.TryAcquire(m.cost) {
		if q.waiting.Add(1) > maxWaiting {
			q.waiting.Add(-1)
			return false
		}
		err := q.room.Acquire(ctx, m.cost)
		q.waiting.Add(-1)
		if err != nil {
			return false
		}
	}
	q.used.Add(m.cost)
	select {
	case q.ch <- m:
		return true
	default:
	}
	if q.waiting.Add(1) <= maxWaiting {
		defer q.waiting.Add(-1)
		select {
		case q.ch <- m:
			return true
		case <-ctx.Done():
		}
	} else {
		q.waiting.Add(-1)
	}
	q.release(m)
	return false
}

// release gives the room of m back, when it is stored or given up.
func (q *queue) release(m *message) {
	q.used.Add(-m.cost)
	q.room.Release(m.cost)
}

// free is how many bytes the queue could take.
func (q *queue) free() int64 { return max(0, q.size-q.used.Load()) }
