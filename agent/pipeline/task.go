package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/sip/party"
)

// Task runs a Core on the frames of a Queue and publishes a Snapshot once a
// second.
type Task struct {
	core      *Core
	queue     *Queue
	books     chan *party.Book
	questions chan *question
	last      atomic.Pointer[Snapshot]
	ready     chan struct{}
}

// NewTask returns a task; nothing runs before Run.
func NewTask(core *Core, queue *Queue) *Task {
	t := &Task{core: core, queue: queue, books: make(chan *party.Book), questions: make(chan *question), ready: make(chan struct{})}
	t.publish()
	return t
}

// publish stores what the core counted. The snapshot says when that was, since
// the core's own time is that of the frames, which go on although a core that
// hangs publishes nothing.
func (t *Task) publish() {
	s := t.core.Snapshot()
	s.Published = time.Now()
	t.last.Store(s)
}

// Ready is closed when Run takes frames.
func (t *Task) Ready() <-chan struct{} { return t.ready }

// Snapshot returns what was last published, at most a second ago while Run
// runs. It is safe for concurrent use.
func (t *Task) Snapshot() *Snapshot { return t.last.Load() }

// SetBook changes the parties between two frames. It returns when that is
// done, or with the context's error.
func (t *Task) SetBook(ctx context.Context, book *party.Book) error {
	select {
	case t.books <- book:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run takes frames until ctx ends; then it takes what is still queued, closes
// what is open, and returns nil.
func (t *Task) Run(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	t.publish() // with the calls that the core took over since NewTask
	close(t.ready)
	always := make(chan struct{})
	close(always)
	var asked *search
	for {
		questions, search := t.questions, (chan struct{})(nil)
		if asked != nil {
			questions, search = nil, always
		}
		select {
		case <-t.queue.ready:
			t.take()
		case q := <-questions:
			asked = t.core.search(q)
		case <-search:
			if !asked.step() {
				asked = nil
			}
		case <-second.C:
			// Frames carry the kernel's wall clock; a quiet line must still
			// let time pass. What is queued is older than now.
			t.drain()
			t.core.Tick(time.Now().UnixNano())
			t.publish()
		case book := <-t.books:
			t.core.SetBook(book)
		case <-ctx.Done():
			t.drain()
			t.core.Finish()
			t.publish()
			return nil
		}
	}
}

// drain takes what is queued at this moment.
func (t *Task) drain() {
	for range t.queue.Len() {
		t.take()
	}
}

// take takes one batch, if there is one.
func (t *Task) take() {
	b := t.queue.take()
	if b == nil {
		return
	}
	for i := range b.Frames {
		t.core.Frame(&b.Frames[i])
	}
	t.queue.recycle(b)
}
