package alerts

import (
	"fmt"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// state is one rule's view of one party. It is kept while an alert is on or about to
// be.
type state struct {
	event   *query.Event // nil: not raised
	bad     time.Time    // since when the threshold is passed; zero: it is not
	good    time.Time    // since when the alert could be over
	quiet   time.Time    // since when there is nothing to measure
	said    time.Time    // raised or repeated
	updated time.Time
	unsaid  bool // after a restart: nobody may know of it
}

// Times of an alert.
const (
	updateEvery = time.Minute    // of an alert's newest value
	forgetQuiet = 24 * time.Hour // of an alert about what is no more
	minSettle   = time.Minute    // without a reset threshold of its own
	graceMs     = 60_000         // for another collector to say what it has raised
)

// passes reports whether a value lies beyond a limit.
func passes(r *query.Rule, v, limit float64) bool {
	if r.Operator == Below {
		return v < limit
	}
	return v > limit
}

// mark sets at to now when it is not set, or lies ahead since the clock was set
// back, and returns how long ago it is.
func mark(at *time.Time, now time.Time) time.Duration {
	if at.IsZero() || at.After(now) {
		*at = now
	}
	return now.Sub(*at)
}

// waiting moves on what is not raised yet. A reading that is missing breaks the time
// for which the threshold must be passed.
func (s *state) waiting(now time.Time, r *query.Rule, who party, x *reading) *transition {
	if x.blank != "" || !passes(r, x.value, r.Threshold) || x.least && r.Operator == Below {
		s.bad = time.Time{}
		return nil
	}
	if lasted := mark(&s.bad, now); !areas[r.Area].Counted && lasted < time.Duration(r.PeriodS)*time.Second {
		return nil
	}
	s.event = &query.Event{Rule: r.ID, Kind: who.kind, Party: who.id, Area: r.Area, Operator: r.Operator, RaisedUnixMs: now.UnixMilli()}
	if who.kind == KindNode {
		s.event.Node = who.id
	}
	s.said, s.updated = now, now
	s.fill(r, who, x)
	return &transition{Raised, r, s.event}
}

// fill writes the newest reading into the alert.
func (s *state) fill(r *query.Rule, who party, x *reading) {
	s.event.RuleName, s.event.Level, s.event.Threshold = r.Name, r.Level, r.Threshold
	s.event.Text = bad(r, who, x)
	if x.blank == "" {
		v := x.value
		s.event.Value, s.event.Num, s.event.Den = &v, x.num, x.den
	}
}

// on moves on what is raised.
func (s *state) on(now time.Time, r *query.Rule, who party, x *reading) *transition {
	if x.quiet {
		if mark(&s.quiet, now) >= forgetQuiet {
			return s.clear(now, r, fmt.Sprintf("%s; for %s there was nothing to measure", measured(r, who, x), duration(forgetQuiet)), x)
		}
	} else {
		s.quiet = time.Time{}
	}
	over := x.blank == "" && !x.partial && !passes(r, x.value, r.Threshold) && !passes(r, x.value, reset(r))
	if !over {
		s.good = time.Time{}
	} else if mark(&s.good, now) >= settle(r) {
		return s.clear(now, r, good(r, who, x), x)
	}
	unsaid := s.unsaid && now.UnixMilli()-s.event.RaisedUnixMs >= graceMs
	if unsaid || r.RepeatS > 0 && mark(&s.said, now) >= time.Duration(r.RepeatS)*time.Second {
		s.unsaid, s.said, s.updated = false, now, now
		s.fill(r, who, x)
		return &transition{Repeated, r, s.event}
	}
	if mark(&s.updated, now) >= updateEvery {
		s.updated = now
		s.fill(r, who, x)
		return &transition{Updated, r, s.event}
	}
	return nil
}

// settle is how long an alert must be over before it ends: without a distance between
// raising and ending it, a value at the threshold would raise it again and again.
func settle(r *query.Rule) time.Duration {
	d := time.Duration(r.PeriodS) * time.Second
	switch {
	case reset(r) == r.Threshold:
		return max(d, minSettle)
	case areas[r.Area].Counted:
		return 0
	}
	return d
}

func (s *state) clear(now time.Time, r *query.Rule, why string, x *reading) *transition {
	ended := s.event
	s.event, s.bad = nil, time.Time{}
	ended.ClearedUnixMs, ended.Text, ended.Level = now.UnixMilli(), why, r.Level
	if x.blank == "" {
		v := x.value
		ended.Value, ended.Num, ended.Den = &v, x.num, x.den
	}
	return &transition{Cleared, r, ended}
}
