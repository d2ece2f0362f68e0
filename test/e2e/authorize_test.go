package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// authorizeConfig has three customers, one on each cable of the site: acme with
// numbers of its own, two others without.
const authorizeConfig = `
node: e2e
capture:%s
customers:
  - id: acme
    addresses: [%q, %q]
    blocks:
      - first: 1000
        last: 1999
  - id: globex
    addresses: [%q, %q]
  - id: initech
    addresses: [%q, %q]
guard:
  mode: authorize
  dir: %s
`

// asking is a site whose registrar asks the agent.
type asking struct {
	*peers.Site
	t         *testing.T
	registrar *peers.Registrar
	agent     *peers.Agent
	plays     int
}

const failClosed = "closed"

// newAsking builds one, with the snippet as operators get it, or changed as its
// comments say.
func newAsking(t *testing.T, fail string) *asking {
	t.Helper()
	ctx, site := t.Context(), newSite(t)
	w := &asking{Site: site, t: t}
	snippet, err := os.ReadFile("../../configs/kamailio/sipward.cfg")
	if err != nil {
		t.Fatal(err)
	}
	if fail == failClosed {
		const open = "\n#!define SIPWARD_FAIL_OPEN\n"
		if !bytes.Contains(snippet, []byte(open)) {
			t.Fatalf("the snippet has no line %q", open)
		}
		snippet = bytes.Replace(snippet, []byte(open), []byte("\n"), 1)
	}
	path := filepath.Join(site.Dir, "sipward.cfg")
	if err := os.WriteFile(path, snippet, 0o644); err != nil {
		t.Fatal(err)
	}
	// What comes by TLS, the agent can only be told.
	w.registrar = &peers.Registrar{Host: site.Switch, Snippet: path, HEP: "127.0.0.1:9060",
		Listen: []netip.Addr{peers.V4.ToCustomer, peers.V4.ToA, peers.V4.ToB, peers.V6.ToCustomer, peers.V6.ToA, peers.V6.ToB}}
	if err := w.registrar.Start(ctx); err != nil {
		t.Fatal(err)
	}
	program, err := peers.BuildAgent(ctx, site.Dir)
	if err != nil {
		t.Fatal(err)
	}
	const capture = liveCapture + `
  hep:
    - network: udp
      address: 127.0.0.1:9060`
	w.agent = &peers.Agent{Host: site.Switch, Program: program, Config: fmt.Sprintf(authorizeConfig, capture,
		peers.V4.Customer, peers.V6.Customer, peers.V4.CarrierA, peers.V6.CarrierA, peers.V4.CarrierB, peers.V6.CarrierB,
		filepath.Join(site.Dir, "guard"))}
	w.start()
	return w
}

func (w *asking) start() {
	w.t.Helper()
	if err := w.agent.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// side is a customer's host, and the switch as it sees it.
type side struct {
	host          *peers.Host
	local, remote netip.Addr
}

// sides returns acme's, globex' and initech's.
func (w *asking) sides(a peers.Addresses) (acme, globex, initech side) {
	return side{w.Customer, a.Customer, a.ToCustomer}, side{w.CarrierA, a.CarrierA, a.ToA}, side{w.CarrierB, a.CarrierB, a.ToB}
}

// send has a customer's phone send requests, and fails when it is not answered
// as they say.
func (w *asking) send(from side, tcp bool, list ...peers.Request) {
	w.t.Helper()
	w.plays++
	_, err := (&peers.SIPp{Host: from.host, Name: fmt.Sprintf("phone-%d", w.plays), TCP: tcp, Calls: 1, Timeout: 30,
		Local: peers.At(from.local), Remote: peers.At(from.remote), Fill: peers.Requests{List: list}}).Run(w.t.Context())
	if err != nil {
		w.t.Errorf("%+v from %v: %v", list, from.local, err)
	}
}

// saved compares what the registrar has with what it should have.
func (w *asking) saved(want ...string) {
	w.t.Helper()
	got, err := w.registrar.Saved(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range want {
		if !got[n] {
			w.t.Errorf("%s is not registered", n)
		}
		delete(got, n)
	}
	for n := range got {
		w.t.Errorf("%s is registered, and must not be", n)
	}
}

// bound waits until the agent knows how many phones are registered.
func (w *asking) bound(want int) {
	w.t.Helper()
	var s *peers.AgentStatus
	err := peers.Poll(w.t.Context(), 10*time.Second, "the agent to see the registrar's answers", func() (_ bool, err error) {
		s, err = w.agent.Status(w.t.Context())
		return err == nil && s.Guard.Bindings == want, err
	})
	if err != nil {
		w.t.Fatalf("%v: it has %d bindings, want %d", err, s.Guard.Bindings, want)
	}
}

func accepted(user string) peers.Request {
	return peers.Request{Method: "REGISTER", User: user, Expires: 600, Challenged: true, Outcome: "200"}
}

func refused(user string) peers.Request {
	return peers.Request{Method: "REGISTER", User: user, Expires: 600, Outcome: "403"}
}

func gone(user string) peers.Request {
	return peers.Request{Method: "REGISTER", User: user, Challenged: true, Outcome: "200"}
}

// A registrar that asks saves what is in its customer's block, and nothing else.
func TestAuthorize(t *testing.T) {
	need(t)
	t.Parallel()
	for _, v := range []struct {
		name      string
		addresses peers.Addresses
		tcp       bool
	}{{"UDP", peers.V4, false}, {"TCP", peers.V4, true}, {"UDP-IPv6", peers.V6, false}, {"TCP-IPv6", peers.V6, true}} {
		t.Run(v.name, func(t *testing.T) {
			w := newAsking(t, "open")
			acme, globex, initech := w.sides(v.addresses)
			w.send(acme, v.tcp, accepted("1005"))
			w.saved("1005")
			w.bound(1)

			w.send(acme, v.tcp, refused("3005"), refused("100"), refused("10005"), refused("alice"))
			w.send(globex, v.tcp, refused("1006"), refused("1005"))
			w.saved("1005")

			w.send(globex, v.tcp, accepted("5005"))
			w.bound(2)
			w.send(initech, v.tcp, refused("5005"))
			w.saved("1005", "5005")

			// Whoever leaves may, whatever the number: there is nothing to take.
			w.send(acme, v.tcp, gone("3005"))
			w.send(initech, v.tcp, gone("5006"), peers.Request{Method: "REGISTER", User: "5007", Everything: true, Challenged: true, Outcome: "200"})
			w.send(globex, v.tcp, gone("5005"))
			w.saved("1005")
			w.bound(1)
			w.send(initech, v.tcp, accepted("5005"))
			w.saved("1005", "5005")

			// Larger than a packet, and than what HTTP clients send unasked.
			big, tooBig := accepted("1006"), refused("3006")
			big.Pad, tooBig.Pad = strings.Repeat("x", 3000), strings.Repeat("x", 3000)
			w.send(acme, v.tcp, big, tooBig)
			w.saved("1005", "1006", "5005")

			// Larger than Kamailio can ask about.
			tooBig.Pad, tooBig.Outcome = strings.Repeat("x", 9000), "513"
			w.send(acme, v.tcp, tooBig)
			w.saved("1005", "1006", "5005")

			s := w.verdicts()
			for reason, want := range map[string]int{"outside_blocks": 4, "non_numeric": 1, "foreign_block": 2, "in_use": 1} {
				w.equal("refused "+reason, s["refused "+reason], want)
			}
			w.equal("would have been refused", s["would_refuse"], 0)
			w.others(acme, v.tcp)
		})
	}
}

// others sends what is no REGISTER, of numbers that must not register: nobody is
// asked about it.
func (w *asking) others(from side, tcp bool) {
	w.t.Helper()
	before := w.verdicts()
	w.send(from, tcp, peers.Request{Method: "OPTIONS", User: "3005", Outcome: "200"}, peers.Request{Method: "INVITE", User: "3005", Outcome: "404"})
	if after := w.verdicts(); fmt.Sprint(before) != fmt.Sprint(after) {
		w.t.Errorf("OPTIONS and INVITE changed %v to %v", before, after)
	}
}

// verdicts returns the agent's counts: "refused foreign_block", and the sums of
// each verdict.
func (w *asking) verdicts() map[string]int {
	w.t.Helper()
	s, err := w.agent.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int{}
	for _, v := range s.Guard.Verdicts {
		out[v.Verdict+" "+v.Reason] += v.Count
		out[v.Verdict] += v.Count
	}
	return out
}

func (w *asking) equal(name string, got, want int) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: the agent counted %d, want %d", name, got, want)
	}
}

// Phones that speak TLS are judged like others, and what the registrar tells
// the agent of them makes their numbers taken.
func TestAuthorizeTLS(t *testing.T) {
	need(t)
	t.Parallel()
	w := newAsking(t, "open")
	acme, globex, initech := w.sides(peers.V4)
	phone := func(at side, number string) *peers.Phone {
		t.Helper()
		p := &peers.Phone{Host: at.host, Number: number, Local: at.local, Switch: at.remote, Password: "secret", TLS: true}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p
	}
	says := func(p *peers.Phone, text string) {
		t.Helper()
		if err := p.WaitLog(t.Context(), text); err != nil {
			t.Error(err)
		}
	}
	says(phone(globex, "5005"), "200 OK")
	w.saved("5005")
	w.bound(1)
	says(phone(acme, "3005"), "403 Forbidden")
	says(phone(initech, "5005"), "403 Forbidden")
	w.saved("5005")
	s := w.verdicts()
	w.equal("outside", min(s["refused outside_blocks"], 1), 1)
	w.equal("in use", min(s["refused in_use"], 1), 1)
}

// While the agent is away, or does not answer, phones register or not as the
// snippet says, and afterwards they are judged again.
func TestAuthorizeAgentAway(t *testing.T) {
	need(t)
	t.Parallel()
	for fail, outcome := range map[string]string{"open": "200", failClosed: "503"} {
		t.Run(fail, func(t *testing.T) {
			w := newAsking(t, fail)
			acme, _, _ := w.sides(peers.V4)
			w.send(acme, false, refused("3005"))

			unjudged := func(user string) peers.Request {
				return peers.Request{Method: "REGISTER", User: user, Expires: 600, Challenged: outcome == "200", Outcome: outcome}
			}
			if err := w.agent.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.send(acme, false, unjudged("3005"), peers.Request{Method: "OPTIONS", User: "3005", Outcome: "200"})
			w.start()
			w.send(acme, false, refused("3006"))

			if err := syscall.Kill(w.agent.PID(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			w.send(acme, true, unjudged("3007")) // by TCP: a phone that waits sends nothing twice
			if err := syscall.Kill(w.agent.PID(), syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			w.send(acme, false, refused("3008"), accepted("1005"))
			want := []string{"1005"}
			if outcome == "200" {
				want = append(want, "3005", "3007")
			}
			w.saved(want...)
		})
	}
}

// The snippet keeps a connection for each worker process, however much it asks.
func TestAuthorizeConnections(t *testing.T) {
	need(t)
	t.Parallel()
	w := newAsking(t, "open")
	acme, _, _ := w.sides(peers.V4)
	const phones = 200
	_, err := (&peers.SIPp{Host: acme.host, Name: "phones", Calls: phones, Rate: 100, Timeout: 60,
		Local: peers.At(acme.local), Remote: peers.At(acme.remote), Fill: peers.Requests{List: []peers.Request{refused("3005")}}}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", w.agent.PID()))
	if err != nil {
		t.Fatal(err)
	}
	const agentPort, established = ":24FA", "01" // 9466
	open, left := 0, 0
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[2], agentPort) {
			if f[3] == established {
				open++
			} else {
				left++
			}
		}
	}
	const workers = 2 // that serve UDP on the customer's side
	if open == 0 || open > workers || left > 0 {
		t.Errorf("%d connections are open and %d were left behind, want at most %d and none", open, left, workers)
	}
	w.equal("refused", w.verdicts()["refused"], phones)
}
