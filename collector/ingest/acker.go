package ingest

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
	"golang.org/x/sync/errgroup"
)

// askTimeout bounds one question to the store about a node. An ack that cannot be
// given is dropped: the node asks again.
const askTimeout = 10 * time.Second

// acker answers nodes from the store. Everything that asks for an ack of a node
// while an earlier one waits becomes one.
type acker struct {
	ingest *Ingest
	seed   maphash.Seed
	shards []*shard // a node is always in the same one, so that its acks keep their order
}

type shard struct {
	wake    chan struct{}
	mu      sync.Mutex // guards all below
	waiting map[string]*request
	order   []string // nodes in waiting, the first come first
}

// request is what a node waits for.
type request struct {
	node   string
	epochs map[uint64]bool
	hello  *record.Hello // nil when it did not say any
	links  []link
}

// maxEpochs bounds the epochs of one ack. A node that holds more is told of the
// others when these are done.
const maxEpochs = 256

func newAcker(i *Ingest, shards int) *acker {
	a := &acker{ingest: i, seed: maphash.MakeSeed()}
	for range shards {
		a.shards = append(a.shards, &shard{wake: make(chan struct{}, 1), waiting: map[string]*request{}})
	}
	return a
}

func (a *acker) run(ctx context.Context, g *errgroup.Group) {
	for _, s := range a.shards {
		g.Go(func() error { return a.work(ctx, s) })
	}
}

// touch asks for an ack that states epoch.
func (a *acker) touch(node string, epoch uint64, from link) {
	a.ask(node, from, func(r *request) { r.add(epoch) })
}

// hello asks for an answer to h; of several the newest counts.
func (a *acker) hello(node string, h *record.Hello, from link) {
	a.ask(node, from, func(r *request) {
		r.hello = h
		r.add(h.GetEpoch())
		for _, held := range [][]*record.Held{h.GetHeld(), h.GetReleased()} {
			for _, x := range held {
				r.add(x.GetEpoch())
			}
		}
	})
}

func (r *request) add(epoch uint64) {
	if len(r.epochs) < maxEpochs {
		r.epochs[epoch] = true
	}
}

func (a *acker) ask(node string, from link, fill func(*request)) {
	s := a.shards[maphash.String(a.seed, node)%uint64(len(a.shards))]
	s.mu.Lock()
	r := s.waiting[node]
	if r == nil {
		if len(s.waiting) >= a.ingest.cfg.MaxNodes {
			s.mu.Unlock()
			a.ingest.stats.unanswered.Add(1)
			return
		}
		r = &request{node: node, epochs: map[uint64]bool{}}
		s.waiting[node] = r
		s.order = append(s.order, node)
	}
	fill(r)
	if !slices.Contains(r.links, from) {
		r.links = append(r.links, from)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shard) next() *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		return nil
	}
	node := s.order[0]
	s.order = s.order[1:]
	r := s.waiting[node]
	delete(s.waiting, node)
	return r
}

func (a *acker) work(ctx context.Context, s *shard) error {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		for r := s.next(); r != nil && ctx.Err() == nil; r = s.next() {
			a.serve(ctx, r)
		}
	}
}

func (a *acker) serve(ctx context.Context, r *request) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var ack *record.Ack
	err := a.ingest.shielded(ctx, func(ctx context.Context) (err error) {
		ack, err = a.answer(ctx, r)
		return err
	})
	if err != nil {
		a.ingest.stats.unanswered.Add(1)
		a.ingest.seldom.Warn(a.ingest.now(), "no ack", "node", r.node, "error", err)
		return
	}
	for _, l := range r.links {
		l.post(r.node, ack)
	}
}

// answer states what the store has. It does not ask again on errors.
func (a *acker) answer(ctx context.Context, r *request) (*record.Ack, error) {
	i := a.ingest
	ack := &record.Ack{Version: record.Version, StoreId: i.cfg.Store.ID(), Collector: i.cfg.Name}
	if r.hello != nil {
		switch err := i.cfg.Store.Hello(ctx, r.node, r.hello); {
		case err == nil:
		case refused(err): // the node must hear what is stored all the same
			i.stats.unreadable.Add(1)
			i.seldom.Warn(i.now(), "hello that cannot be stored", "node", r.node, "error", err)
		default:
			return nil, fmt.Errorf("take note of a hello: %w", err)
		}
		ack.HelloUnixMs = r.hello.GetSentUnixMs()
	}
	epochs := make([]uint64, 0, len(r.epochs))
	for e := range r.epochs {
		epochs = append(epochs, e)
	}
	slices.Sort(epochs)
	cursors, err := i.cfg.Store.Cursors(ctx, r.node, epochs)
	if err != nil {
		return nil, fmt.Errorf("read what is committed: %w", err)
	}
	ack.Cursors = complete(cursors, epochs)
	now := i.now()
	i.ledger.state(r.node, ack.Cursors, now)
	ack.CreditBytes, ack.SentUnixMs = i.credit(), now.UnixMilli()
	return ack, nil
}

// complete adds a cursor that says "nothing" for what the store does not know at
// all, so that nothing cannot be taken for "not asked".
func complete(cursors []*record.Cursor, epochs []uint64) []*record.Cursor {
	for _, e := range epochs {
		for _, s := range record.Streams {
			if !slices.ContainsFunc(cursors, func(c *record.Cursor) bool {
				return c.GetEpoch() == e && c.GetStream() == uint32(s)
			}) {
				cursors = append(cursors, record.NewCursor(e, s, nil))
			}
		}
	}
	return cursors
}
