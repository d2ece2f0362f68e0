package faults

import (
	"os"
	"testing"
)

// An agent's spool goes back to a copy of itself, as when a virtual machine is
// restored: what the copy holds was delivered long ago and comes again, and what was
// numbered since then belongs to another run. Nothing is stored twice.
func TestSpoolRolledBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := l.newCollector("")
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1")})
	c.run()
	a.run()

	before := a.play(calls(1), 0)
	before.played(40)
	a.acked(1)
	c.stop() // what follows is in the copy, and not with the collector
	before.played(160)
	before.finish()
	a.quiet()
	a.waiting(20)
	a.stop()
	copied := a.spool + ".copy"
	l.output("cp", "-a", a.spool, copied)

	c.run()
	a.run()
	between := a.play(calls(2), 0)
	between.played(60)
	between.finish()
	a.drained()
	a.stop()
	c.exactly(together(before, between))

	l.check(os.RemoveAll(a.spool))
	l.check(os.Rename(copied, a.spool))
	a.run()
	after := a.play(calls(3), 0)
	after.played(60)
	after.finish()
	s := a.drained()
	if p := &s.Sync.Spool; p.Calls.Declared+p.Telemetry.Declared != 0 {
		t.Errorf("the agent declares records lost: %+v", *p)
	}
	if s.Sync.Uplink.Duplicate {
		t.Error("the agent takes its own past for another agent")
	}
	a.stop()
	c.exactly(together(before, between, after))
	c.noLosses()
}

// acked waits until the collector has some records of calls.
func (a *agent) acked(n uint64) {
	a.lab.Helper()
	a.poll(drainWait, a.name+" to have records acked", func() bool { return a.now().Sync.Spool.Calls.Acked >= n }, nil)
}
