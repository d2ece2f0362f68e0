// Package load sends more than a busy switch sees over a cable to a live
// agent, and checks that it loses nothing and what it costs. Root; runs with
// SIPWARD_LOAD=1 (make load).
package load

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/test/peers"
)

// The two ends of the cable.
const (
	senderSide = "out0"
	agentSide  = "in0"
)

// road is two hosts with a cable between them: one replays, the agent watches
// the other.
type road struct {
	*peers.Lab
	t      *testing.T
	sender *peers.Host
	agent  *peers.Agent
}

func newRoad(t *testing.T, plans ...*testkit.Plan) *road {
	t.Helper()
	if os.Getenv("SIPWARD_LOAD") == "" {
		t.Skip("takes both processors and a gigabyte of disk: run it with make load, or SIPWARD_LOAD=1")
	}
	ctx := t.Context()
	lab, err := peers.NewLab(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			lab.WriteLogs(t.Output())
		}
	})
	r := &road{Lab: lab, t: t}
	hosts := make([]*peers.Host, 2)
	for i, name := range []string{"sender", "watched"} {
		if hosts[i], err = lab.Host(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	r.sender = hosts[0]
	if err := lab.Connect(ctx, peers.End{Host: r.sender, Interface: senderSide}, peers.End{Host: hosts[1], Interface: agentSide}); err != nil {
		t.Fatal(err)
	}
	program, err := peers.BuildAgent(ctx, lab.Dir)
	if err != nil {
		t.Fatal(err)
	}
	r.agent = &peers.Agent{Host: hosts[1], Program: program, Config: config(plans)}
	if err := r.agent.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// config is the agent's: everybody in the plans by name.
func config(plans []*testkit.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node: load\ncapture:\n  interfaces: [%s]\n  filter: ebpf\n  promiscuous: true\nlocal_addresses:\n", agentSide)
	for _, p := range plans {
		fmt.Fprintf(&b, "  - %s\n", p.SwitchIP)
	}
	b.WriteString("customers:\n")
	for n, p := range plans {
		for i := range p.Customers {
			fmt.Fprintf(&b, "  - id: customer-%d-%d\n    addresses: [%s]\n", n, i, p.CustomerAddr(i))
		}
	}
	b.WriteString("carriers:\n")
	for n, p := range plans {
		for i := range p.Carriers {
			fmt.Fprintf(&b, "  - id: carrier-%d-%d\n    addresses: [%s]\n", n, i, p.CarrierAddr(i))
		}
	}
	return b.String()
}

// newPlans makes n copies of a plan that have no call and no address in common.
func newPlans(t *testing.T, n int, plan testkit.Plan) []*testkit.Plan {
	t.Helper()
	var plans []*testkit.Plan
	for i := range n {
		p, net := plan, byte(10*i)
		p.Seed = uint64(i + 1)
		p.SwitchIP, p.Customer, p.Carrier = netip.AddrFrom4([4]byte{10, net, 0, 10}), netip.AddrFrom4([4]byte{10, net + 1, 0, 1}), netip.AddrFrom4([4]byte{10, net + 2, 0, 1})
		p, err := p.Fill()
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, &p)
	}
	return plans
}

// load is a capture to replay, and what is in it.
type load struct {
	file string
	want *testkit.Expected
}

// write makes the captures that are replayed.
func (r *road) write(plans []*testkit.Plan) []load {
	r.t.Helper()
	var loads []load
	for i, plan := range plans {
		l := load{file: filepath.Join(r.Dir, fmt.Sprintf("load%d.pcapng", i))}
		f, err := os.Create(l.file)
		if err != nil {
			r.t.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		p, err := testkit.NewPcap(w)
		if err != nil {
			r.t.Fatal(err)
		}
		if l.want, err = testkit.Generate(*plan, p); err != nil {
			r.t.Fatal(err)
		}
		for _, finish := range []func() error{p.Flush, w.Flush, f.Close} {
			if err := finish(); err != nil {
				r.t.Fatal(err)
			}
		}
		loads = append(loads, l)
	}
	return loads
}

// sent is what was replayed, and what it cost the agent.
type sent struct {
	packets int
	rate    float64 // packets a second, all senders together
	agent   time.Duration
	elapsed time.Duration
}

// share is the part of one core that the agent took.
func (s sent) share() float64 { return s.agent.Seconds() / s.elapsed.Seconds() }

var actual = regexp.MustCompile(`Actual: ([0-9]+) packets`)

// replay sends the captures at the same time, as fast as how says.
func (r *road) replay(loads []load, how ...string) sent {
	r.t.Helper()
	var senders []*peers.Proc
	for i, l := range loads {
		// Each reads its file into memory first, which takes about as long.
		args := append([]string{"--preload-pcap", "--quiet", "--intf1=" + senderSide}, append(how, l.file)...)
		p, err := r.sender.Start(fmt.Sprintf("tcpreplay%d", i), "tcpreplay", args...)
		if err != nil {
			r.t.Fatal(err)
		}
		senders = append(senders, p)
	}
	before, s := r.cpu(), sent{}
	begin := time.Now()
	for _, p := range senders {
		if err := p.Wait(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		out, err := os.ReadFile(p.Log)
		if err != nil {
			r.t.Fatal(err)
		}
		m := actual.FindSubmatch(out)
		if m == nil {
			r.t.Fatalf("tcpreplay does not say what it sent: %s", out)
		}
		frames, err := strconv.Atoi(string(m[1]))
		if err != nil {
			r.t.Fatal(err)
		}
		s.packets += frames
		s.rate += rateOf(r.t, out)
	}
	s.agent, s.elapsed = r.cpu()-before, time.Since(begin)
	return s
}

var rated = regexp.MustCompile(`([0-9.]+) pps`)

// rateOf reads a sender's own packets a second: its start is not in them.
func rateOf(t *testing.T, out []byte) float64 {
	t.Helper()
	m := rated.FindSubmatch(out)
	if m == nil {
		t.Fatalf("tcpreplay does not say how fast it was: %s", out)
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

// cpu is the processor time that the agent has used.
func (r *road) cpu() time.Duration {
	r.t.Helper()
	d, err := peers.CPUTime(r.agent.PID())
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// total is what all loads hold together.
type total struct{ messages, rtp, digits, calls, answered int }

func sum(loads []load) total {
	var t total
	for _, l := range loads {
		t.messages += l.want.Messages
		t.rtp += l.want.RTPPackets
		t.digits += l.want.DigitCount
		t.calls += l.want.Calls.Total
		t.answered += l.want.Calls.Answered
	}
	return t
}

// complete waits until no call is left, and compares what the agent counted
// with what was played.
func (r *road) complete(want total) {
	t := r.t
	t.Helper()
	var s *peers.AgentStatus
	err := peers.Poll(t.Context(), 60*time.Second, "the agent to be done with all calls", func() (_ bool, err error) {
		if s, err = r.agent.Status(t.Context()); err != nil {
			return false, err
		}
		// A call's record is written some seconds after its end.
		records, _ := s.Count("records", "written")
		return s.SIP.Messages >= want.messages && records >= want.calls, nil
	})
	if err != nil {
		t.Errorf("%v: %d calls are still live", err, s.Calls.LiveSetup+s.Calls.LiveAnswered)
	}
	for _, v := range []struct {
		name      string
		got, want int
	}{
		{"SIP messages", s.SIP.Messages, want.messages},
		{"calls", s.Calls.Started, want.calls},
		{"answered calls", s.Calls.Answered, want.answered},
		{"digits", s.Calls.Digits.Caller + s.Calls.Digits.Callee, want.digits},
		{"RTP packets", s.Calls.Packets.Caller + s.Calls.Packets.Callee, want.rtp},
		{"panics", s.Agent.Panics, 0},
	} {
		if v.got != v.want {
			t.Errorf("%s: the agent has %d, %d were sent", v.name, v.got, v.want)
		}
	}
	for _, d := range s.Agent.Drops {
		if d.N != 0 {
			t.Errorf("lost: %s %s: %d", d.Stage, d.Event, d.N)
		}
	}
}

// 400,000 packets a second, nearly all G.711: not a message and not a digit is
// lost. One tcpreplay sends some 270,000, so there are two.
func TestPackets(t *testing.T) {
	plans := newPlans(t, 2, testkit.Plan{Calls: 1800, Rate: 360, Hold: 5 * time.Second, RTP: true, Digits: 3, CalleeDigits: 1})
	r := newRoad(t, plans...)
	loads := r.write(plans)
	const rate = 400_000
	s := r.replay(loads, fmt.Sprintf("--pps=%d", rate/len(loads)))
	want := sum(loads)
	t.Logf("%d packets at %.0f/s, %d of them SIP messages; the agent took %v: %.1f%% of a core",
		s.packets, s.rate, want.messages, s.agent, 100*s.share())
	if s.rate < 0.9*rate {
		t.Errorf("tcpreplay managed %.0f packets/s, %d were wanted: the machine is too slow or too busy for this test", s.rate, rate)
	}
	r.complete(want)
}

// A thousand full calls a second cost a fifth of a core.
func TestCalls(t *testing.T) {
	const perSecond, most = 1000, 0.20
	plans := newPlans(t, 1, testkit.Plan{Calls: 10 * perSecond, Rate: perSecond, Ring: time.Second, Hold: 2 * time.Second, RTP: true, Digits: 1})
	r := newRoad(t, plans...)
	loads := r.write(plans)
	want := sum(loads)
	// As many packets a second as the plan has at its height: tcpreplay's own
	// timing by timestamps falls behind at such a rate.
	length := time.Duration(want.calls) * time.Second / perSecond
	s := r.replay(loads, fmt.Sprintf("--pps=%d", int(float64(want.messages+want.rtp)/length.Seconds())))
	// The capture begins and ends with fewer calls: the cost is that of a call.
	cost := s.agent.Seconds() / float64(want.calls)
	t.Logf("%d calls, %d SIP messages and %d RTP packets at %.0f packets/s: %.1f µs of the agent a call, %.1f%% of a core at %d a second",
		want.calls, want.messages, want.rtp, s.rate, 1e6*cost, 100*perSecond*cost, perSecond)
	r.complete(want)
	if share := perSecond * cost; share > most {
		t.Errorf("%d calls/s take %.0f%% of a core, more than %.0f%%", perSecond, 100*share, 100*most)
	}
}
