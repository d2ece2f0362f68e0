package faults

import (
	"database/sql"
	"testing"
	"time"
)

// A switch whose clock is a day off, either way, reports its calls: their lengths
// are right, and they are counted in the hour in which they were made. Clocks of
// agents and collectors cannot be set for one program alone: their unit tests set
// them.
func TestClockADayOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c := l.newCollector("")
			a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1")})
			c.run()
			a.run()
			plan := calls(1)
			plan.Spread = 0
			begun := time.Now()
			played := a.play(plan, off)
			played.played(90)
			played.finish()
			ended := time.Now()
			a.drained()
			if n, ok := a.now().count("frame", "clock_corrections"); !ok || n == 0 {
				t.Errorf("the agent has corrected %d clocks (counter exported: %v)", n, ok)
			}
			c.exactly(played.all())
			c.noLosses()
			answered := 0
			l.check(c.query("calls-*.db", `SELECT invited_ms, ended_ms, counted_ms, answered, duration_ms FROM calls`, func(r *sql.Rows) error {
				var invited, end, counted, ms int64
				var talked bool
				err := r.Scan(&invited, &end, &counted, &talked, &ms)
				// By the time of the first message of a sender, its clock is off by a packet's way.
				const slack = 2000
				if invited < begun.UnixMilli()-slack || end > ended.UnixMilli()+slack || counted/3600000 < begun.UnixMilli()/3600000 || counted > ended.UnixMilli()+slack {
					t.Errorf("a call from %d to %d, counted at %d, was made between %d and %d", invited, end, counted, begun.UnixMilli(), ended.UnixMilli())
				}
				// On a busy machine a packet is late; a clock that jumps is a day.
				if want := plan.Hold.Milliseconds(); talked && (ms < want-100 || ms > want+1000) {
					t.Errorf("an answered call lasted %d ms, it was held for %d", ms, want)
				}
				if talked {
					answered++
				}
				return err
			}))
			if answered < 30 {
				t.Errorf("%d calls were answered", answered)
			}
		})
	}
}

// count returns a counter of the agent's; false if it has none of that name.
func (s *agentStatus) count(stage, event string) (uint64, bool) {
	for _, c := range s.Agent.Counts {
		if c.Stage == stage && c.Event == event {
			return c.N, true
		}
	}
	return 0, false
}
