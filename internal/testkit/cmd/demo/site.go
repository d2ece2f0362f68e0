package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/sipward/sipward/internal/testkit"
)

// The demo keeps clear of a real switch's port. Each switch has one of its own, so that
// each agent captures its own calls on loopback.
const sipPort = 16060

// who is a customer or a carrier of the demo.
type who struct {
	id       string
	channels int
	share    float64 // of the history
}

var (
	customers = []who{{"acme", 60, 2}, {"globex", 40, 1}}
	carriers  = []who{{"blue", 80, 2}, {"red", 60, 1}}
)

// names of the parties, as they stand in the table and come back in figures.
func customerName(i int) string { return customers[i].id }
func carrierName(i int) string  { return carriers[i].id }

// site is where the programs of this demo keep their files.
type site struct {
	dir      string
	broker   string // address of the collector's broker
	web      string // address of the dashboard
	switches []*switchSite
	lot      int      // its part of loopback
	claim    net.Conn // keeps other demos off it
}

// lots is how many demos can run at once.
const lots = 100

// settle takes the first part of loopback that no other demo has.
func (s *site) settle(ctx context.Context) (err error) {
	for s.lot = 1; s.lot <= lots; s.lot++ { // the first 127.0 is everybody's
		at := place(s.lot, 0).SwitchIP
		d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, sipPort-1))}
		if s.claim, err = d.DialContext(ctx, "udp", netip.AddrPortFrom(at, 9).String()); err == nil { // nothing is sent
			return nil
		}
	}
	return fmt.Errorf("find addresses on loopback for the switches: %w", err)
}

// close gives all of it up, but for the files where they are to be kept.
func (s *site) close(keep bool) {
	if s.claim != nil {
		_ = s.claim.Close()
	}
	if keep {
		fmt.Println("kept:", s.dir)
		return
	}
	_ = os.RemoveAll(s.dir)
}

// switchSite is one switch and its agent.
type switchSite struct {
	name   string
	dir    string
	config string
	hep    string       // address of the HEP listener; "" captures on loopback
	plan   testkit.Plan // who is where
	broker string
	table  string // file with the key that signs the table
}

func (w *switchSite) spool() string { return filepath.Join(w.dir, "spool") }

// credentials is the file with the agent's certificate and its key.
func (w *switchSite) credentials() string { return filepath.Join(w.dir, "uplink.pem") }

// place gives switch n of a site its addresses.
func place(lot, n int) testkit.Plan {
	on := func(net, first int) netip.Addr {
		return netip.AddrFrom4([4]byte{127, byte(lot), byte(net), byte(first + 20*n)}) // small numbers
	}
	return testkit.Plan{
		SwitchIP: on(0, 10), Customer: on(1, 1), Carrier: on(2, 1), Port: uint16(sipPort + 2*lot + n), // small numbers
		Customers: len(customers), Carriers: len(carriers), TCPCustomers: 1,
	}
}

// prepare makes a folder with the configs.
func prepare(ctx context.Context, o *options) (s *site, err error) {
	s = &site{web: o.web}
	if s.dir, err = os.MkdirTemp("", "sipward-demo-"); err != nil {
		return nil, fmt.Errorf("make a folder for the demo: %w", err)
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if s.broker, err = freeAddress(ctx, "tcp"); err != nil {
		return nil, err
	}
	for n := range 2 {
		w := &switchSite{name: fmt.Sprintf("switch-%d", n+1), plan: place(s.lot, n), broker: s.broker, table: s.tableKey()}
		w.dir = filepath.Join(s.dir, w.name)
		w.config = filepath.Join(w.dir, "agent.yaml")
		if err := os.Mkdir(w.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a folder for %s: %w", w.name, err)
		}
		if o.hep {
			if w.hep, err = freeAddress(ctx, "udp"); err != nil {
				return nil, err
			}
		}
		if err := w.write(); err != nil {
			return nil, err
		}
		s.switches = append(s.switches, w)
	}
	return s, s.write()
}

// freeAddress finds a port that nobody has.
func freeAddress(ctx context.Context, network string) (string, error) {
	var listen net.ListenConfig
	const loopback = "127.0.0.1:0"
	if network == "udp" {
		conn, err := listen.ListenPacket(ctx, network, loopback)
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		return conn.LocalAddr().String(), conn.Close()
	}
	l, err := listen.Listen(ctx, network, loopback)
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// write puts the agent's config into its folder. Customers and carriers come from the
// collector.
func (w *switchSite) write() error {
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\n", w.name)
	fmt.Fprintf(&b, "capture:\n  sip_ports: [%d]\n", w.plan.Port)
	if w.hep == "" {
		fmt.Fprintln(&b, "  interfaces: [lo]")
	} else {
		fmt.Fprintln(&b, "  interfaces: []")
		fmt.Fprintf(&b, "  hep:\n    - network: udp\n      address: %s\n", w.hep)
	}
	fmt.Fprintf(&b, "local_addresses: [%s]\n", w.plan.SwitchIP)
	fmt.Fprintf(&b, "admin:\n  listen: \"off\"\n  socket: %s\n", filepath.Join(w.dir, "agent.sock"))
	_, port, _ := net.SplitHostPort(w.broker)
	fmt.Fprintf(&b, "uplink:\n  brokers: [\"mqtts://localhost:%s\"]\n  ca_file: %[2]s\n  cert_file: %[2]s\n  key_file: %[2]s\n", port, w.credentials())
	fmt.Fprintf(&b, "spool:\n  dir: %s\n", w.spool())
	fmt.Fprintf(&b, "guard:\n  dir: %s\n", filepath.Join(w.dir, "guard"))
	fmt.Fprintf(&b, "table:\n  public_key_file: %s\n", w.table)
	return writeFile(w.config, b.String())
}

func (s *site) config() string   { return filepath.Join(s.dir, "collector.yaml") }
func (s *site) tableKey() string { return filepath.Join(s.dir, "table.pub") }

// write puts the collector's config and the table of customers and carriers into the
// folder: everything is its default but where files and ports are.
func (s *site) write() error {
	text := fmt.Sprintf("data: %s\nembedded:\n  listen: \"off\"\n  listen_tls: %s\n  names: [localhost]\nweb:\n  listen: %s\nalerts:\n  webhook:\n    allow_private: true\nadmin:\n  listen: \"off\"\n  socket: %s\n",
		filepath.Join(s.dir, "collector"), s.broker, s.web, filepath.Join(s.dir, "collector.sock"))
	if err := writeFile(s.config(), text); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.dir, "table.yaml"), s.table())
}

// table is the customers and carriers with their addresses on both switches.
func (s *site) table() string {
	var b strings.Builder
	fmt.Fprintln(&b, "grid: {start: \"1000\", size: 1000}\ncustomers:")
	addresses := func(at func(*testkit.Plan) netip.Addr) string {
		var all []string
		for _, w := range s.switches {
			all = append(all, at(&w.plan).String())
		}
		return strings.Join(all, ", ")
	}
	for i, c := range customers {
		first, last := s.switches[0].plan.Block(i)
		fmt.Fprintf(&b, "  - id: %s\n    channels: %d\n    addresses: [%s]\n    blocks: [{first: %q, last: %q}]\n", c.id, c.channels,
			addresses(func(p *testkit.Plan) netip.Addr { return p.CustomerAddr(i) }), first, last)
	}
	fmt.Fprintln(&b, "carriers:")
	for i, c := range carriers {
		fmt.Fprintf(&b, "  - id: %s\n    channels: %d\n    addresses: [%s]\n", c.id, c.channels,
			addresses(func(p *testkit.Plan) netip.Addr { return p.CarrierAddr(i) }))
	}
	return b.String()
}

func writeFile(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the demo's files: %w", err)
	}
	return nil
}
