package pipeline

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// CallFilter says which calls in progress are wanted.
type CallFilter struct {
	// Customer and Carrier are names as in the configuration, or party.UnknownName;
	// "" is any. Without a carrier, calls are listed, as the customers' gauges count
	// them; with one, whatever has an attempt at that carrier that is not over: calls,
	// and the carrier legs of a B2BUA.
	Customer, Carrier string
	// Limit is the most that are listed, of at most record.MaxCalls; 0: 100.
	Limit int
}

// What a question costs the pipeline between two batches of frames: less than a
// batch does, so that the queue does not fill by it. BenchmarkCalls measures it.
const (
	legsAtOnce  = 512 // looked at
	callsAtOnce = 16  // described, with a look into the kernel for each of their media addresses
)

const defaultCalls = 100

// answering is how long a call that was just answered may have no media at all before
// that says anything about it.
const answering = 2 * time.Second

// question is one Calls that waits for its answer.
type question struct {
	ctx    context.Context //nolint:containedctx // of whoever asked: when he has gone, the work ends
	filter CallFilter
	answer chan callList // has room for one
}

type callList struct {
	calls []record.LiveCall
	more  int
}

// Calls lists the calls in progress that f asks for, the newest first; more is how
// many others there are. It is safe for concurrent use, and meant to be asked about
// once a second.
//
// The goroutine that owns the calls looks through them in small portions, between
// two batches of frames, so neither capture nor figures wait for it; one question is
// worked on at a time. So the list is not of one moment: a call that began or ended in the
// few milliseconds that it took may be in it or not. With 100,000 calls that is some
// 50 ms of one core. Calls returns the context's error when that ends first, as it must before
// Run and after it.
func (t *Task) Calls(ctx context.Context, f CallFilter) (calls []record.LiveCall, more int, err error) {
	q := &question{ctx: ctx, filter: f, answer: make(chan callList, 1)}
	select {
	case t.questions <- q:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a.calls, a.more, nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// search is a question that is being worked on.
type search struct {
	*question
	core              *Core
	walk              *dialog.Walk
	customer, carrier party.ID
	limit, found      int
	newest            newest
	list              []record.LiveCall
	listing           bool
}

// search begins to work on q.
func (c *Core) search(q *question) *search {
	s := &search{question: q, core: c, walk: c.legs.Walk(), limit: q.filter.Limit}
	s.customer = c.book.ByName(party.Customer, q.filter.Customer)
	s.carrier = c.book.ByName(party.Carrier, q.filter.Carrier)
	if s.limit <= 0 {
		s.limit = defaultCalls
	}
	s.limit = min(s.limit, record.MaxCalls)
	return s
}

// step works on for a moment, and reports whether there is more to do.
func (s *search) step() (more bool) {
	s.core.guard(func() { more = s.on() }) // after a panic there is no more
	if !more {
		s.answer <- callList{s.list, s.found - len(s.list)}
	}
	return more
}

func (s *search) on() bool {
	switch {
	case s.ctx.Err() != nil:
		return false
	case !s.listing:
		s.listing = !s.walk.Next(legsAtOnce, s.look)
		if s.listing {
			slices.SortFunc(s.newest, newer)
			s.list = make([]record.LiveCall, 0, len(s.newest))
		}
		return true
	}
	n := min(callsAtOnce, len(s.newest))
	for _, l := range s.newest[:n] {
		if l.Gone() || l.State == dialog.Ended { // meanwhile
			s.found--
			continue
		}
		m := s.core.mediaSoFar(l)
		s.list = append(s.list, record.NewLiveCall(l, &m, s.core.book))
	}
	s.newest = s.newest[n:]
	return len(s.newest) > 0
}

// look keeps l if it is one of the newest that are wanted.
func (s *search) look(l *dialog.Leg) {
	if l.State == dialog.Ended || !s.wanted(l) {
		return
	}
	s.found++
	switch {
	case len(s.newest) < s.limit:
		heap.Push(&s.newest, l)
	case newer(l, s.newest[0]) < 0:
		s.newest[0] = l
		heap.Fix(&s.newest, 0)
	}
}

func (s *search) wanted(l *dialog.Leg) bool {
	if s.filter.Customer != "" && (l.Customer != s.customer || s.customer == party.Unknown && s.filter.Customer != party.UnknownName) {
		return false
	}
	if s.filter.Carrier == "" {
		return l.Call
	}
	if s.carrier == party.Unknown && s.filter.Carrier != party.UnknownName {
		return false
	}
	return slices.ContainsFunc(l.Attempts, func(a dialog.Attempt) bool { return a.Carrier == s.carrier && a.State != dialog.Ended })
}

// newer orders legs, the newest first.
func newer(a, b *dialog.Leg) int {
	return cmp.Or(cmp.Compare(b.Invited, a.Invited), cmp.Compare(b.ID, a.ID))
}

// newest is a heap, the oldest on top.
type newest []*dialog.Leg

func (h newest) Len() int           { return len(h) }
func (h newest) Less(i, j int) bool { return newer(h[i], h[j]) > 0 }
func (h newest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *newest) Push(x any) { *h = append(*h, x.(*dialog.Leg)) }

// Pop is for container/heap. Nothing is ever taken out.
func (h *newest) Pop() any { panic("not used") }

// mediaSoFar says what has been seen of the media of a call that goes on: which
// sides sent, not how much; and the keys that were pressed. It changes nothing.
func (c *Core) mediaSoFar(l *dialog.Leg) counters.MediaResult {
	r := c.mediaOf(l)
	var flows []*media.Flow
	for ep := range l.Endpoints {
		for f := range c.media.Flows(ep, l.ID) {
			flows = append(flows, f)
		}
	}
	caller, callee := c.lastBySide(l)
	for i, to := range []media.Side{media.Callee, media.Caller} {
		s := &r.Sent[i]
		*s = media.Summarize(flows, to, parse.Audio)
		if got := []int64{callee, caller}[i]; got != 0 {
			s.Packets = max(s.Packets, 1) // which the kernel alone may have counted
		}
	}
	if r.Sent[0].Packets == 0 && r.Sent[1].Packets == 0 && c.clock.now-l.Answer < int64(answering) {
		r.Expected = false
	}
	return r
}
