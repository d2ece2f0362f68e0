package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The collector's database goes back to an old copy. What the agents still have
// they send again, and nothing is missing.
func TestDatabaseRestored(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name string
		save func(c *collector, to string) // while it runs, or between two runs
		id   bool                          // the restored store has an id of its own
	}{
		{"backup", (*collector).backup, true},
		{"copied-files", (*collector).copyFiles, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c, a := restoring(t, "24h")
			old := filepath.Join(c.dir, "old")
			first := a.play(calls(1), 0)
			first.played(60)
			first.finish()
			a.drained()
			v.save(c, old)

			second := a.play(calls(2), 0)
			second.played(60)
			second.finish()
			a.drained()
			third := a.play(calls(3), 0) // goes on while the database changes
			id := a.now().Sync.Uplink.StoreID
			c.restore(old)
			played := third.progress.Calls.Load()
			third.played(played + 60)
			third.finish()
			a.resent(together(first, second, third), c)
			a.drained()
			c.exactly(together(first, second, third))
			c.noLosses()
			if now := c.now().StoreID; (now != id) != v.id {
				t.Errorf("the store had the id %s, and has %s", id, now)
			}
		})
	}
}

// What agents have deleted when the database goes back is lost: the ledger has
// exactly that range, and the rest is there.
func TestDatabaseRestoredTooLate(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name string
		save func(c *collector, to string)
		end  func(a *agent) // of the run whose records will be lost
	}{
		{"backup", (*collector).backup, (*agent).crash},
		{"copied-files", (*collector).copyFiles, (*agent).crash},
		// A run that ends in order deletes what it can; the next one has to know of it.
		{"stopped", (*collector).copyFiles, func(a *agent) { a.stop() }},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c, a := restoring(t, "0s")
			old := filepath.Join(c.dir, "old")
			first := a.play(calls(1), 0)
			first.played(60)
			first.finish()
			kept := a.drained()
			v.save(c, old)
			second := a.play(calls(2), 0)
			second.played(60)
			second.finish()
			all := a.drained()
			v.end(a)
			a.run()
			a.poll(drainWait, "the agent to delete what is acked", func() bool {
				files, err := filepath.Glob(filepath.Join(a.spool, "*"+all.Sync.Spool.Epoch+"*"))
				return err == nil && len(files) == 0
			}, func() string { return string(a.output(a.lab.agent, "spool", "list", a.spool)) })

			c.restore(old)
			a.poll(drainWait, "the ledger to have what is lost", func() bool { return len(c.ledger()) >= 1 }, nil)
			third := a.play(calls(3), 0)
			third.played(60)
			third.finish()
			a.drained()

			missing, doubled, foreign := c.compare(together(first, second, third))
			if len(doubled)+len(foreign) > 0 {
				t.Errorf("doubled %.5q, never played %.5q", few(doubled), few(foreign))
			}
			for _, id := range missing {
				if _, ok := second.all()[id]; !ok {
					t.Errorf("call %s is not from the time that is lost", id)
				}
			}
			var calls uint64
			for _, x := range c.ledger() {
				from := [...]uint64{0, kept.Sync.Spool.Calls.Accepted, kept.Sync.Spool.Telemetry.Accepted}[x.stream]
				if x.epoch != all.Sync.Spool.Epoch || x.reason != "store_rolled_back" || x.lost != x.last-x.first+1 || x.first <= from {
					t.Errorf("the ledger has %+v; of this stream the copy had %d records", x, from)
				}
				if x.stream == 1 {
					calls += x.lost
				}
			}
			want := all.Sync.Spool.Calls.Accepted - kept.Sync.Spool.Calls.Accepted
			if calls != want {
				t.Errorf("the ledger has %d records of calls, %d were made after the copy", calls, want)
			}
			// An hour mark is a record of this stream, too.
			if n := uint64(len(missing)); n > want || n+1 < want || n < 60 {
				t.Errorf("%d calls are missing, %d records are declared", n, want)
			}
		})
	}
}

// crash kills the agent.
func (a *agent) crash() { a.kill() }

// restoring starts a collector and an agent.
func restoring(t *testing.T, keep string) (*collector, *agent) {
	t.Helper()
	l := newLab(t)
	c := l.newCollector("")
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1"), keep: keep})
	c.run()
	a.run()
	return c, a
}

// backup has the collector copy itself while it runs.
func (c *collector) backup(to string) {
	c.lab.Helper()
	c.output(c.lab.collector, "backup", to, "--config", c.config)
}

// copyFiles copies the files while the collector is down.
func (c *collector) copyFiles(to string) {
	c.lab.Helper()
	c.stop()
	c.output("cp", "-a", c.data, to)
	c.run()
}

// restore puts a copy in the place of the collector's folder.
func (c *collector) restore(from string) {
	c.lab.Helper()
	c.stop()
	c.check(os.RemoveAll(c.data))
	c.check(os.Rename(from, c.data))
	c.run()
}

// resent waits until all calls are stored: an agent that has not heard yet that the
// database went back says that all is acked.
func (a *agent) resent(played map[string]time.Time, c *collector) {
	a.lab.Helper()
	var missing []string
	a.poll(drainWait, "the agent to send again", func() bool {
		missing, _, _ = c.compare(played)
		return len(missing) == 0
	}, func() string { return fmt.Sprintf("%d of %d calls are missing", len(missing), len(played)) })
}
