package e2e

import (
	"errors"
	"testing"

	"github.com/sipward/sipward/test/peers"
)

// hepOnly takes HEP and captures nothing.
const hepOnly = `
  interfaces: []
  hep:
    - network: udp
      address: 127.0.0.1:9060`

// hepCalls end in every way that a caller tells apart.
var hepCalls = []batch{
	{name: "direct", number: "1000", calls: 20, rate: 40, caller: peers.Caller{Hold: 500}},
	{name: "failover", number: "2000", calls: 10, rate: 20, caller: peers.Caller{Hold: 500}, a: peers.Callee{Refuse: "503 Service Unavailable"}},
	{name: "busy", number: "1486", calls: 5, rate: 20, caller: peers.Caller{Refused: "486"}, a: peers.Callee{Refuse: "486 Busy Here"}},
	{name: "cancel", number: "1487", calls: 5, rate: 20, caller: peers.Caller{Cancel: true, Refused: "487"}, a: peers.Callee{Ring: true}},
}

// From what sniffers of other makers report of a customer's cable, the agent
// counts that customer's calls as the customer does.
func TestHEPSenders(t *testing.T) {
	need(t)
	t.Parallel()
	for _, v := range []struct {
		name, program string
		version       int
		addresses     peers.Addresses
		tcp           bool
	}{
		{"sngrep", "sngrep", 3, peers.V4, false},
		{"sngrep-TCP-IPv6", "sngrep", 3, peers.V6, true},
		{"sngrep-HEPv2-IPv6", "sngrep", 2, peers.V6, false},
		{"sipgrep", "sipgrep", 3, peers.V4, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, v.addresses, v.tcp, hepOnly, "")
			sniffer := &peers.Sniffer{Host: w.Switch, Program: v.program, Interface: peers.CustomerSide, HEPPort: 9060, Version: v.version}
			if _, err := sniffer.Start(t.Context()); errors.Is(err, peers.ErrNotInstalled) {
				t.Skipf("%v: run make deps", err)
			} else if err != nil {
				t.Fatal(err)
			}
			sum := tally{w: w}
			for i := range hepCalls {
				sum.add(&hepCalls[i], w.start(&hepCalls[i]).finish())
			}
			s := w.settle(sum.started)
			acme := peers.Party(s.Customers, "acme")
			w.equal("calls started", acme.Started, sum.started)
			w.equal("calls with an outcome", acme.Outcomes, sum.started)
			w.equal("calls answered", acme.Answered, sum.answered)
			w.equal("calls that the caller ended", acme.ByRelease["bye_caller"], sum.answered)
			w.equal("calls of nobody known", s.Calls.Started, acme.Started)
			w.equal("malformed messages", s.SIP.Malformed, 0)
			transport := "udp"
			if v.tcp {
				transport = "tcp"
			}
			w.equal("messages over "+transport, s.SIP.Transports[transport], s.SIP.Messages)
			packets, _ := s.Count("hep", "packets") // 0 without it
			w.equal("messages of all HEP packets", s.SIP.Messages, packets)
			for _, c := range s.Agent.Drops {
				w.equal("dropped: "+c.Stage+" "+c.Event, c.N, 0)
			}
		})
	}
}
