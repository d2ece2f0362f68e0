package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// need skips what was not asked for, and fails what was and cannot be.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv("SIPWARD_E2E") == "" {
		t.Skip("needs root and real SIP programs: run it with make e2e, or SIPWARD_E2E=1")
	}
	if os.Geteuid() != 0 {
		t.Fatal("end-to-end tests make network namespaces: run them as root")
	}
}

// liveCapture captures on every interface.
const liveCapture = `
  interfaces: [any]
  filter: ebpf`

// config is the agent's on the switch. %s are what it captures, and the
// addresses of the customer and the carriers.
const config = `
node: e2e
capture:%s
dtmf:
  digits: store
customers:
  - id: acme
    addresses: [%s]
carriers:
  - id: alpha
    addresses: [%s]
  - id: beta
    addresses: [%s]
`

// world is a site with its switch and agent running.
type world struct {
	*peers.Site
	t         *testing.T
	addresses peers.Addresses
	tcp       bool
	agent     *peers.Agent
	plays     int
}

// newWorld builds one; it ends with the test, and shows its logs if that fails.
func newWorld(t *testing.T, a peers.Addresses, tcp bool, more string) *world {
	t.Helper()
	return newWorldOn(t, a, tcp, liveCapture, more)
}

// newWorldOn is newWorld with an agent that gets packets as capture says.
func newWorldOn(t *testing.T, a peers.Addresses, tcp bool, capture, more string) *world {
	t.Helper()
	w := newSwitch(t, a, tcp)
	w.watch(capture, more)
	return w
}

// newSite builds hosts that end with the test, which shows their logs if it fails.
func newSite(t *testing.T) *peers.Site {
	t.Helper()
	site, err := peers.NewSite(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			site.WriteLogs(t.Output())
		}
	})
	return site
}

// newSwitch builds a world in which no agent runs yet.
func newSwitch(t *testing.T, a peers.Addresses, tcp bool) *world {
	t.Helper()
	ctx, site := t.Context(), newSite(t)
	w := &world{Site: site, t: t, addresses: a, tcp: tcp}
	if _, err := (&peers.Kamailio{Host: site.Switch, Addresses: a, TCP: tcp}).Start(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// watch starts the agent.
func (w *world) watch(capture, more string) {
	t, a := w.t, w.addresses
	t.Helper()
	program, err := peers.BuildAgent(t.Context(), w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.agent = &peers.Agent{Host: w.Switch, Program: program,
		Config: fmt.Sprintf(config, capture, quoted(a.Customer), quoted(a.CarrierA), quoted(a.CarrierB)) + more}
	if err := w.agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func quoted(a netip.Addr) string { return fmt.Sprintf("%q", a) }

// status asks the agent.
func (w *world) status() *peers.AgentStatus {
	w.t.Helper()
	s, err := w.agent.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// batch is calls of one kind.
type batch struct {
	name   string
	number string // what is called; its first digit is the switch's route
	calls  int
	rate   int // a second
	caller peers.Caller
	a, b   peers.Callee
}

// result is what sipp says about a batch.
type result struct{ caller, a, b peers.Stats }

// running is a batch that goes on.
type running struct {
	w            *world
	caller, a, b *peers.Running
}

func (w *world) start(b *batch) *running {
	w.t.Helper()
	w.plays++
	r := &running{w: w}
	limit := 120 + b.calls/b.rate // seconds: a sipp that hangs must not hang the test
	for _, callee := range []struct {
		to   **peers.Running
		host *peers.Host
		at   netip.Addr
		fill peers.Callee
	}{{&r.a, w.CarrierA, w.addresses.CarrierA, b.a}, {&r.b, w.CarrierB, w.addresses.CarrierB, b.b}} {
		run := &peers.SIPp{Host: callee.host, Name: fmt.Sprintf("%s-%s", callee.host.Name, b.name), Fill: callee.fill,
			Local: peers.At(callee.at), TCP: w.tcp, Timeout: limit}
		*callee.to = w.must(run.Start(w.t.Context()))
	}
	caller := b.caller // b is of all tests
	caller.User = "2125550100"
	r.caller = w.must((&peers.SIPp{Host: w.Customer, Name: "customer-" + b.name, Fill: caller, TCP: w.tcp,
		Local: peers.At(w.addresses.Customer), Remote: peers.At(w.addresses.ToCustomer),
		Service: b.number, Calls: b.calls, Limit: b.calls, Rate: b.rate, Timeout: limit}).Start(w.t.Context()))
	return r
}

func (w *world) must(p *peers.Running, err error) *peers.Running {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// finish waits for the end of the calls and returns sipp's statistics of them.
func (r *running) finish() result {
	t := r.w.t
	t.Helper()
	ctx := t.Context()
	if err := r.caller.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	var s result
	for _, p := range []struct {
		of *peers.Running
		to *peers.Stats
	}{{r.caller, &s.caller}, {r.a, &s.a}, {r.b, &s.b}} {
		if err := p.of.End(ctx); err != nil {
			t.Fatal(err)
		}
		stats, err := p.of.Stats()
		if err != nil {
			t.Fatal(err)
		}
		*p.to = stats
	}
	return s
}

// during waits until sipp has want calls up and the agent says what is asked
// for of them. Looking at sipp before and after the agent makes sure that its
// figure did not change meanwhile; as long as it is want, the agent has to
// come to it, and not to anything else for longer than it takes to publish.
func (r *running) during(what string, want int, is func(*peers.AgentStatus) bool) {
	t := r.w.t
	t.Helper()
	var last *peers.AgentStatus
	agreed := 0
	err := peers.Poll(t.Context(), 30*time.Second, what, func() (bool, error) {
		before, err := r.caller.Stats()
		if err != nil {
			return false, err
		}
		if before.Current != want {
			return false, nil
		}
		last = r.w.status()
		after, err := r.caller.Stats()
		if err != nil || after.Current != want {
			return false, err
		}
		if is(last) {
			agreed++
		} else if agreed > 0 {
			return false, fmt.Errorf("sipp still has %d calls, the agent %d in setup and %d answered", want, last.Calls.LiveSetup, last.Calls.LiveAnswered)
		}
		return agreed >= 3, nil
	})
	if err != nil && last != nil {
		t.Fatalf("%v; the agent has %d in setup and %d answered", err, last.Calls.LiveSetup, last.Calls.LiveAnswered)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settle waits until the agent has no live call, and has written the records
// of as many as were made: it keeps a call a few seconds for late messages.
func (w *world) settle(calls int) *peers.AgentStatus {
	w.t.Helper()
	var s *peers.AgentStatus
	records := 0
	err := peers.Poll(w.t.Context(), 60*time.Second, "the agent to be done with all calls", func() (_ bool, err error) {
		s, err = w.agent.Status(w.t.Context())
		if err != nil {
			return false, err
		}
		records, _ = s.Count("records", "written") // without it the wait fails
		return s.Calls.LiveSetup+s.Calls.LiveAnswered == 0 && records >= calls, nil
	})
	if err != nil {
		w.t.Errorf("%v: it has %d in setup, %d answered, and wrote %d of %d records", err, s.Calls.LiveSetup, s.Calls.LiveAnswered, records, calls)
	}
	return s
}

// equal compares a figure of the agent's with its true value.
func (w *world) equal(name string, got, want int) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: the agent has %d, sipp %d", name, got, want)
	}
}
