package e2e

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// sample is what must not grow while calls come and go.
type sample struct {
	memory     int // bytes
	goroutines int
	endpoints  int // in the kernel's map
	legs       int
}

// TestSoak holds a level of live calls for the time that SIPWARD_SOAK says
// (make soak: 10 minutes). Memory, goroutines and map entries at the end are
// what they were after the first third.
func TestSoak(t *testing.T) {
	length := os.Getenv("SIPWARD_SOAK")
	if length == "" {
		t.Skip("takes minutes: run it with make soak, or SIPWARD_SOAK=2m")
	}
	need(t)
	d, err := time.ParseDuration(length)
	if err != nil {
		t.Fatal(err)
	}
	const (
		rate = 10 // calls a second
		hold = 4  // seconds, most of it voice
	)
	if d < 30*time.Second {
		t.Fatalf("SIPWARD_SOAK=%s: the level of calls takes 30 s at least to show a trend", length)
	}
	w := newWorld(t, peers.V4, false, "")
	b := batch{name: "soak", number: "2000", calls: int(d/time.Second) * rate, rate: rate,
		caller: peers.Caller{Play: append(peers.Keys("7"), peers.Voice(hold*1000)), Hold: 200},
		a:      peers.Callee{Refuse: "503 Service Unavailable"},
		b:      peers.Callee{Answer: 500, Play: []peers.Clip{peers.Voice(100)}}}
	r := w.start(&b)
	samples := w.sampleUntil(r.caller)
	res := r.finish()
	if res.caller.Failed > 0 || res.caller.Created != b.calls {
		t.Errorf("sipp: %+v", res.caller)
	}
	s := w.settle(res.caller.Created)
	w.equal("calls", s.Calls.Started, res.caller.Created)
	w.equal("answered calls", s.Calls.Answered, res.caller.Successful)
	w.equal("attempts at carrier A", peers.Party(s.Carriers, "alpha").Started, res.a.Accepted)
	w.equal("attempts at carrier B", peers.Party(s.Carriers, "beta").Started, res.b.Accepted)
	w.equal("digits", s.Calls.Digits.Caller, res.caller.Successful)
	for _, d := range s.Agent.Drops {
		w.equal("lost: "+d.Stage+" "+d.Event, d.N, 0)
	}
	w.steady(samples)
	w.empties()
}

// sampleUntil takes a sample a second until the caller has made its calls.
func (w *world) sampleUntil(caller *peers.Running) []sample {
	t := w.t
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var all []sample
	for {
		select {
		case <-caller.Done():
			return all
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
			all = append(all, w.sample())
		}
	}
}

func (w *world) sample() sample {
	t := w.t
	t.Helper()
	memory, err := peers.ResidentBytes(w.agent.PID())
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.agent.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	goroutines, ok := m["go_goroutines"]
	if !ok {
		t.Fatal("the agent does not export go_goroutines")
	}
	s := w.status()
	return sample{memory: memory, goroutines: int(goroutines), endpoints: s.Agent.Endpoints, legs: s.Agent.LiveLegs}
}

// steady compares the medians of the second third and the last. What the
// garbage collector leaves behind differs by a few MiB from one second to the
// next.
func (w *world) steady(all []sample) {
	t := w.t
	t.Helper()
	third := len(all) / 3
	for _, v := range []struct {
		name  string
		of    func(sample) int
		slack int
	}{
		{"memory", func(s sample) int { return s.memory }, 8 << 20},
		{"goroutines", func(s sample) int { return s.goroutines }, 2},
		{"media endpoints", func(s sample) int { return s.endpoints }, 20},
		{"legs", func(s sample) int { return s.legs }, 20},
	} {
		middle, last := median(all[third:2*third], v.of), median(all[2*third:], v.of)
		t.Logf("%s: %d, later %d", v.name, middle, last)
		if last > middle+middle/10+v.slack {
			t.Errorf("%s grow: %d in the middle of the run, %d at its end", v.name, middle, last)
		}
	}
}

func median(all []sample, of func(sample) int) int {
	v := make([]int, len(all))
	for i := range all {
		v[i] = of(all[i])
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// empties waits until nothing is left of the calls: their endpoints have a
// grace period, and legs wait for what may still be retransmitted.
func (w *world) empties() {
	w.t.Helper()
	var s *peers.AgentStatus
	err := peers.Poll(w.t.Context(), 90*time.Second, "tables to empty", func() (bool, error) {
		s = w.status()
		return s.Agent.Endpoints == 0 && s.Agent.LiveLegs == 0, nil
	})
	if err != nil {
		w.t.Errorf("%v: %d media endpoints and %d legs are left", err, s.Agent.Endpoints, s.Agent.LiveLegs)
	}
}
