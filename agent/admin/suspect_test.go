package admin

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipward/sipward/internal/tally"
)

func TestLosses(t *testing.T) {
	l := newLosses(nil)
	now := time.Unix(1_700_000_000, 0)
	for _, step := range []struct {
		after time.Duration
		full  uint64
		want  string
	}{
		{0, 0, ""},
		{time.Second, 3, "3 queue full: lost, the last within a minute"},
		{time.Second, 3, "3 queue full: lost, the last within a minute"}, // it stays suspect for a while
		{57 * time.Second, 4, "4 queue full: lost, the last within a minute"},
		{59 * time.Second, 4, "4 queue full: lost, the last within a minute"},
		{time.Second, 4, ""},
		{time.Hour, 4, ""},
		{time.Second, 5, "5 queue full: lost, the last within a minute"},
	} {
		now = now.Add(step.after)
		l.look(&Status{Drops: []tally.Count{{Stage: "kernel", Event: "ring_full", N: 0}, {Stage: "queue", Event: "full", N: step.full}}}, now)
		if got := strings.Join(l.suspect(), "\n"); got != step.want {
			t.Errorf("%+v: %q", step, got)
		}
	}
}

// What was lost before the agent's pages were open is a loss as well.
func TestLossesOfTheStart(t *testing.T) {
	l := newLosses(nil)
	l.look(&Status{Drops: []tally.Count{{Stage: "queue", Event: "full", N: 9}}}, time.Unix(1, 0))
	if got := l.suspect(); len(got) != 1 {
		t.Error(got)
	}
}

// told is a Source that waits at every look for what the test says has dropped.
type told chan uint64

func (c told) Status() *Status {
	return &Status{Drops: []tally.Count{{Stage: "queue", Event: "full", N: <-c}}}
}

func TestLossesLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drops := make(told)
		l := newLosses(drops)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.run(ctx) }()
		for n := range uint64(3) { // the first look finds none
			drops <- n
			synctest.Wait()
			if got := l.suspect(); len(got) != min(int(n), 1) {
				t.Errorf("with %d dropped: %q", n, got)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// An interface that is not captured on is named from that moment on.
func TestBlindInterfaces(t *testing.T) {
	l := newLosses(nil)
	start := time.Unix(1_700_000_000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for i, step := range []struct {
		state string
		want  string
	}{
		{Capturing, ""},
		{"missing", "eth0 is missing since " + at(1).Format(time.DateTime)},
		{"down", "eth0 is down since " + at(1).Format(time.DateTime)},
		{Capturing, ""},
		{"failed", "eth0 is failed since " + at(4).Format(time.DateTime)},
	} {
		l.look(&Status{Sources: []Interface{{"eth0", step.state}, {"eth1", Capturing}, {"eth2", ""}}}, at(i))
		got := strings.Join(l.suspect(), "\n")
		if step.want == "" && got != "" || !strings.HasPrefix(got, step.want) {
			t.Errorf("step %d: %q", i, got)
		}
	}
}

func TestExplain(t *testing.T) {
	for want, d := range map[string]tally.Count{
		"calls not counted because the table is full (calls.max 7)":                                {Stage: "dialog", Event: "refused", N: 1},
		"media addresses not watched because the table is full (capture.max_endpoints 9)":          {Stage: "media", Event: "refused_endpoints", N: 1},
		"media addresses not watched because the kernel's table is full (capture.max_endpoints 9)": {Stage: "filter", Event: "full", N: 1},
		"a new one: lost": {Stage: "a", Event: "new_one", N: 1},
	} {
		if got := explain(d, 7, 9); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
