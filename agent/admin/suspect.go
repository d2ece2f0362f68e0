package admin

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// suspectFor is how long figures stay suspect after the last loss.
const suspectFor = time.Minute

// losses is the task that notices drops that grow, and interfaces that are not
// captured on. It looks once a second, so that what a page shows does not depend
// on who looked at it before.
type losses struct {
	source Source
	why    atomic.Pointer[[]string]

	seen map[place]loss       // run's
	gone map[string]time.Time // run's: interfaces that do not capture, since when
}

// place is where something was lost.
type place struct{ stage, event string }

// loss is a counter at the last look, and when it last grew.
type loss struct {
	n     uint64
	grown time.Time // zero: never
}

func newLosses(source Source) *losses {
	return &losses{source: source, seen: map[place]loss{}, gone: map[string]time.Time{}}
}

// suspect names the losses of the last minute, and blind interfaces. It is safe for concurrent use.
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
		l.look(l.source.Status(), time.Now())
		select {
		case <-second.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *losses) look(s *Status, now time.Time) {
	why := l.blind(s.Sources, now)
	for _, d := range s.Drops {
		at := place{d.Stage, d.Event}
		x := l.seen[at]
		if d.N > x.n {
			x.grown = now
		}
		x.n = d.N
		l.seen[at] = x
		if !x.grown.IsZero() && now.Sub(x.grown) < suspectFor {
			why = append(why, fmt.Sprintf("%d %s, the last within a minute", d.N, explain(d, s.MaxLegs, s.MaxEndpoints)))
		}
	}
	l.why.Store(&why)
}

// blind names what should be captured on and is not.
func (l *losses) blind(sources []Interface, now time.Time) (why []string) {
	for _, i := range sources {
		if i.State == Capturing {
			delete(l.gone, i.Name)
			continue
		}
		if i.State == "" {
			continue
		}
		since, known := l.gone[i.Name]
		if !known {
			since = now
			l.gone[i.Name] = now
		}
		why = append(why, fmt.Sprintf("%s is %s since %s: what passes there is not seen", i.Name, i.State, since.Format(time.DateTime)))
	}
	return why
}
