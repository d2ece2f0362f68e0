package admin

import (
	"context"
	"sync"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
)

// Five minutes of channels are remembered of everybody who had any, so that whoever
// looks sees where the figures come from: 240 bytes a party.
const (
	recentStep = 5 * time.Second
	recentLen  = 60
)

// recent is the task that remembers how many channels there were.
type recent struct {
	source Source

	mu    sync.Mutex // guards what follows
	of    map[party.Kind]map[string]*history
	began time.Time // of the step that is being filled
}

// history is the most channels of each step, the last one last.
type history struct {
	most [recentLen]uint32
	idle int // steps without any
}

// all is the kind of the total, which no party has.
const all party.Kind = 0

func newRecent(source Source) *recent {
	return &recent{source: source, of: map[party.Kind]map[string]*history{
		all: {}, party.Customer: {}, party.Carrier: {},
	}}
}

// run looks once a second until ctx ends.
func (r *recent) run(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		if s := r.source.Status(); s.Figures != nil {
			r.look(s.Figures, time.Now())
		}
		select {
		case <-second.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *recent) look(s *counters.Snapshot, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() {
		r.began = now
	}
	for steps := 0; now.Sub(r.began) >= recentStep; steps++ {
		if steps == recentLen { // the machine slept
			r.began = now
			break
		}
		r.began = r.began.Add(recentStep)
		r.turn()
	}
	r.note(all, "", s.Total.Live())
	for i := range s.Customers {
		r.note(party.Customer, s.Customers[i].Name, s.Customers[i].Live())
	}
	for i := range s.Carriers {
		r.note(party.Carrier, s.Carriers[i].Name, s.Carriers[i].Live())
	}
}

// turn begins a step. Who had no channel for all the time is forgotten.
func (r *recent) turn() {
	for _, of := range r.of {
		for name, h := range of {
			if h.idle++; h.idle >= recentLen {
				delete(of, name)
				continue
			}
			copy(h.most[:], h.most[1:])
			h.most[recentLen-1] = 0
		}
	}
}

func (r *recent) note(kind party.Kind, name string, live uint64) {
	if live == 0 {
		return
	}
	h := r.of[kind][name]
	if h == nil {
		h = new(history)
		r.of[kind][name] = h
	}
	h.idle = 0
	h.most[recentLen-1] = max(h.most[recentLen-1], uint32(live)) // calls.max bounds it
}

// channels returns what is known of one party; nil when it had no channel. It is
// safe for concurrent use.
func (r *recent) channels(kind party.Kind, name string) []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.of[kind][name]
	if h == nil {
		return nil
	}
	out := h.most
	return out[:]
}
