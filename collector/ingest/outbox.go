package ingest

import (
	"slices"
	"sync"

	"github.com/sipward/sipward/sync/record"
)

// outbox holds the acks that a connection has not sent yet, one a node: a newer
// one says all that the older one said.
type outbox struct {
	wake  chan struct{}
	bound int
	mu    sync.Mutex // guards all below
	acks  map[string]*record.Ack
	order []string
}

func newOutbox(bound int) *outbox {
	return &outbox{wake: make(chan struct{}, 1), bound: bound, acks: map[string]*record.Ack{}}
}

// put returns false when there is no room.
func (o *outbox) put(node string, a *record.Ack) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch old := o.acks[node]; {
	case old != nil:
		a = merge(old, a)
	case len(o.acks) >= o.bound:
		return false
	default:
		o.order = append(o.order, node)
	}
	o.acks[node] = a
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

// take removes the ack that has waited longest; nil when there is none.
func (o *outbox) take() (string, *record.Ack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) == 0 {
		return "", nil
	}
	node := o.order[0]
	o.order = o.order[1:]
	a := o.acks[node]
	delete(o.acks, node)
	return node, a
}

// clear forgets everything, for what was meant for a connection that is gone.
func (o *outbox) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.acks)
	o.order = nil
}

// merge returns an ack that says all of b, and of a what b does not speak of.
// Neither is changed: another link may hold them.
func merge(a, b *record.Ack) *record.Ack {
	m := &record.Ack{
		Version: b.GetVersion(), StoreId: b.GetStoreId(), CreditBytes: b.GetCreditBytes(),
		SentUnixMs: b.GetSentUnixMs(), HelloUnixMs: b.GetHelloUnixMs(), Collector: b.GetCollector(),
		Cursors: slices.Clone(b.GetCursors()),
	}
	if m.HelloUnixMs == 0 {
		m.HelloUnixMs = a.GetHelloUnixMs()
	}
	if a.GetStoreId() != b.GetStoreId() { // of another history
		return m
	}
	for _, c := range a.GetCursors() {
		if !slices.ContainsFunc(b.GetCursors(), func(x *record.Cursor) bool {
			return x.GetEpoch() == c.GetEpoch() && x.GetStream() == c.GetStream()
		}) {
			m.Cursors = append(m.Cursors, c)
		}
	}
	return m
}
