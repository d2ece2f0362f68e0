package faults

import (
	"testing"
)

// Two agents with one id take the broker from each other. Both get everything
// through, and everybody says what is going on.
func TestTwoAgentsWithOneID(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := l.newCollector("")
	password := c.node("switch-1")
	a := l.newAgent(agentSetup{name: "twin-a", node: "switch-1", brokers: []string{c.broker()}, password: password})
	b := l.newAgent(agentSetup{name: "twin-b", node: "switch-1", brokers: []string{c.broker()}, password: password})
	c.run()
	a.run()
	b.run()
	ofA, ofB := a.play(calls(1), 0), b.play(calls(2), 0)
	flagged := func() bool {
		s := c.now()
		return a.now().Sync.Uplink.Duplicate && b.now().Sync.Uplink.Duplicate && len(s.Nodes) == 1 && s.Nodes[0].Duplicate != 0
	}
	l.poll(drainWait, "both agents and the collector to tell", flagged, nil)
	for _, p := range []*agent{a, b} {
		if !p.logged("another agent seems to use the id of this node") {
			t.Errorf("%s does not log it", p.name)
		}
	}
	ofA.finish()
	ofB.finish()
	// In between each other's connections all gets through; it takes its time.
	a.drained()
	b.drained()
	c.exactly(together(ofA, ofB))
	c.noLosses()
}
