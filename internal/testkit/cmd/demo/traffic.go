package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// Length of one call, on average, before the comparison: all of them must end for it.
const (
	delay = 300 * time.Millisecond // to ringing
	ring  = 1500 * time.Millisecond
	hold  = 8 * time.Second
)

// mix is how calls end.
var mix = []testkit.Share{
	{Outcome: testkit.Answered, Weight: 12}, {Outcome: testkit.Failover, Weight: 2}, {Outcome: testkit.Busy, Weight: 2},
	{Outcome: testkit.NoAnswer, Weight: 1}, {Outcome: testkit.Cancelled, Weight: 2}, {Outcome: testkit.NotFound, Weight: 1},
	{Outcome: testkit.Declined, Weight: 1}, {Outcome: testkit.Unavailable, Weight: 1},
}

// seed is another one for every plan: Call-IDs are made of it.
func (w *switchSite) seed(use, seed uint64) uint64 {
	return use<<60 | seed<<16 | uint64(w.plan.Port)
}

// planFor makes traffic for about so many seconds, with time for the last calls to end.
func (w *switchSite) planFor(length time.Duration, rate float64, seed uint64) (testkit.Plan, error) {
	tail := (delay + ring + hold) * 3 / 2
	begins := max(length-tail, length/3)
	plan := w.plan
	plan.Seed, plan.Start = w.seed(1, seed), time.Now()
	plan.Calls, plan.Rate, plan.Mix = max(1, int(begins.Seconds()*rate)), rate, mix
	plan.Delay, plan.Ring, plan.Hold, plan.Spread = delay, ring, hold, 0.4
	plan.RTP, plan.Digits, plan.DigitShare, plan.Registers, plan.RegistersDenied = true, 4, .5, 24, 3
	return plan.Fill()
}

// Afterwards calls are fewer and longer, without an end in sight: some are always going on.
const (
	longRing = 6 * time.Second
	longHold = time.Minute
	longRate = .25 // by switch
	longCall = 7 * 24 * time.Hour
)

func (w *switchSite) longPlan(seed uint64) (testkit.Plan, error) {
	plan := w.plan
	length := longCall.Seconds()
	plan.Seed, plan.Start = w.seed(2, seed), time.Now()
	plan.Calls, plan.Rate, plan.Mix = int(length*longRate), longRate, mix
	plan.Delay, plan.Ring, plan.Hold, plan.Spread = delay, longRing, longHold, 0.9
	plan.RTP, plan.Digits, plan.DigitShare = true, 4, .25
	return plan.Fill()
}

// registerPlan is one round of phones that register, one of them with somebody else's number.
func (w *switchSite) registerPlan(seed uint64) (testkit.Plan, error) {
	plan := w.plan
	plan.Seed, plan.Start = w.seed(3, seed), time.Now()
	plan.Rate, plan.Registers, plan.RegistersDenied = .5, 24, 1
	return plan.Fill()
}

// shared is a sink for several players.
type shared struct {
	mu sync.Mutex // guards to
	to testkit.Sink
}

// Send implements testkit.Sink.
func (s *shared) Send(p *testkit.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Send(p)
}

// sink is where the generator's packets of a switch go.
func (w *switchSite) sink(ctx context.Context) (testkit.Sink, func(), error) {
	if w.hep == "" {
		live := testkit.NewLive()
		return &shared{to: live}, func() { _ = live.Close() }, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", w.hep)
	if err != nil {
		return nil, nil, fmt.Errorf("reach the agent's HEP listener: %w", err)
	}
	return &shared{to: &testkit.HEP{W: conn, Node: 1, Media: true}}, func() { _ = conn.Close() }, nil
}
