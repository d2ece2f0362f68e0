package e2e

import (
	"testing"

	"github.com/sipward/sipward/test/peers"
)

const (
	callerKeys = "159#"
	calleeKeys = "24"
	crowd      = 40 // calls at the same time
)

// The agent counts on a live switch what those who call over it count:
// customers' calls, carriers' attempts with failover, live channels, digits.
func TestLive(t *testing.T) {
	need(t) // not beside others: sipp leaves out voice when it has to wait for a processor
	for _, v := range []struct {
		name      string
		addresses peers.Addresses
		tcp       bool
	}{{"IPv4-UDP", peers.V4, false}, {"IPv6-UDP", peers.V6, false}, {"IPv4-TCP", peers.V4, true}} {
		t.Run(v.name, func(t *testing.T) { live(t, v.addresses, v.tcp) })
	}
}

// failover rings for a while, then holds with digits and voice both ways.
var failover = batch{name: "failover", number: "2000", calls: crowd, rate: 2 * crowd,
	caller: peers.Caller{Play: append(peers.Keys(callerKeys), peers.Voice(5000)), Hold: 2000},
	a:      peers.Callee{Refuse: "503 Service Unavailable"},
	b:      peers.Callee{Answer: 3000, Play: append(peers.Keys(calleeKeys), peers.Voice(1000))}}

// others end in other ways.
var others = []batch{
	{name: "direct", number: "1000", calls: 10, rate: 20, caller: peers.Caller{Hold: 500}},
	{name: "auth", number: "4000", calls: 5, rate: 20, caller: peers.Caller{Hold: 500, Auth: true}},
	{name: "busy", number: "1486", calls: 5, rate: 20, caller: peers.Caller{Refused: "486"}, a: peers.Callee{Refuse: "486 Busy Here"}},
	{name: "cancel", number: "1487", calls: 5, rate: 20, caller: peers.Caller{Cancel: true, Refused: "487"}, a: peers.Callee{Ring: true}},
	{name: "reinvite", number: "1000", calls: 5, rate: 20, caller: peers.Caller{Hold: 500, Reinvite: true}, a: peers.Callee{Reinvite: true}},
}

func live(t *testing.T, addresses peers.Addresses, tcp bool) {
	w := newWorld(t, addresses, tcp, "")
	r := w.start(&failover)
	r.during("all calls to ring", crowd, func(s *peers.AgentStatus) bool {
		return s.Calls.LiveSetup == crowd && s.Calls.LiveAnswered == 0
	})
	r.during("all calls to be answered", crowd, func(s *peers.AgentStatus) bool {
		return s.Calls.LiveSetup == 0 && s.Calls.LiveAnswered == crowd
	})
	sum := tally{w: w}
	sum.add(&failover, r.finish())
	for i := range others {
		sum.add(&others[i], w.start(&others[i]).finish())
	}
	s := w.settle(sum.started)
	sum.compare(s)
	w.media(s)
	if err := w.agent.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	w.records(sum.started)
}

// tally adds sipp's statistics up.
type tally struct {
	w                 *world
	started, answered int
	a, aAnswered      int
	b, bAnswered      int
}

// add takes a batch's statistics in. A refusing callee counts its refusals as
// successes, and so does its caller when a refusal was expected.
func (sum *tally) add(b *batch, r result) {
	t := sum.w.t
	t.Helper()
	if r.caller.Created != b.calls || r.caller.Failed+r.a.Failed+r.b.Failed > 0 {
		t.Fatalf("batch %s did not go well: caller %+v, carrier A %+v, carrier B %+v", b.name, r.caller, r.a, r.b)
	}
	sum.started += r.caller.Created
	sum.a += r.a.Accepted
	sum.b += r.b.Accepted
	if b.caller.Refused == "" {
		sum.answered += r.caller.Successful
	}
	if b.a.Refuse == "" && !b.a.Ring {
		sum.aAnswered += r.a.Successful
	}
	if b.b.Refuse == "" && !b.b.Ring {
		sum.bAnswered += r.b.Successful
	}
}

// compare compares with the agent's figures, at rest.
func (sum *tally) compare(s *peers.AgentStatus) {
	w := sum.w
	w.t.Helper()
	acme := peers.Party(s.Customers, "acme")
	alpha, beta := peers.Party(s.Carriers, "alpha"), peers.Party(s.Carriers, "beta")
	w.equal("calls started", s.Calls.Started, sum.started)
	w.equal("calls with an outcome", s.Calls.Outcomes, sum.started)
	w.equal("calls answered", s.Calls.Answered, sum.answered)
	w.equal("most calls at once", s.Calls.Peak, crowd)
	w.equal("most answered calls at once", s.Calls.PeakAnswered, crowd)
	w.equal("calls of the customer", acme.Started, sum.started)
	w.equal("answered calls of the customer", acme.Answered, sum.answered)
	w.equal("attempts at carrier A", alpha.Started, sum.a)
	w.equal("outcomes at carrier A", alpha.Outcomes, sum.a)
	w.equal("answered by carrier A", alpha.Answered, sum.aAnswered)
	w.equal("attempts at carrier B", beta.Started, sum.b)
	w.equal("outcomes at carrier B", beta.Outcomes, sum.b)
	w.equal("answered by carrier B", beta.Answered, sum.bAnswered)
	w.equal("live attempts at carrier B", beta.LiveSetup+beta.LiveAnswered, 0)
	w.equal("calls joined in the middle", s.Calls.SeenMidcall, 0)
	w.equal("malformed messages", s.SIP.Malformed, 0)
	w.equal("panics", s.Agent.Panics, 0)
	for _, d := range s.Agent.Drops {
		w.equal("lost: "+d.Stage+" "+d.Event, d.N, 0)
	}
	if len(s.Suspect) > 0 {
		w.t.Errorf("the agent finds its own figures suspect: %q", s.Suspect)
	}
}

// media checks what the kernel did with the media, and the digits.
func (w *world) media(s *peers.AgentStatus) {
	t := w.t
	t.Helper()
	w.equal("digits of callers", s.Calls.Digits.Caller, crowd*len(callerKeys))
	w.equal("digits of callees", s.Calls.Digits.Callee, crowd*len(calleeKeys))
	if s.Mode != "ebpf" {
		t.Fatalf("the agent captures by %q, not by eBPF", s.Mode)
	}
	for _, c := range s.Agent.Counts {
		if c.Stage == "filter" && c.N > 0 {
			t.Logf("filter %s: %d", c.Event, c.N)
		}
	}
	if drops, ok := s.Count("capture", "kernel_dropped"); !ok || drops > 0 {
		t.Errorf("the kernel dropped %d packets (counter exported: %v)", drops, ok)
	}
	count := func(event string) int {
		n, ok := s.Count("filter", event)
		if !ok {
			t.Errorf("the agent does not export the filter's counter %q", event)
		}
		return n
	}
	// Of all packets only SIP, TCP on SIP ports and telephone events may reach
	// user space: every frame there has to be one of those.
	w.equal("frames in user space other than SIP and telephone events",
		s.Agent.Frames-count("passed_udp")-count("passed_tcp")-count("events"), 0)
	if rtp, ok := s.Count("media", "rtp"); !ok || rtp != count("events") {
		t.Errorf("user space saw %d RTP packets, %d of them telephone events (counter exported: %v)", rtp, count("events"), ok)
	}
	// Both sides' voice was counted by the kernel, and seen once more on the way
	// out of the switch; nothing came before the map knew of it.
	// sipp plays all of the file, or all but its last packet.
	const most = 2 * crowd * peers.VoicePackets
	if voice := count("media") - count("events"); voice < most-2*crowd || voice > most {
		t.Errorf("the kernel counted %d voice packets, %d to %d were sent", voice, most-2*crowd, most)
	}
	w.equal("media packets seen a second time", count("twice"), count("media"))
	w.equal("media packets of nothing known", count("missed"), 0)
}

// records checks that there is a record of every call, and those of the calls
// with digits; the agent has ended, so that nothing is on its way any more.
func (w *world) records(started int) {
	t := w.t
	t.Helper()
	all, err := w.agent.Records()
	if err != nil {
		t.Fatal(err)
	}
	w.equal("call records", len(all), started)
	calls := 0
	for i := range all {
		r := &all[i]
		if r.Called != failover.number {
			continue
		}
		calls++
		if r.Customer != "acme" || r.Carrier != "beta" || !r.Answered {
			t.Errorf("record of %s: customer %q carrier %q answered %v", r.CallID, r.Customer, r.Carrier, r.Answered)
		}
		if len(r.Attempts) != 2 || r.Attempts[0].Carrier != "alpha" || r.Attempts[0].Status != 503 || r.Attempts[1].Carrier != "beta" || r.Attempts[1].Status != 200 {
			t.Errorf("record of %s: attempts %+v", r.CallID, r.Attempts)
		}
		if r.FromCaller.Text != callerKeys || r.FromCallee.Text != calleeKeys {
			t.Errorf("record of %s: digits %q and %q, want %q and %q", r.CallID, r.FromCaller.Text, r.FromCallee.Text, callerKeys, calleeKeys)
		}
		if r.FromCaller.Packets < peers.VoicePackets-1 || r.FromCallee.Packets < peers.VoicePackets-1 {
			t.Errorf("record of %s: %d and %d media packets, at least %d were sent", r.CallID, r.FromCaller.Packets, r.FromCallee.Packets, peers.VoicePackets-1)
		}
	}
	w.equal("records of calls with digits", calls, failover.calls)
}
