package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// The demo keeps clear of a real switch's port.
const sipPort = 15060

// Length of one call, on average.
const (
	delay = 300 * time.Millisecond // to ringing
	ring  = 1500 * time.Millisecond
	hold  = 8 * time.Second
)

// planFor makes traffic for about so many seconds, with time for the last calls
// to end.
func planFor(length time.Duration, rate float64, seed uint64) (testkit.Plan, error) {
	tail := (delay + ring + hold) * 3 / 2
	begins := max(length-tail, length/3)
	plan := testkit.Plan{
		Seed: seed, Start: time.Now(),
		Calls: max(1, int(begins.Seconds()*rate)), Rate: rate, Delay: delay, Ring: ring, Hold: hold, Spread: 0.4,
		Mix: []testkit.Share{
			{Outcome: testkit.Answered, Weight: 12}, {Outcome: testkit.Failover, Weight: 2}, {Outcome: testkit.Busy, Weight: 2},
			{Outcome: testkit.NoAnswer, Weight: 1}, {Outcome: testkit.Cancelled, Weight: 2}, {Outcome: testkit.NotFound, Weight: 1},
			{Outcome: testkit.Declined, Weight: 1}, {Outcome: testkit.Unavailable, Weight: 1},
		},
		Customers: 3, Carriers: 2, TCPCustomers: 1,
		RTP: true, Digits: 4, Registers: 24, RegistersDenied: 3,
		Port: sipPort,
	}
	return plan.Fill()
}

// names of the parties, as they stand in the config and come back in figures.
func customerName(i int) string { return "customer-" + string(rune('a'+i)) }
func carrierName(i int) string  { return "carrier-" + string(rune('a'+i)) }

// site is where the agent of this demo keeps its files and takes its packets.
type site struct {
	dir    string
	hep    string // address of the HEP listener; "" captures on loopback
	broker string // address of the collector's broker
}

func (s *site) config() string { return filepath.Join(s.dir, "agent.yaml") }

// write puts the agent's config into the folder.
func (s *site) write(plan *testkit.Plan) error {
	var b strings.Builder
	fmt.Fprintln(&b, "node: demo")
	fmt.Fprintf(&b, "capture:\n  sip_ports: [%d]\n", plan.Port)
	if s.hep == "" {
		fmt.Fprintln(&b, "  interfaces: [lo]")
	} else {
		fmt.Fprintln(&b, "  interfaces: []")
		fmt.Fprintf(&b, "  hep:\n    - network: udp\n      address: %s\n", s.hep)
	}
	fmt.Fprintf(&b, "local_addresses: [%s]\n", plan.SwitchIP)
	fmt.Fprintf(&b, "admin:\n  listen: \"off\"\n  socket: %s\n", filepath.Join(s.dir, "agent.sock"))
	_, port, _ := net.SplitHostPort(s.broker)
	fmt.Fprintf(&b, "uplink:\n  brokers: [\"mqtts://localhost:%s\"]\n  ca_file: %[2]s\n  cert_file: %[2]s\n  key_file: %[2]s\n", port, s.credentials())
	fmt.Fprintf(&b, "spool:\n  dir: %s\n", filepath.Join(s.dir, "spool"))
	fmt.Fprintf(&b, "guard:\n  dir: %s\n", filepath.Join(s.dir, "guard"))
	fmt.Fprintln(&b, "customers:")
	for i := range plan.Customers {
		first, last := plan.Block(i)
		fmt.Fprintf(&b, "  - id: %s\n    addresses: [%s]\n    blocks: [{first: %q, last: %q}]\n", customerName(i), plan.CustomerAddr(i), first, last)
	}
	fmt.Fprintln(&b, "carriers:")
	for i := range plan.Carriers {
		fmt.Fprintf(&b, "  - id: %s\n    addresses: [%s]\n", carrierName(i), plan.CarrierAddr(i))
	}
	if err := os.WriteFile(s.config(), []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the demo's config: %w", err)
	}
	return nil
}
