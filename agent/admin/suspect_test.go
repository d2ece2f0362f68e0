package admin

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
		{time.Second, 3, "queue full: 3 lost, the last within a minute"},
		{time.Second, 3, "queue full: 3 lost, the last within a minute"}, // it stays suspect for a while
		{57 * time.Second, 4, "queue full: 4 lost, the last within a minute"},
		{59 * time.Second, 4, "queue full: 4 lost, the last within a minute"},
		{time.Second, 4, ""},
		{time.Hour, 4, ""},
		{time.Second, 5, "queue full: 5 lost, the last within a minute"},
	} {
		now = now.Add(step.after)
		l.look([]Count{{"kernel", "ring_full", 0}, {"queue", "full", step.full}}, now)
		if got := strings.Join(l.suspect(), "\n"); got != step.want {
			t.Errorf("%+v: %q", step, got)
		}
	}
}

// What was lost before the agent's pages were open is a loss as well.
func TestLossesOfTheStart(t *testing.T) {
	l := newLosses(nil)
	l.look([]Count{{"queue", "full", 9}}, time.Unix(1, 0))
	if got := l.suspect(); len(got) != 1 {
		t.Error(got)
	}
}

// changing is a Source whose drops grow when the test says.
type changing struct{ grow chan uint64 }

func (c changing) Status() *Status {
	select {
	case n := <-c.grow:
		return &Status{Drops: []Count{{"queue", "full", n}}}
	default:
		return &Status{}
	}
}

func TestLossesLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		grow := make(chan uint64, 1)
		l := newLosses(changing{grow})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.run(ctx) }()
		synctest.Wait()
		if got := l.suspect(); len(got) != 0 {
			t.Error(got)
		}
		grow <- 1
		time.Sleep(time.Second + time.Millisecond) // of the test's own clock: no time passes
		synctest.Wait()
		if got := l.suspect(); len(got) != 1 {
			t.Error(got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
