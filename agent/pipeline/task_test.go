package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// ringing hands n calls that ring to the queue, in batches of one frame.
func ringing(t *testing.T, q *Queue, n int) {
	t.Helper()
	_, all := frames(t, testkit.Plan{Start: time.Now(), Calls: n, Rate: 1e6, Ring: time.Hour})
	stop := time.Now().Add(time.Minute).UnixNano() // the answers come after that
	for i := range all {
		if all[i].Time > stop {
			break
		}
		b := q.Get()
		b.Add(&all[i])
		if !q.Put(b) {
			t.Fatal("the queue is full")
		}
	}
}

// run runs a task and returns how it is ended, which returns its last word.
func run(t *testing.T, task *Task) (end func() *Snapshot) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- task.Run(ctx) }()
	<-task.Ready()
	return func() *Snapshot {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		return task.Snapshot()
	}
}

// TestTaskEnd: what is queued when the end comes is taken, and every call is
// closed and reported before Run returns.
func TestTaskEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprint("ended before it began ", before), func(t *testing.T) {
			q := NewQueue(64)
			finished := 0
			core := New(Config{Book: book(t, testkit.Plan{}), Finished: func(l *dialog.Leg, _ *counters.MediaResult, _ *party.Book) {
				if l.Release == dialog.CaptureEnd {
					finished++
				}
			}})
			task := NewTask(core, q)
			if s := task.Snapshot(); s == nil || s.Published.IsZero() || s.Core.Frames != 0 {
				t.Fatalf("before Run: %+v", s)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ringing(t, q, 30)
			if before {
				cancel()
			}
			done := make(chan error, 1)
			go func() { done <- task.Run(ctx) }()
			<-task.Ready()
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			s := task.Snapshot()
			if s.Figures.Total.Started != 30 || finished != 30 || s.Dialogs.Legs != 0 || q.Len() != 0 {
				t.Errorf("%d started, %d finished, %d legs and %d batches left", s.Figures.Total.Started, finished, s.Dialogs.Legs, q.Len())
			}
		})
	}
}

// TestTaskSnapshot: each second a new one, with its time by the process, as
// long as time passes for the core.
func TestTaskSnapshot(t *testing.T) {
	defer goleak.VerifyNone(t)
	began := time.Now()
	q := NewQueue(64)
	task := NewTask(New(Config{Book: book(t, testkit.Plan{})}), q)
	first := task.Snapshot()
	end := run(t, task)
	ringing(t, q, 3)
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for s := task.Snapshot(); s.Figures.Total.Started != 3 || s.Now < began.UnixNano(); s = task.Snapshot() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%d started at %d", s.Figures.Total.Started, s.Now)
		}
	}
	s := task.Snapshot()
	last := end()
	if !s.Published.After(first.Published) || last.Published.Before(s.Published) || time.Since(last.Published) > time.Since(began) {
		t.Errorf("published %v, %v, %v", first.Published, s.Published, last.Published)
	}
}

// TestTaskSetBook: calls after it returns belong to the new parties, those
// before to the old ones.
func TestTaskSetBook(t *testing.T) {
	defer goleak.VerifyNone(t)
	q := NewQueue(64)
	old, err := party.NewBook(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := testkit.Plan{Calls: 1, Customers: 1}.Fill()
	if err != nil {
		t.Fatal(err)
	}
	entry := party.Entry{Name: "new", Kind: party.Customer,
		Addresses: []netip.Prefix{netip.PrefixFrom(plan.CustomerAddr(0), plan.CustomerAddr(0).BitLen())}}
	book, err := old.Next([]party.Entry{entry}, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := NewTask(New(Config{Book: old}), q)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := task.SetBook(ctx, book); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing runs: %v, want %v", err, context.Canceled)
	}
	end := run(t, task)
	if err := task.SetBook(context.Background(), book); err != nil {
		t.Errorf("SetBook: %v", err)
	}
	_, all := frames(t, testkit.Plan{Start: time.Now(), Calls: 1, Customers: 1, Ring: time.Hour})
	b := q.Get()
	b.Add(&all[0])
	q.Put(b)
	s := end()
	if len(s.Figures.Customers) == 0 || s.Figures.Customers[0].Name != "new" || s.Figures.Customers[0].Started != 1 {
		t.Errorf("customers %+v", s.Figures.Customers)
	}
}

// TestTaskDrain: drain takes what is queued when it begins, and ends although
// more comes.
func TestTaskDrain(t *testing.T) {
	q := NewQueue(8)
	core := New(Config{Book: book(t, testkit.Plan{})})
	task := NewTask(core, q)
	put := func(n int) {
		for range n {
			b := q.Get()
			for b.Add(&packet.Frame{Time: start, Data: make([]byte, 1000), Link: packet.LinkRaw}) {
			}
			if !q.Put(b) {
				t.Fatal("the queue is full")
			}
		}
	}
	put(5)
	task.drain()
	each := uint64(512)
	if n := core.Snapshot().Core.Frames; n != 5*each || q.Len() != 0 {
		t.Errorf("%d frames taken, %d batches left; want %d, 0", n, q.Len(), 5*each)
	}
	put(1)
	task.take()
	task.take() // announced, but gone
	if n := core.Snapshot().Core.Frames; n != 6*each {
		t.Errorf("%d frames taken, want %d", n, 6*each)
	}
}
