package admin

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// suspectFor is how long figures stay suspect after the last loss.
const suspectFor = time.Minute

// losses is the task that notices drops that grow. It looks once a second, so
// that what a page shows does not depend on who looked at it before.
type losses struct {
	source Source
	why    atomic.Pointer[[]string]

	seen map[place]loss // run's
}

// place is where something was lost.
type place struct{ stage, event string }

// loss is a counter at the last look, and when it last grew.
type loss struct {
	n     uint64
	grown time.Time // zero: never
}

func newLosses(source Source) *losses { return &losses{source: source, seen: map[place]loss{}} }

// suspect names the losses of the last minute. It is safe for concurrent use.
func (l *losses) suspect() []string {
	if why := l.why.Load(); why != nil {
		return *why
	}
	return nil
}

// run looks until ctx ends.
func (l *losses) run(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		l.look(l.source.Status().Drops, time.Now())
		select {
		case <-second.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *losses) look(drops []Count, now time.Time) {
	var why []string
	for _, d := range drops {
		at := place{d.Stage, d.Event}
		x := l.seen[at]
		if d.N > x.n {
			x.grown = now
		}
		x.n = d.N
		l.seen[at] = x
		if !x.grown.IsZero() && now.Sub(x.grown) < suspectFor {
			why = append(why, fmt.Sprintf("%s %s: %d lost, the last within a minute", d.Stage, d.Event, d.N))
		}
	}
	l.why.Store(&why)
}
