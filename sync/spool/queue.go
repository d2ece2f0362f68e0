package spool

import (
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// batch is records of one stream that are committed together.
type batch struct {
	stream  record.Stream
	records [][]byte
	bytes   int
	waiters int           // callers of Append
	since   time.Time     // when the first came
	done    chan struct{} // closed when first and err say what became of it
	first   uint64
	err     error
}

// queue holds what waits for the disk. It is bounded in records and in bytes.
type queue struct {
	mu      sync.Mutex // guards all below
	batches [2][]*batch
	records [2]int
	bytes   int
	pushed  [2]uint64 // records ever taken
	decided [2]uint64 // of these, records that were committed or refused
	passed  *sync.Cond
	limit   int
	closed  bool
}

// push adds a record, and returns the batch and the place in it. wake says that
// the writer may have something to do that it does not know of.
func (q *queue) push(st record.Stream, data []byte, wait bool) (b *batch, at int, wake bool, err error) {
	i := index(st)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, 0, false, ErrClosed
	case q.records[0]+q.records[1] >= q.limit || q.bytes+len(data) > queueBytes:
		return nil, 0, false, ErrQueue
	}
	if n := len(q.batches[i]); n > 0 {
		b = q.batches[i][n-1]
	}
	if b == nil || len(b.records) >= batchRecords || b.bytes+len(data) > batchBytes {
		b = &batch{stream: st, since: time.Now()}
		if n := len(q.batches[i]); n > 0 {
			b.records = make([][]byte, 0, batchRecords)
		}
		q.batches[i] = append(q.batches[i], b)
		wake = true
	}
	at = len(b.records)
	b.records = append(b.records, data)
	b.bytes += len(data)
	if wait {
		if b.done == nil {
			b.done = make(chan struct{})
			wake = true
		}
		b.waiters++
	}
	q.records[i]++
	q.bytes += len(data)
	q.pushed[i]++
	return b, at, wake || len(b.records) == batchRecords, nil
}

// look returns the first batch that waits, of the stream whose turn it is or else of the
// other, and whether more of that stream wait. b is nil when nothing does.
func (q *queue) look(turn record.Stream) (st record.Stream, b *batch, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if st = turn; len(q.batches[index(st)]) == 0 {
		if st = record.Calls + record.Telemetry - turn; len(q.batches[index(st)]) == 0 {
			return 0, nil, false
		}
	}
	all := q.batches[index(st)]
	return st, all[0], len(all) > 1
}

// ready reports whether a batch is full, and how many callers wait for it.
func (q *queue) ready(b *batch) (full bool, waiters int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(b.records) >= batchRecords || b.bytes >= batchBytes, b.waiters
}

// take removes the first batch of a stream; from now on nothing is added to it.
func (q *queue) take(st record.Stream) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := index(st)
	b := q.batches[i][0]
	q.batches[i][0] = nil
	q.batches[i] = q.batches[i][1:]
	return b
}

// settle says that the fate of a batch is decided.
func (q *queue) settle(b *batch) {
	q.mu.Lock()
	i := index(b.stream)
	q.records[i] -= len(b.records)
	q.bytes -= b.bytes
	q.decided[i] += uint64(len(b.records))
	q.passed.Broadcast()
	q.mu.Unlock()
	if b.done != nil {
		close(b.done)
	}
}

// drained waits until all that was pushed to a stream before the call is decided.
func (q *queue) drained(st record.Stream) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for goal := q.pushed[index(st)]; q.decided[index(st)] < goal; {
		q.passed.Wait()
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

func (q *queue) lengths() [2]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.records
}
