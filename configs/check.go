package configs

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Bounds that capture has too; here they are reported with file and line.
const (
	maxSIPPorts  = 64
	maxRingMiB   = 1024
	maxEndpoints = 1 << 24
	maxCalls     = 10_000_000
)

// check reports every problem that a well-formed file can still have.
func (a *Agent) check(d *decoder) {
	if a.Node == "" {
		a.Node, _ = os.Hostname()
	}
	if !validID(a.Node) {
		d.at("node", "node %q: use 1 to 63 letters, digits, dots, dashes and underscores; it is part of certificates and topics", a.Node)
	}
	a.checkCapture(d)
	a.checkCalls(d)
	a.Admin.check(d)
	a.checkUplink(d)
	a.checkGuard(d)
	a.checkTable(d)
	checkParties(d, a.Customers, a.Carriers)
	checkListeners(d, a.listeners())
	if len(d.errs) == 0 {
		if _, err := a.Book(nil); err != nil {
			d.at("customers", "%v", err)
		}
		a.lookOdd(d)
	}
}

func (a *Agent) checkCapture(d *decoder) {
	c := &a.Capture
	if len(c.Interfaces) == 0 && len(c.HEP) == 0 {
		d.at("capture.interfaces", "nothing to capture from: name an interface, any, or a hep listener")
	}
	for i, name := range c.Interfaces {
		at := fmt.Sprintf("capture.interfaces[%d]", i)
		if _, err := path.Match(name, ""); err != nil || name == "" || len(name) > 64 {
			d.at(at, "%q is no interface name or pattern; `ip link` lists the names", name)
		}
		if name == "any" && len(c.Interfaces) > 1 {
			d.at(at, "any includes all interfaces: remove the others, or remove any")
		}
	}
	if n := len(c.SIPPorts); n == 0 || n > maxSIPPorts {
		d.at("capture.sip_ports", "%d SIP ports: from 1 to %d can be set", n, maxSIPPorts)
	}
	for i, p := range c.SIPPorts {
		if p == 0 || slices.Index(c.SIPPorts, p) < i {
			d.at(fmt.Sprintf("capture.sip_ports[%d]", i), "port %d is listed twice, or is 0", p)
		}
	}
	within(d, "capture.ring_mib", c.RingMiB, 1, maxRingMiB)
	within(d, "capture.max_endpoints", c.MaxEndpoints, 1, maxEndpoints)
	if c.Filter != FilterAuto && c.Filter != FilterEBPF && c.Filter != FilterClassic {
		d.at("capture.filter", "%q is no filter; choose auto, ebpf or classic", c.Filter)
	}
	if c.Promiscuous && slices.Contains(c.Interfaces, "any") {
		d.at("capture.promiscuous", "promiscuous needs interfaces by name; any has no such mode")
	}
	for i := range c.HEP {
		checkHEP(d, &c.HEP[i], fmt.Sprintf("capture.hep[%d]", i))
	}
}

func checkHEP(d *decoder, h *HEPListener, at string) {
	switch h.Network {
	case "udp", "tcp":
		if h.CertFile+h.KeyFile != "" {
			d.at(at, "certificates are for network: tls")
		}
	case "tls":
		if h.CertFile == "" || h.KeyFile == "" {
			d.at(at, "network: tls needs cert_file and key_file")
		}
	default:
		d.at(at+".network", "network %q: choose udp, tcp or tls", h.Network)
	}
	if !address(h.Address) {
		d.at(at+".address", "address %q: write address:port, or :9060 for all addresses%s", h.Address, addressHint(h.Address))
	}
}

// address reports whether s can be listened on. Host names are refused: what
// they mean can change without a word.
func address(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if host == "" || host == "localhost" {
		return true
	}
	_, err = netip.ParseAddr(host)
	return err == nil
}

// addressHint says what is wrong with an address that cannot be listened on, where
// that is likely; "" otherwise.
func addressHint(s string) string {
	host, _, err := net.SplitHostPort(s)
	switch {
	case err != nil && strings.Count(s, ":") > 1 && !strings.Contains(s, "["):
		return "; an IPv6 address stands in brackets, as in [::1]:9464"
	case err != nil:
		return ""
	case host == "" || host == "localhost":
	default:
		if _, err := netip.ParseAddr(host); err != nil {
			return "; it needs an IP address: what a name means can change"
		}
	}
	return "; ports are numbers up to 65535"
}

func (a *Agent) checkCalls(d *decoder) {
	c := &a.Calls
	within(d, "calls.max", c.Max, 1, maxCalls)
	if c.SetupTimeout <= 0 {
		d.at("calls.setup_timeout", "must be more than 0")
	}
	if c.MediaTimeout != Never && c.MediaTimeout <= 0 {
		d.at("calls.media_timeout", "must be more than 0, or never")
	}
	if c.MaxAge <= 0 {
		d.at("calls.max_age", "must be more than 0: without it a call whose end was missed stays for ever")
	}
}

func within(d *decoder, path string, n, low, high int) {
	if n < low || n > high {
		d.at(path, "%s: %d is out of range: from %d to %d", path, n, low, high)
	}
}
