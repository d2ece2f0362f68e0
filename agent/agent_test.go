package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/configs"
)

// start runs an agent; stop ends it and returns what run returned.
func start(t *testing.T, a *agent) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx, "none.yaml") }()
	for _, p := range a.parts() {
		select {
		case <-p.ready:
		case err := <-done:
			cancel()
			t.Fatal(err)
		}
	}
	return func() error {
		cancel()
		return <-done
	}
}

const quiet = "admin: {listen: off, socket: off}\n"

func TestRunEndsWithItsContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.jsonl")
	a := parts(t, quiet+"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}, {network: tcp, address: '127.0.0.1:0'}]}\nrecords: {file: "+file+"}")
	stop := start(t, a)
	if s := a.Status(); len(s.NotReady) > 0 || len(s.Listeners) != 2 || strings.HasSuffix(s.Listeners[1].Address, ":0") || s.Taken.IsZero() {
		t.Errorf("%+v", s)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// One capture that fails ends the others, the pipeline and the records.
func TestRunEndsWhenAPartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	for name, tt := range map[string]struct{ text, want string }{
		"capture": {
			quiet + "capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}, {network: tcp, address: '" + taken.Addr().String() + "'}]}\n" +
				"records: {file: " + filepath.Join(dir, "calls.jsonl") + "}", "listen for HEP on tcp",
		},
		"records": {
			quiet + "capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}\nrecords: {file: " + filepath.Join(dir, "no", "file") + "}",
			"records.file",
		},
		"admin": {
			"admin: {socket: off, listen: '" + taken.Addr().String() + "'}\ncapture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}", "admin.listen",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := parts(t, tt.text).run(t.Context(), "none.yaml"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func hostHas(texts ...string) func() ([]net.Addr, error) {
	return func() (out []net.Addr, _ error) {
		for _, s := range texts {
			out = append(out, &net.IPNet{IP: net.ParseIP(s), Mask: net.CIDRMask(24, 32)})
		}
		return out, nil
	}
}

// logText is a log that is read while the agent writes it.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A floating address that arrives while the agent runs is the switch's own.
func TestFollowTheHostsAddresses(t *testing.T) {
	var log logText
	a := parts(t, quiet+"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}\ncustomers: [{id: acme, channels: 3, domains: [acme.example]}]")
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	stop := start(t, a)
	r := newReloader(a, "none.yaml")
	r.addrs = hostHas("192.0.2.1")
	r.follow(t.Context())
	before := r.book
	r.follow(t.Context())
	if r.book != before {
		t.Error("a book was made although nothing changed")
	}
	r.addrs = hostHas("192.0.2.1", "192.0.2.9")
	r.follow(t.Context())
	for _, text := range []string{"192.0.2.1", "192.0.2.9"} {
		if ip := netip.MustParseAddr(text); !r.book.Local(ip) {
			t.Errorf("%s is not local", text)
		}
	}
	r.addrs = func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	for range 3 {
		r.follow(t.Context())
	}
	if !r.book.Local(netip.MustParseAddr("192.0.2.9")) || strings.Count(log.String(), "not followed") != 1 {
		t.Errorf("log: %s", &log)
	}
	r.addrs = hostHas("192.0.2.1")
	r.follow(t.Context())
	if r.book.Local(netip.MustParseAddr("192.0.2.9")) {
		t.Error("an address that went away is still local")
	}
	if got := r.book.Len(); got != before.Len() {
		t.Errorf("%d parties, had %d", got, before.Len())
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What configs accepts, capture accepts; what capture refuses, configs refuses.
func TestBoundsAgree(t *testing.T) {
	ports := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint(5060 + i)
		}
		return strings.Join(list, ",")
	}
	for text, accepted := range map[string]bool{
		"{}":            true,
		"{ring_mib: 1}": true, "{ring_mib: 0}": false, "{ring_mib: -1}": false, "{ring_mib: 1024}": true, "{ring_mib: 1025}": false,
		"{max_endpoints: 1}": true, "{max_endpoints: 0}": false, "{max_endpoints: -1}": false,
		"{max_endpoints: 16777216}": true, "{max_endpoints: 16777217}": false,
		"{sip_ports: [5060]}": true, "{sip_ports: []}": false, "{sip_ports: [" + ports(64) + "]}": true, "{sip_ports: [" + ports(65) + "]}": false,
		"{interfaces: [any]}": true, "{interfaces: [any, eth0]}": false, "{interfaces: ['']}": false, "{interfaces: ['eth[']}": false,
		"{interfaces: ['eth*', lo]}": true, "{interfaces: [any], promiscuous: true}": false, "{interfaces: [eth0], promiscuous: true}": true,
		"{filter: ebpf}": true, "{filter: classic}": true, "{filter: auto}": true, "{filter: other}": false,
		"{hep: [{network: udp, address: ':9060'}]}": true, "{hep: [{network: sctp, address: ':9060'}]}": false,
		"{hep: [{network: tcp, address: '9060'}]}": false, "{hep: [{network: tls, address: ':9061'}]}": false,
		"{hep: [{network: tls, address: ':9061', cert_file: c, key_file: k}]}": true,
		"{hep: [{network: udp, address: ':9060', cert_file: c, key_file: k}]}": false,
	} {
		cfg, err := configs.Parse("f", []byte("capture: "+text))
		if (err == nil) != accepted {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil {
			continue
		}
		if _, err := newAgent(cfg, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s: configs accepts what capture refuses: %v", text, err)
		}
	}
	// The other way round: what configs refuses for its size, capture refuses.
	for name, change := range map[string]func(c *configs.Capture){
		"ring":      func(c *configs.Capture) { c.RingMiB = capture.MaxRingBytes>>20 + 1 },
		"endpoints": func(c *configs.Capture) { c.MaxEndpoints = 1<<24 + 1 },
		"ports":     func(c *configs.Capture) { c.SIPPorts = make([]uint16, capture.MaxSIPPorts+1) },
	} {
		cfg := configs.Defaults()
		change(&cfg.Capture)
		if _, err := newAgent(cfg, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: capture takes more than configs does", name)
		}
	}
}
