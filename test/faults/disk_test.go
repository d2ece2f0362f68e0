package faults

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a small file system in a file.
type disk struct {
	*lab
	dir     string
	ballast string
}

// newDisk mounts one of so many MiB; it goes away with the test.
func (l *lab) newDisk(name string, mib int) *disk {
	l.Helper()
	d := &disk{lab: l, dir: l.folder(name)}
	image := filepath.Join(l.dir, name+".img")
	l.check(os.WriteFile(image, nil, 0o600))
	l.check(os.Truncate(image, int64(mib)<<20))
	l.output("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image)
	if out, err := exec.CommandContext(l.Context(), "mount", "-o", "loop", image, d.dir).CombinedOutput(); err != nil {
		l.Logf("no loop device, so the disk is in memory: %v: %s", err, out)
		l.output("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", d.dir)
	}
	l.mounts = append(l.mounts, d.dir)
	d.ballast = filepath.Join(d.dir, "ballast")
	return d
}

// fill leaves so many bytes free.
func (d *disk) fill(left int64) {
	d.Helper()
	f, err := os.OpenFile(d.ballast, os.O_CREATE|os.O_RDWR, 0o600)
	d.check(err)
	defer f.Close()
	if more := d.free() - left; more > 0 {
		info, err := f.Stat()
		d.check(err)
		if err := unix.Fallocate(int(f.Fd()), 0, info.Size(), more); !errors.Is(err, unix.ENOSPC) { // somebody else took it
			d.check(err)
		}
	}
}

// clear makes room.
func (d *disk) clear() {
	d.Helper()
	d.check(os.Remove(d.ballast))
}

func (d *disk) free() int64 {
	d.Helper()
	var fs unix.Statfs_t
	d.check(unix.Statfs(d.dir, &fs))
	return int64(fs.Bavail) * fs.Bsize // far below the limit
}

// The disk with the spool is full while the collector is away. The agent goes on
// watching, and says loudly what it cannot keep; when there is room again, and the
// collector, its ledger has the same number.
func TestAgentDiskFull(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	d := l.newDisk("disk", 40)
	c := l.newCollector("")
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1"), spool: filepath.Join(d.dir, "spool"), reserve: 2})
	a.run()
	plan := calls(1)
	plan.Rate = 400
	played := a.play(plan, 0)
	a.waiting(500)
	var s *agentStatus
	l.poll(drainWait, "the spool to be full", func() bool {
		d.fill(0) // what the spool gives up, others take
		s = a.now()
		return s.Sync.Spool.Full && s.Sync.Spool.Calls.DeclaredBy["disk_full"] >= 500
	}, func() string { return fmt.Sprintf("%+v; %d bytes are free", s.Sync.Spool, d.free()) })
	if !a.logged("level=ERROR", "records are refused") {
		t.Error("the agent does not log that it refuses records")
	}
	// It goes on watching.
	begun := a.now().Calls.Started
	l.poll(10*time.Second, "the agent to see more calls", func() bool {
		s = a.now()
		return s.Calls.Started > begun+100 && s.Calls.Answered+s.Calls.Setup > 0
	}, func() string { return fmt.Sprintf("%+v", s.Calls) })
	if a.metric("sipward_spool_full") != 1 {
		t.Error("the metrics do not say that the spool is full")
	}
	played.finish()
	a.quiet()

	d.clear()
	c.run()
	s = a.drained()
	a.poll(drainWait, "the agent to have declared what it lost", func() bool {
		s = a.drained()
		return !s.Sync.Spool.Full
	}, nil)
	refused := uint64(a.metric(`sipward_spool_lost_total{reason="disk_full",stream="calls"}`))
	if refused != s.Sync.Spool.Calls.DeclaredBy["disk_full"] || refused != uint64(a.metric(`sipward_spool_declared_total{stream="calls"}`)) {
		t.Errorf("%d records of calls are refused by one metric, status has %+v", refused, s.Sync.Spool.Calls)
	}
	var declared map[string]uint64
	l.poll(30*time.Second, "the ledger to say the same", func() bool {
		declared = c.declared()
		return declared["1 disk_full"] == refused
	}, func() string { return fmt.Sprintf("it has %v, the agent refused %d", declared, refused) })
	for reason, n := range s.Sync.Spool.Telemetry.DeclaredBy {
		if got := declared["2 "+reason]; got != n {
			t.Errorf("the ledger has %d records of telemetry for %s, the agent %d", got, reason, n)
		}
	}
	missing, doubled, foreign := c.compare(played.all())
	// A mark of an hour is a record of calls, too.
	if n := uint64(len(missing)); n > refused || n+1 < refused || len(doubled)+len(foreign) > 0 {
		t.Errorf("%d calls are not stored, %d records were refused; %d are doubled, %d were never played", n, refused, len(doubled), len(foreign))
	}
	t.Logf("%d calls, %d refused and declared", len(played.all()), refused)
	// The status of the collector tells it to people.
	l.poll(30*time.Second, "the collector's status to tell", func() bool {
		for _, x := range c.now().Losses {
			if x.Node == "switch-1" && x.Stream == "calls" && x.Reason == "disk_full" && x.Records == refused {
				return true
			}
		}
		return false
	}, nil)
}

// declared adds the ledger up, by stream and reason.
func (c *collector) declared() map[string]uint64 {
	c.lab.Helper()
	out := make(map[string]uint64)
	for _, x := range c.ledger() {
		out[fmt.Sprintf("%d %s", x.stream, x.reason)] += x.lost
	}
	return out
}

// The collector's disk is full: it acks nothing that it has not stored, stays
// up, says so, and goes on by itself when there is room.
func TestCollectorDiskFull(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	d := l.newDisk("disk", 64)
	c := l.newCollector(filepath.Join(d.dir, "data"))
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1")})
	c.run()
	a.run()
	plan := calls(1)
	plan.Rate = 100
	played := a.play(plan, 0)
	a.acked(100)
	d.fill(0)
	var s *collectorStatus
	l.poll(drainWait, "the collector to notice", func() bool {
		d.fill(0)
		s = c.now()
		return !s.Ready && s.Load.Failing
	}, func() string { return fmt.Sprintf("%+v", s) })
	full := a.now().Sync.Spool.Calls
	a.waiting(full.Spooled + 500)
	rows := 0
	l.check(c.query("calls-*.db", `SELECT count(*) FROM calls`, func(r *sql.Rows) error { return r.Scan(&rows) }))
	if now := a.now().Sync.Spool.Calls; now.Acked > uint64(rows) || now.Acked > full.Acked+200 {
		t.Errorf("%d records are acked, %d when the disk was full, and %d stored", now.Acked, full.Acked, rows)
	}
	if c.ended() {
		t.Fatal("the collector ended")
	}
	d.clear()
	played.finish()
	a.drained()
	l.poll(30*time.Second, "the collector to be ready again", func() bool { return c.now().Ready }, nil)
	c.exactly(played.all())
	c.noLosses()
	var check string
	l.check(c.query("*.db", `PRAGMA integrity_check`, func(r *sql.Rows) error {
		err := r.Scan(&check)
		if check != "ok" {
			t.Errorf("the database is damaged: %s", check)
		}
		return err
	}))
}
