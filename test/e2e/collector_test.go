package e2e

import (
	"database/sql"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// What sipp says of its calls, what the agent counted, and what the collector
// has in its records and in its sums, is the same.
func TestCollector(t *testing.T) {
	need(t)
	t.Parallel()
	o := newOffice(t)
	w := o.world
	sum := tally{w: w}
	sum.add(&failover, w.start(&failover).finish())
	for i := range others {
		sum.add(&others[i], w.start(&others[i]).finish())
	}
	s := w.settle(sum.started)
	sum.compare(s)
	o.delivered(sum.started)
	o.records(&sum, s)
	o.sums(&sum, s)
	o.sound()

	// The counters of a minute are written when it is over, or with the agent's end;
	// its next run sends them.
	if err := w.agent.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.minutes(sum.started)
	o.delivered(sum.started)
}

// An agent that is killed amidst calls, and started again, knows them: they are
// live channels at once, and their records have their true start and length.
func TestCollectorKilledAgent(t *testing.T) {
	need(t)
	t.Parallel()
	o := newOffice(t)
	w, ctx := o.world, t.Context()
	const (
		before = 10 // calls that are over when the agent is killed
		during = 30 // calls that are up
		hold   = 20 * time.Second
	)
	sum := tally{w: w}
	early := batch{name: "early", number: "1000", calls: before, rate: 20, caller: peers.Caller{Hold: 300}}
	sum.add(&early, w.start(&early).finish())
	w.settle(before)

	begun := time.Now()
	long := batch{name: "long", number: "1000", calls: during, rate: 60, caller: peers.Caller{Hold: int(hold.Milliseconds())}}
	r := w.start(&long)
	r.during("all calls to be answered", during, func(s *peers.AgentStatus) bool { return s.Calls.LiveAnswered == during })
	o.saved()
	killed := time.Now()
	if err := w.agent.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Start(ctx); err != nil {
		t.Fatal(err)
	}
	r.during("the channels to be back", during, func(s *peers.AgentStatus) bool {
		return s.Calls.LiveAnswered == during && peers.Party(s.Customers, "acme").LiveAnswered == during && peers.Party(s.Carriers, "alpha").LiveAnswered == during
	})
	if stats, err := r.caller.Stats(); err != nil || stats.Current != during {
		t.Fatalf("calls ended before the agent was back, so nothing was tested: %+v, %v", stats, err)
	}
	sum.add(&long, r.finish())
	o.delivered(before + during)
	for _, c := range o.calls() {
		long := time.Duration(c.DurationMs) * time.Millisecond
		if c.Ended.Before(killed) {
			continue
		}
		if c.Invited.Before(begun) || c.Invited.After(killed) || c.Midcall || c.Release != "bye_caller" {
			t.Errorf("call %s began %v, was seen from its middle %v, and was released by %s; it was made from %v to %v", c.CallID, c.Invited, c.Midcall, c.Release, begun, killed)
		}
		// sipp says BYE when the time is over, or a little later when it is busy.
		if long < hold-10*time.Millisecond || long > hold+2*time.Second {
			t.Errorf("call %s lasted %v, it was held for %v", c.CallID, long, hold)
		}
	}
	s := w.status()
	o.records(&sum, nil)
	o.sums(&sum, nil)
	o.sound()
	if s.Calls.LiveSetup+s.Calls.LiveAnswered != 0 {
		t.Errorf("%d calls are live after the last one ended", s.Calls.LiveSetup+s.Calls.LiveAnswered)
	}
}

// office is a world with a collector on a host of its own.
type office struct {
	*world
	collector *peers.Collector
}

// The cable to the collector, with addresses from the range for benchmarks (RFC 2544).
var (
	officeAddr   = netip.MustParseAddr("198.18.0.2")
	toOfficeAddr = netip.MustParseAddr("198.18.0.1")
)

// newOffice starts everything; the agent watches the cable to the collector, too.
func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{world: newSwitch(t, peers.V4, false)}
	o.collector = newCollector(t, o.Site)
	uplink, err := o.collector.AddNode(t.Context(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	o.watch(liveCapture, uplink)
	return o
}

// newCollector starts one on a host of its own, which a cable connects to the switch.
func newCollector(t *testing.T, site *peers.Site) *peers.Collector {
	t.Helper()
	c := &peers.Collector{}
	attach(t, site, c, func() {})
	return c
}

// attach gives a collector its host, lets prepare have it, and starts it.
func attach(t *testing.T, site *peers.Site, c *peers.Collector, prepare func()) {
	t.Helper()
	ctx := t.Context()
	host, err := site.Host(ctx, "collector")
	if err != nil {
		t.Fatal(err)
	}
	err = site.Connect(ctx,
		peers.End{Host: host, Interface: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(officeAddr, 24)}},
		peers.End{Host: site.Switch, Interface: "k0", Addresses: []netip.Prefix{netip.PrefixFrom(toOfficeAddr, 24)}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Program, err = peers.BuildCollector(ctx, site.Dir); err != nil {
		t.Fatal(err)
	}
	c.Host, c.Address = host, officeAddr
	prepare()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// delivered waits until the collector has so many calls and the agent says that
// all it ever accepted is acked.
func (o *office) delivered(calls int) {
	t := o.t
	t.Helper()
	have := 0
	var s *peers.AgentStatus
	err := peers.Poll(t.Context(), 60*time.Second, "all records to be in the collector", func() (bool, error) {
		all, err := o.collector.Calls(t.Context())
		if err != nil {
			return false, err
		}
		s, have = o.status(), len(all)
		c, m := &s.Sync.Spool.Calls, &s.Sync.Spool.Telemetry
		for _, x := range []*peers.AgentSpool{c, m} {
			if x.Accepted != x.Acked+x.Spooled+x.Declared {
				t.Errorf("the spool's account does not add up: %+v", *x)
			}
		}
		return have >= calls && s.Agent.LiveLegs == 0 && c.Spooled+c.Queued+m.Spooled+m.Queued == 0, nil
	})
	if err != nil {
		t.Fatalf("%v: it has %d of %d calls; the agent has %d legs and %+v", err, have, calls, s.Agent.LiveLegs, s.Sync.Spool)
	}
}

// saved waits until all calls that are up now are in a checkpoint on disk. There is
// one every second; the next to end may have begun before this.
func (o *office) saved() {
	o.t.Helper()
	begin := -1
	err := peers.Poll(o.t.Context(), 10*time.Second, "two checkpoints", func() (bool, error) {
		n, ok := o.status().Count("spool", "checkpoints")
		if begin < 0 {
			begin = n
		}
		return ok && n >= begin+2, nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) calls() []peers.StoredCall {
	o.t.Helper()
	all, err := o.collector.Calls(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

// stored is what some calls or attempts add up to.
type stored struct{ calls, outcomes, answered, ms int }

// records compares the collector's calls and attempts with sipp's figures and,
// if it counted all of them, the agent's.
func (o *office) records(sum *tally, s *peers.AgentStatus) {
	t := o.t
	t.Helper()
	var acme stored
	var caller, callee, attempts int
	ids := make(map[string]bool)
	for _, c := range o.calls() {
		if c.Kind != "call" || c.Customer != "acme" || c.Midcall {
			t.Errorf("a call was stored as %+v", c)
			continue
		}
		if ids[c.CallID] {
			t.Errorf("call %s is stored twice", c.CallID)
		}
		ids[c.CallID] = true
		acme.add(c.Outcome, c.Answered, c.DurationMs)
		caller, callee, attempts = caller+c.FromCaller, callee+c.FromCallee, attempts+c.Attempts
	}
	carriers := make(map[string]*stored)
	all, err := o.collector.Attempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if carriers[a.Carrier] == nil {
			carriers[a.Carrier] = &stored{}
		}
		carriers[a.Carrier].add(a.Outcome, a.Answered, a.DurationMs)
	}
	o.equal("stored calls", acme.calls, sum.started)
	o.equal("stored calls with an outcome", acme.outcomes, sum.started)
	o.equal("stored answered calls", acme.answered, sum.answered)
	o.equal("attempts in calls", attempts, sum.a+sum.b)
	for _, c := range []struct {
		name            string
		calls, answered int
	}{{"alpha", sum.a, sum.aAnswered}, {"beta", sum.b, sum.bAnswered}} {
		if carriers[c.name] == nil {
			carriers[c.name] = &stored{}
		}
		o.equal("stored attempts at "+c.name, carriers[c.name].calls, c.calls)
		o.equal("stored attempts that "+c.name+" answered", carriers[c.name].answered, c.answered)
		if s != nil {
			o.agrees("milliseconds of "+c.name, carriers[c.name].ms, peers.Party(s.Carriers, c.name).AnsweredMs)
		}
	}
	o.equal("carriers", len(all), sum.a+sum.b)
	if s != nil {
		o.agrees("milliseconds of the customer", acme.ms, peers.Party(s.Customers, "acme").AnsweredMs)
		o.agrees("digits of callers", caller, s.Calls.Digits.Caller)
		o.agrees("digits of callees", callee, s.Calls.Digits.Callee)
		o.equal("digits of callers", caller, crowd*len(callerKeys))
		o.equal("digits of callees", callee, crowd*len(calleeKeys))
	}
}

func (s *stored) add(outcome, answered bool, ms int) {
	s.calls++
	if outcome {
		s.outcomes++
	}
	if answered {
		s.answered++
		s.ms += ms
	}
}

// sums compares the collector's summaries with the records, with sipp and, if it
// counted all calls, with the agent.
func (o *office) sums(sum *tally, s *peers.AgentStatus) {
	t := o.t
	t.Helper()
	all, err := o.collector.Summaries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]peers.Summary)
	for _, x := range all {
		y := got[x.Kind+" "+x.Party]
		y.Calls, y.Outcomes, y.Answered, y.Midcall = y.Calls+x.Calls, y.Outcomes+x.Outcomes, y.Answered+x.Answered, y.Midcall+x.Midcall
		y.Over, y.Ended, y.AnsweredMs = y.Over+x.Over, y.Ended+x.Ended, y.AnsweredMs+x.AnsweredMs
		y.ASR.Num, y.ASR.Den, y.ACD.Num, y.ACD.Den = y.ASR.Num+x.ASR.Num, y.ASR.Den+x.ASR.Den, y.ACD.Num+x.ACD.Num, y.ACD.Den+x.ACD.Den
		got[x.Kind+" "+x.Party] = y
	}
	records, named := o.lengths(), 0
	for _, c := range []struct {
		name            string
		calls, answered int
	}{
		{"total ", sum.started, sum.answered}, {"customer acme", sum.started, sum.answered},
		{"carrier alpha", sum.a, sum.aAnswered}, {"carrier beta", sum.b, sum.bAnswered},
	} {
		if c.calls > 0 {
			named++
		}
		x := got[c.name]
		o.equal("summary of "+c.name+": calls", x.Calls, c.calls)
		o.equal("summary of "+c.name+": outcomes", x.Outcomes, c.calls)
		o.equal("summary of "+c.name+": answered", x.Answered, c.answered)
		o.equal("summary of "+c.name+": over", x.Over, c.calls)
		o.equal("summary of "+c.name+": answered and over", x.Ended, c.answered)
		o.equal("summary of "+c.name+": seen from their middle", x.Midcall, 0)
		if x.AnsweredMs != records[c.name] {
			t.Errorf("summary of %s: %d ms, its records add up to %d ms", c.name, x.AnsweredMs, records[c.name])
		}
		if s == nil {
			continue
		}
		f := s.Calls
		switch c.name {
		case "customer acme":
			f = peers.Party(s.Customers, "acme")
		case "carrier alpha", "carrier beta":
			f = peers.Party(s.Carriers, c.name[len("carrier "):])
		}
		if x.ASR != f.ASR || x.ACD != f.ACD {
			t.Errorf("summary of %s: ASR %+v and ACD %+v, the agent has %+v and %+v", c.name, x.ASR, x.ACD, f.ASR, f.ACD)
		}
	}
	if len(got) != named {
		t.Errorf("there are summaries of others than those who called: %v", got)
	}
}

// lengths adds the lengths of stored records up, in milliseconds.
func (o *office) lengths() map[string]int {
	o.t.Helper()
	out := make(map[string]int)
	for _, c := range o.calls() {
		out["total "] += c.DurationMs
		out["customer "+c.Customer] += c.DurationMs
	}
	all, err := o.collector.Attempts(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	for _, a := range all {
		out["carrier "+a.Carrier] += a.DurationMs
	}
	return out
}

// agrees compares a figure of the collector's with the agent's.
func (o *office) agrees(name string, got, want int) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: the collector has %d, the agent %d", name, got, want)
	}
}

// sound waits until the collector has compared its own figures and complains of
// nothing any more: what a node says of itself is half a minute old at most.
func (o *office) sound() {
	t := o.t
	t.Helper()
	var s *peers.CollectorStatus
	// An agent that began before a full hour closes that hour a minute after its restart.
	err := peers.Poll(t.Context(), 90*time.Second, "the collector to compare its figures", func() (_ bool, err error) {
		s, err = o.collector.Status(t.Context())
		return err == nil && s.Reconciliation.LastUnixMs != 0 && len(s.Attention) == 0, err
	})
	if err != nil {
		t.Errorf("%v: attention %q", err, s.Attention)
	}
	if r := &s.Reconciliation; r.Error != "" || len(r.Differ)+len(r.Sums) > 0 {
		t.Errorf("the collector finds its own figures different: %+v", *r)
	}
	if len(s.Losses) > 0 || s.DeadLetters.Kept > 0 {
		t.Errorf("losses %s, %d dead letters", s.Losses, s.DeadLetters.Kept)
	}
	if len(s.Nodes) != 1 || s.Nodes[0].Node != "e2e" || s.Nodes[0].State != "up" || s.Nodes[0].Live == nil || s.Nodes[0].Live.Answered != 0 {
		t.Errorf("nodes: %+v", s.Nodes)
	}
}

// minutes waits until the stored counters of minutes add up to so many calls,
// and compares them with the sums of the calls: this is what reconciliation does for
// hours that are over.
func (o *office) minutes(calls int) {
	t := o.t
	t.Helper()
	type closed struct{ over, ended, ms int }
	got := make(map[string]closed)
	err := peers.Poll(t.Context(), 30*time.Second, "the counters of the last minute", func() (bool, error) {
		clear(got)
		err := peers.QuerySQLite(t.Context(), filepath.Join(o.collector.Store(), "telemetry-*.db"), `SELECT kind, party, sum(over_count), sum(ended), sum(answered_ms) FROM minutes GROUP BY kind, party`, func(rows *sql.Rows) error {
			var kind, party string
			var c closed
			err := rows.Scan(&kind, &party, &c.over, &c.ended, &c.ms)
			x := got[kind+" "+party] // of another month
			got[kind+" "+party] = closed{x.over + c.over, x.ended + c.ended, x.ms + c.ms}
			return err
		})
		if err != nil && strings.Contains(err.Error(), "no such table") {
			err = nil // the file is being made
		}
		return got["total "].over >= calls, err
	})
	if err != nil {
		t.Errorf("%v: %+v", err, got)
	}
	all, err := o.collector.Summaries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]closed)
	for _, s := range all {
		c := want[s.Kind+" "+s.Party]
		want[s.Kind+" "+s.Party] = closed{c.over + s.Over, c.ended + s.Ended, c.ms + s.AnsweredMs}
	}
	for name, c := range want {
		if got[name] != c {
			t.Errorf("%s: minute counters say %+v, calls %+v", name, got[name], c)
		}
	}
}
