package faults

import (
	"bytes"
	"encoding/json"
	"syscall"
	"testing"
	"time"
)

// Agent, broker and collector are told to end at one moment, amidst calls, as when
// a host goes down, and start again. Every call whose beginning the agent saw is stored
// once, whatever it missed of it.
func TestAllStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := l.newCollector("")
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1")})
	c.run()
	a.run()
	plan := calls(1)
	plan.Hold = 4 * time.Second
	played := a.play(plan, 0)
	a.acked(20)
	stopped := time.Now()
	a.signal(syscall.SIGTERM)
	c.signal(syscall.SIGTERM)
	a.wait()
	c.wait()
	down := played.progress.Calls.Load()
	played.played(down + 30)
	a.run() // its collector is not there yet
	up := time.Now()
	c.run()
	played.played(played.progress.Calls.Load() + 60)
	played.finish()
	a.drained()
	a.stop()

	missing, doubled, foreign := c.compare(played.all())
	if len(doubled)+len(foreign) > 0 {
		t.Errorf("stored twice: %.5q; never played: %.5q", few(doubled), few(foreign))
	}
	ids, blind := played.all(), 0
	for _, id := range missing {
		at := ids[id]
		// What is sent in the moment of the end may come too late, and a call all of
		// which passed while nobody watched is nobody's.
		if at.Before(stopped.Add(-100*time.Millisecond)) || at.After(up) {
			t.Errorf("call %s, begun %v after the end and %v after the start, is not stored", id, at.Sub(stopped), at.Sub(up))
		}
		blind++
	}
	if blind > int(up.Sub(stopped).Seconds()*plan.Rate)+5 {
		t.Errorf("%d calls are not stored, more than were made while nobody watched", blind)
	}
	c.noLosses()
	a.sameAs(c)
}

// sameAs fails unless every record of a call on the agent's disk is stored. The
// agent must have ended; it keeps all.
func (a *agent) sameAs(c *collector) {
	a.lab.Helper()
	have, err := c.stored()
	a.check(err)
	lines := 0
	for line := range bytes.Lines(a.output(a.lab.agent, "spool", "dump", "--stream", "calls", a.spool)) {
		var x struct {
			Kind   string `json:"kind"`
			Record struct {
				CallID string `json:"call_id"`
			} `json:"record"`
		}
		a.check(json.Unmarshal(line, &x))
		if x.Kind != "call" {
			continue
		}
		lines++
		if have[x.Record.CallID] != 1 {
			a.Errorf("call %s is on the agent's disk, and stored %d times", x.Record.CallID, have[x.Record.CallID])
		}
	}
	if lines != len(have) {
		a.Errorf("%d calls are on the agent's disk, %d are stored", lines, len(have))
	}
}
