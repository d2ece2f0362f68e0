package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

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
			probes := w.awake(v.program)
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
			udp, tcp := s.SIP.Transports["udp"], s.SIP.Transports["tcp"]
			w.equal("messages over UDP and TCP", udp+tcp, s.SIP.Messages)
			if v.tcp && udp > probes || !v.tcp && tcp > 0 {
				t.Errorf("%d messages over UDP, %d of them probes, and %d over TCP", udp, probes, tcp)
			}
			packets, _ := s.Count("hep", "packets") // 0 without it
			w.equal("messages of all HEP packets", s.SIP.Messages, packets)
			for _, c := range s.Agent.Drops {
				w.equal("dropped: "+c.Stage+" "+c.Event, c.N, 0)
			}
		})
	}
}

// probe asks where nobody listens.
const probe = "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKprobe%[2]d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=a\r\n" +
	"To: <sip:b@example.com>\r\nCall-ID: probe%[2]d@example.com\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

// awake sends messages over the customer's cable until the sniffer tells the agent
// of one, and returns how many: it can have its socket long before it reads it.
func (w *world) awake(sniffer string) (probes int) {
	w.t.Helper()
	from, to := peers.At(w.addresses.Customer), netip.AddrPortFrom(w.addresses.ToCustomer, 5061)
	conn, err := w.Customer.Listen(from)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	err = peers.Poll(w.t.Context(), 30*time.Second, sniffer+" to tell of a message", func() (bool, error) {
		if seen, _ := w.status().Count("hep", "packets"); seen > 0 {
			return true, nil
		}
		probes++
		_, err := conn.WriteToUDPAddrPort(fmt.Appendf(nil, probe, from, probes), to)
		return false, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return probes
}
