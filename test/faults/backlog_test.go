package faults

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
)

// A backlog of three days.
const (
	backlogHours   = 72
	backlogCalls   = 4000 * backlogHours
	backlogMinutes = 60 * backlogHours * 3 // of three parties
)

// How old what operators look at may be while a backlog drains.
const (
	liveMost  = 2 * time.Second
	freshMost = 5 * time.Second // a batch waits for a second, and is acked in groups
)

// A collector comes back after three days. What is new goes first: live figures
// and the calls of this minute are there at once, and the backlog beside them.
// This test does not share the machine with the others.
func TestBacklog(t *testing.T) {
	l := newLab(t)
	c := l.newCollector("")
	a := l.newAgent(agentSetup{brokers: []string{c.broker()}, password: c.node("switch-1")})
	begin := time.Now()
	a.fillSpool()
	t.Logf("%d calls and %d minutes were laid into the spool in %v", backlogCalls, backlogMinutes, time.Since(begin).Round(100*time.Millisecond))
	a.run()
	if s := a.now(); s.Sync.Spool.Calls.Spooled < backlogCalls || s.Sync.Spool.Telemetry.Spooled < backlogMinutes {
		t.Fatalf("the agent finds %+v", s.Sync.Spool)
	}
	played := a.play(calls(1), 0)
	played.played(250) // the first of them are recorded by now
	c.run()
	a.connected()

	from, w := time.Now(), &watch{lab: l}
	l.poll(5*time.Minute, "the backlog to drain", func() bool {
		w.look(c)
		return a.now().Sync.Spool.Calls.Spooled < 1000
	}, func() string { return fmt.Sprintf("%+v", a.now().Sync) })
	took := time.Since(from)
	played.finish()
	a.drained()
	t.Logf("the backlog took %v, %.0f records a second; meanwhile live figures were at most %v old, fresh calls %v (%d looks)",
		took.Round(100*time.Millisecond), (backlogCalls+backlogMinutes)/took.Seconds(), w.live.Round(10*time.Millisecond), w.fresh.Round(10*time.Millisecond), w.looks)
	if w.live > liveMost || w.fresh > freshMost || w.looks < 5 {
		t.Errorf("live figures were %v old, want at most %v; fresh calls %v, want at most %v; %d looks", w.live, liveMost, w.fresh, freshMost, w.looks)
	}
	have, err := c.stored()
	l.check(err)
	ids := played.all()
	for id := range ids {
		if have[id] != 1 {
			t.Errorf("call %s is stored %d times", id, have[id])
		}
	}
	for i := range backlogCalls {
		if n := have[backlogID(i)]; n != 1 {
			t.Fatalf("call %d of the backlog is stored %d times", i, n)
		}
	}
	if n := len(have); n != backlogCalls+len(ids) {
		t.Errorf("%d calls are stored, %d were made", n, backlogCalls+len(ids))
	}
	minutes := 0
	l.check(c.query("telemetry-*.db", `SELECT count(*) FROM minutes WHERE party = 'backlog' OR party = 'carrier-b' OR kind = 'total'`, func(r *sql.Rows) error {
		n := 0
		err := r.Scan(&n)
		minutes += n
		return err
	}))
	if minutes < backlogMinutes {
		t.Errorf("%d minutes are stored, %d were laid into the spool", minutes, backlogMinutes)
	}
	c.noLosses()
}

// connected waits until a collector answers the agent.
func (a *agent) connected() {
	a.lab.Helper()
	a.poll(drainWait, "a collector to answer", func() bool { return a.now().Sync.Uplink.Answered }, nil)
}

func backlogID(i int) string { return fmt.Sprintf("backlog-%d", i) }

// fillSpool lays records of three days into the spool, as an agent would.
func (a *agent) fillSpool() {
	a.lab.Helper()
	s := spool.New(spool.Config{Dir: a.spool, Budget: 1 << 30})
	ctx, cancel := context.WithCancel(a.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	start := time.Now().Add(-backlogHours * time.Hour).Truncate(time.Hour)
	const writers = 128
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make([]error, writers)
	for w := range writers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < backlogCalls+backlogMinutes && failed[w] == nil; i = int(next.Add(1)) - 1 {
				failed[w] = lay(ctx, s, start, i)
			}
		})
	}
	all.Wait()
	cancel()
	a.check(<-ended)
	for _, err := range failed {
		a.check(err)
	}
}

// lay appends record i: first all calls, then all minutes.
func lay(ctx context.Context, s *spool.Spool, start time.Time, i int) error {
	st, r := record.Calls, &record.Record{}
	if i < backlogCalls {
		at := start.UnixMilli() + int64(i)*backlogHours*3600_000/backlogCalls
		pdd := int64(300)
		r.Call = &record.Call{
			Node: "switch-1", Kind: "call", CallId: backlogID(i), FromTag: fmt.Sprint("t", i), Customer: "backlog", Carrier: "carrier-b",
			Direction: "outbound", Caller: fmt.Sprint(1000 + i%1000), CallerHost: "192.0.2.7", Called: fmt.Sprint(493000000000 + i), CalledHost: "192.0.2.1",
			Src: "192.0.2.7:5060", Dst: "192.0.2.1:5060", Transport: "udp", UserAgent: "phone 1.0",
			InvitedUnixMs: at, RingingUnixMs: at + pdd, AnsweredUnixMs: at + 2000, EndedUnixMs: at + 62_000, ClosedUnixMs: at + 66_000, CountedUnixMs: at + 62_000,
			PddMs: &pdd, RingMs: 1700, DurationMs: 60_000, Answered: true, SipStatus: 200, SipReason: "OK", Release: "bye_caller", ReleasedBy: "caller",
			MediaClass: "two_way", Outcome: true, Effective: true, MediaVisible: true, OpenedEpoch: s.Epoch(), LegId: uint64(i + 1), // small
			Attempts: []*record.Attempt{{Carrier: "carrier-b", Called: fmt.Sprint(493000000000 + i), InvitedUnixMs: at + 5, AnsweredUnixMs: at + 1990,
				EndedUnixMs: at + 62_000, DurationMs: 60_010, SipStatus: 200, Release: "bye_caller", Outcome: true, Effective: true}},
		}
	} else {
		i -= backlogCalls
		st = record.Telemetry
		kind, party := [...]string{"total", "customer", "carrier"}[i%3], [...]string{"", "backlog", "carrier-b"}[i%3]
		r.Minute = &record.Minute{MinuteUnixS: start.Unix() + int64(i/3)*60, Kind: kind, Party: party, ObservedMs: 60_000, Started: 66, Outcomes: 66, Answered: 66}
	}
	b, err := record.Encode(r)
	if err != nil {
		return err
	}
	_, err = s.Append(ctx, st, b)
	return err
}

// watch notes how old what a collector shows grows.
type watch struct {
	*lab
	at          time.Time
	newest      int64 // of the stored calls that were played: when it was closed
	live, fresh time.Duration
	looks       int
}

// look takes a look five times a second.
func (w *watch) look(c *collector) {
	w.Helper()
	if time.Since(w.at) < 200*time.Millisecond {
		return
	}
	w.at = time.Now()
	s := c.now()
	now := time.Now()
	if len(s.Nodes) != 1 || s.Nodes[0].Live == nil {
		return // nothing has come yet: that is within a second of the connection
	}
	w.looks++
	w.live = max(w.live, now.Sub(time.UnixMilli(s.Nodes[0].Live.TimeUnixMs)))
	w.check(c.query("calls-*.db", `SELECT coalesce(max(closed_ms), 0) FROM (SELECT closed_ms, call_id FROM calls ORDER BY rowid DESC LIMIT 30000) WHERE call_id NOT LIKE 'backlog%'`, func(r *sql.Rows) error {
		var ms int64
		err := r.Scan(&ms)
		w.newest = max(w.newest, ms)
		return err
	}))
	if w.looks > 15 || w.newest > 0 { // else the first ones are on their way
		w.fresh = max(w.fresh, time.Since(time.UnixMilli(w.newest)))
	}
}
