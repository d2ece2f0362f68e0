package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// list asks a core that no task runs.
func list(c *Core, f CallFilter) ([]record.LiveCall, int) {
	q := &question{ctx: context.Background(), filter: f, answer: make(chan callList, 1)}
	for s := c.search(q); s.step(); {
	}
	a := <-q.answer
	return a.calls, a.more
}

// ids are the Call-IDs of a list.
func ids(of []record.LiveCall) []string {
	out := []string{}
	for i := range of {
		out = append(out, of[i].CallID)
	}
	return out
}

// TestCallsMedia: what a list says of a call from its INVITE to its end.
func TestCallsMedia(t *testing.T) {
	both(t, func(s *scene) {
		want := func(state, class string, digits, info int) {
			t.Helper()
			got, more := list(s.core, CallFilter{})
			if len(got) != 1 || more != 0 || got[0].State != state || got[0].MediaClass != class ||
				got[0].Digits != [2]int{digits, 0} || got[0].InfoDigits != [2]int{info, 0} {
				t.Fatalf("want %s %q %d %d, got %+v and %d more", state, class, digits, info, got, more)
			}
		}
		s.sip("c1", "INVITE", true, phone, phoneRTP)
		want("setup", "", 0, 0)
		s.sip("c1", "SIP/2.0 200 OK", false, phone, switchRTP)
		want("answered", "not_seen", 0, 0)
		answer := s.now
		if s.kernel == nil {
			s.rtp(faraway+":1", phone2RTP, 9, 0, 160) // nobody announced that: no sign that audio is seen
		}
		for i := range 100 {
			s.rtp(phoneRTP, switchRTP, 1, i, 160)
			s.wait(step)
		}
		want("answered", "one_way", 0, 0)
		s.talk(phoneRTP, switchRTP, 3, 100, step)
		want("answered", "two_way", 0, 0)
		s.rtp(phoneRTP, switchRTP, 3, 101, 4)
		want("answered", "two_way", 1, 0)
		got, _ := list(s.core, CallFilter{Customer: "acme"})
		if diff := cmp.Diff([]record.LiveCall{{
			Leg: "0-1", Kind: "call", Direction: "outbound", Customer: "acme", CallID: "c1",
			Caller: "1", CallerHost: "x", Called: "4930", CalledHost: theSwitch, Src: phone + ":5060", Dst: theSwitch + ":5060", Transport: "udp",
			State: "answered", StartedUnixMs: answer / 1e6, AnsweredUnixMs: answer / 1e6,
			Codec: "PCMU", MediaClass: "two_way", Digits: [2]int{1, 0},
		}}, got); diff != "" {
			t.Errorf("differs (-want +got):\n%s", diff)
		}
		s.bye("c1", phone)
		if got, more := list(s.core, CallFilter{}); len(got) != 0 || more != 0 {
			t.Errorf("after the end: %+v, %d more", got, more)
		}
	})
}

// TestCallsFilter holds lists against the gauges, with and without a B2BUA.
func TestCallsFilter(t *testing.T) {
	for name, kind := range map[string]testkit.Switch{"proxy": 0, "b2bua": testkit.B2BUA} {
		t.Run(name, func(t *testing.T) {
			plan, all := frames(t, testkit.Plan{Calls: 700, Rate: 100, Hold: time.Minute, Mix: everyOutcome, Switch: kind})
			core := New(Config{Book: book(t, plan)})
			for i := range all {
				if all[i].Time > plan.Start.Add(30*time.Second).UnixNano() {
					break
				}
				core.Frame(&all[i])
			}
			f := core.Snapshot().Figures
			if f.Total.Live() < 100 {
				t.Fatalf("%d live", f.Total.Live())
			}
			calls, more := list(core, CallFilter{Limit: 100})
			if len(calls) != 100 || more != int(f.Total.Live())-100 {
				t.Errorf("%d listed and %d more of %d", len(calls), more, f.Total.Live())
			}
			whole, _ := list(core, CallFilter{Limit: record.MaxCalls})
			if !slices.Equal(ids(whole)[:100], ids(calls)) || !slices.IsSortedFunc(whole, func(a, b record.LiveCall) int { return int(b.StartedUnixMs - a.StartedUnixMs) }) {
				t.Error("the list is not of the newest, or not in their order")
			}
			for _, p := range f.Customers {
				got, more := list(core, CallFilter{Customer: p.Name, Limit: 1})
				if uint64(len(got)+more) != p.Live() || len(got) > 0 && got[0].Customer != p.Name {
					t.Errorf("customer %s: %d and %d more of %d", p.Name, len(got), more, p.Live())
				}
			}
			for _, p := range f.Carriers {
				got, more := list(core, CallFilter{Carrier: p.Name, Limit: 1})
				if uint64(len(got)+more) != p.Live() || len(got) > 0 && got[0].Carrier != p.Name {
					t.Errorf("carrier %s: %d and %d more of %d", p.Name, len(got), more, p.Live())
				}
			}
			for _, f := range []CallFilter{{Customer: "nobody"}, {Carrier: "nobody"}, {Customer: party.UnknownName}} {
				if got, more := list(core, f); len(got) != 0 || more != 0 {
					t.Errorf("%+v: %d and %d more", f, len(got), more)
				}
			}
		})
	}
}

// TestCallsEnding: a call that ends while the list is made is not in it, and the
// list does not fail on one that is forgotten.
func TestCallsEnding(t *testing.T) {
	s := newScene(t, newFakeKernel())
	for i := range 40 {
		s.call(fmt.Sprint("c", i), phone, phoneRTP, switchRTP)
	}
	q := &question{ctx: context.Background(), answer: make(chan callList, 1)}
	w := s.core.search(q)
	w.step()
	s.bye("c3", phone)
	s.wait(10 * time.Second) // it is forgotten
	s.bye("c5", phone)       // it settles
	for w.step() {
	}
	a := <-q.answer
	if got := ids(a.calls); len(got) != 38 || a.more != 0 || slices.Contains(got, "c3") || slices.Contains(got, "c5") {
		t.Errorf("%v, %d more", got, a.more)
	}
}

// TestCallsTask: questions come from anywhere, while frames are taken; one whose
// asker has gone holds up nobody.
func TestCallsTask(t *testing.T) {
	defer goleak.VerifyNone(t)
	q := NewQueue(64)
	task := NewTask(New(Config{Book: book(t, testkit.Plan{})}), q)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := task.Calls(gone, CallFilter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("before Run: %v", err)
	}
	end := run(t, task)
	ringing(t, q, 30)
	answers := make(chan int)
	for range 8 {
		go func() {
			for {
				calls, more, err := task.Calls(t.Context(), CallFilter{Limit: 10})
				if err != nil || len(calls) == 10 {
					answers <- len(calls) + more
					return
				}
			}
		}()
	}
	for range 8 {
		if n := <-answers; n < 10 || n > 30 {
			t.Errorf("%d calls", n)
		}
	}
	end()
}

// BenchmarkCalls is one question with 100,000 calls held. What counts is the
// portions: how long frames wait for one, at the median and in 99 of 100.
func BenchmarkCalls(b *testing.B) {
	const calls = 100_000
	plan, err := testkit.Plan{Calls: calls, Rate: 5000, Hold: time.Hour}.Fill()
	if err != nil {
		b.Fatal(err)
	}
	core := New(Config{Book: book(b, plan)})
	stop := errors.New("all are up")
	_, err = testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
		if f.Time-plan.Start.UnixNano() > int64(time.Minute) {
			return stop
		}
		core.Frame(f)
		return nil
	}))
	if !errors.Is(err, stop) {
		b.Fatal(err)
	}
	var portions []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		q := &question{ctx: context.Background(), filter: CallFilter{Limit: 1000}, answer: make(chan callList, 1)}
		began := time.Now()
		for s := core.search(q); ; {
			more := s.step()
			portions = append(portions, time.Since(began))
			if !more {
				break
			}
			began = time.Now()
		}
	}
	slices.Sort(portions)
	b.ReportMetric(float64(portions[len(portions)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(portions[len(portions)*99/100].Microseconds()), "p99-µs")
}
