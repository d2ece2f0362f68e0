package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
)

// TestPanics: a bug that shows while time passes, with a frame, or at the end,
// costs what met it. All that comes after is seen.
func TestPanics(t *testing.T) {
	plan, all := frames(t, testkit.Plan{Calls: 20, Rate: 5, Hold: 10 * time.Second, RTP: true})
	start := func(at string) *Core {
		closed := 0
		cfg := Config{Book: book(t, plan)}
		cfg.Finished = func(*dialog.Leg, *counters.MediaResult, *party.Book) {
			if closed++; at == "tick" && closed == 1 || at == "finish" {
				panic("a bug " + at)
			}
		}
		cfg.Flows = func(*dialog.Leg, *media.Flow) {
			if at == "every tick" {
				panic("a bug " + at)
			}
		}
		return New(cfg)
	}
	for _, at := range []string{"tick", "every tick", "finish"} {
		t.Run(at, func(t *testing.T) {
			core := start(at)
			for i := range all {
				core.Frame(&all[i])
				if at == "finish" && core.Snapshot().Figures.Total.Answered == 20 {
					break // before the first is over
				}
			}
			core.Finish()
			s := core.Snapshot()
			if s.Core.Panics == 0 || s.Core.LastPanic != "a bug "+at || !strings.Contains(s.Core.LastStack, "TestPanics") {
				t.Errorf("%d panics, the last %q at %s", s.Core.Panics, s.Core.LastPanic, s.Core.LastStack)
			}
			if f := s.Figures.Total; f.Started != 20 || f.Answered != 20 {
				t.Errorf("%d started, %d answered; want all 20", f.Started, f.Answered)
			}
			var decoded uint64
			for _, n := range s.Packets.Frames {
				decoded += n
			}
			if decoded != s.Core.Frames {
				t.Errorf("%d frames decoded of %d", decoded, s.Core.Frames)
			}
			// The tick after the one that failed: the rest is closed in time.
			if at == "tick" && (s.Core.Panics != 1 || s.Dialogs.Legs != 0) {
				t.Errorf("%d panics, %d legs left", s.Core.Panics, s.Dialogs.Legs)
			}
		})
	}
}

// TestPanicStackOnce: the same bug with every frame writes one stack.
func TestPanicStackOnce(t *testing.T) {
	core := New(Config{Book: book(t, testkit.Plan{})})
	core.guard(func() { panic("one") })
	first := core.Snapshot().Core.LastStack
	elsewhere := func() { core.guard(func() { panic("one") }) }
	elsewhere()
	if s := core.Snapshot().Core; s.Panics != 2 || s.LastStack != first {
		t.Errorf("%d panics, another stack: %v", s.Panics, s.LastStack != first)
	}
	core.guard(func() { panic("two") })
	if s := core.Snapshot().Core; s.Panics != 3 || s.LastStack == first || s.LastPanic != "two" {
		t.Errorf("%d panics, last %q", s.Panics, s.LastPanic)
	}
}
