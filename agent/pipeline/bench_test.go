package pipeline

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/sip/packet"
)

// frames generates the plan once, for playing it again and again.
func frames(b testing.TB, plan testkit.Plan) (testkit.Plan, []packet.Frame) {
	b.Helper()
	plan, err := plan.Fill()
	if err != nil {
		b.Fatal(err)
	}
	var out []packet.Frame
	if _, err := testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
		f2 := *f
		f2.Data = bytes.Clone(f.Data)
		out = append(out, f2)
		return nil
	})); err != nil {
		b.Fatal(err)
	}
	return plan, out
}

// BenchmarkMessages is the cost of a SIP message from frame to figures, in
// whole calls through a proxy.
func BenchmarkMessages(b *testing.B) {
	benchmark(b, testkit.Plan{Calls: 5000, Rate: 1000, Hold: 2 * time.Second})
}

// BenchmarkAudio is the cost of a packet of a capture that is mostly G.711.
func BenchmarkAudio(b *testing.B) {
	benchmark(b, testkit.Plan{Calls: 100, Rate: 100, Hold: 20 * time.Second, RTP: true, Digits: 2})
}

// benchmark plays the plan to a new Core, again and again.
func benchmark(b *testing.B, plan testkit.Plan, edit ...func(*Config)) {
	plan, all := frames(b, plan)
	cfg := Config{Book: book(b, plan)}
	for _, e := range edit {
		e(&cfg)
	}
	b.ReportAllocs()
	n := 0
	var core *Core
	for b.Loop() {
		if n%len(all) == 0 {
			core = New(cfg)
		}
		core.Frame(&all[n%len(all)])
		n++
	}
}

// TestAudioAllocations: RTP of an announced endpoint costs no allocation.
func TestAudioAllocations(t *testing.T) {
	plan, all := frames(t, testkit.Plan{Calls: 1, Hold: 30 * time.Second, RTP: true})
	core := New(Config{Book: book(t, plan)})
	i := 0
	next := func() {
		core.Frame(&all[i])
		i++
	}
	for range 200 {
		next()
	}
	if n := testing.AllocsPerRun(2000, next); n > 0.05 { // the tick of each second may
		t.Errorf("%v allocations a packet", n)
	}
}

// TestLiveCallsMemory holds 5,000 answered calls with media and extrapolates:
// 100,000 may take 250 MB.
func TestLiveCallsMemory(t *testing.T) {
	const calls, bound = 5_000, 2500
	plan, err := testkit.Plan{Calls: calls, Rate: 2000, Hold: time.Hour}.Fill()
	if err != nil {
		t.Fatal(err)
	}
	core := New(Config{Book: book(t, plan)})
	before := heap.Bytes()
	stop := errors.New("all are up")
	_, err = testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
		if f.Time-plan.Start.UnixNano() > int64(time.Minute) {
			return stop // the next is the first BYE
		}
		core.Frame(f)
		return nil
	}))
	if !errors.Is(err, stop) {
		t.Fatalf("generating: %v", err)
	}
	live := core.Snapshot().Figures.Total.LiveAnswered
	cost := (heap.Bytes() - before) / max(live, 1)
	t.Logf("%d live calls, %d bytes each", live, cost)
	if live != calls || cost > bound {
		t.Errorf("%d live calls at %d bytes, want %d at no more than %d", live, cost, calls, bound)
	}
	runtime.KeepAlive(core)
}
