package configs

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/sip/party"
)

var (
	nodeID  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	partyID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
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
	if !nodeID.MatchString(a.Node) {
		d.at("node", "node %q: use 1 to 63 letters, digits, dots, dashes and underscores; it is part of certificates and topics", a.Node)
	}
	a.checkCapture(d)
	a.checkCalls(d)
	a.Admin.check(d)
	a.checkUplink(d)
	a.checkGuard(d)
	a.checkTable(d)
	a.checkParties(d)
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
		d.at(at+".address", "address %q: write address:port, or :9060 for all addresses", h.Address)
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
		d.at(path, "%d is out of range: from %d to %d", n, low, high)
	}
}

// checkParties checks each party for itself; what two of them share is found
// with both their names, here where lines are known.
func (a *Agent) checkParties(d *decoder) {
	c := partyChecker{d: d, claimed: map[string]string{}, taken: map[string]bool{}}
	for i := range a.Customers {
		x := &a.Customers[i]
		at := fmt.Sprintf("customers[%d]", i)
		c.check(at, "customer", &Carrier{ID: x.ID, Channels: x.Channels, Nets: x.Nets, Domains: x.Domains})
		within(d, at+".max_contacts", x.MaxContacts, 0, maxContacts)
		for j, b := range x.Blocks {
			checkBlock(d, fmt.Sprintf("%s.blocks[%d]", at, j), b)
		}
	}
	for i := range a.Carriers {
		c.check(fmt.Sprintf("carriers[%d]", i), "carrier", &a.Carriers[i])
	}
	a.checkOverlaps(d)
}

// partyChecker checks what customers and carriers have in common.
type partyChecker struct {
	d       *decoder
	claimed map[string]string // address or domain -> whose
	taken   map[string]bool   // kind and ID
}

// check checks the party at a path; kind is "customer" or "carrier".
func (c *partyChecker) check(at, kind string, p *Carrier) {
	who := kind + " " + p.ID
	switch {
	case p.ID == "":
		c.d.at(at, "a %s needs an id", kind)
	case !partyID.MatchString(p.ID) || p.ID == party.UnknownName:
		c.d.at(at+".id", "id %q: use 1 to 63 letters, digits, dots, dashes and underscores, and not %q", p.ID, party.UnknownName)
	case c.taken[who]:
		c.d.at(at+".id", "%s is listed twice", who)
	}
	c.taken[who] = true
	if p.Channels < 0 {
		c.d.at(at+".channels", "%d channels: 0 means that no limit is given", p.Channels)
	}
	for j, n := range p.Nets {
		c.claim(fmt.Sprintf("%s.addresses[%d]", at, j), "address "+short(n.Prefix), who)
	}
	for j, name := range p.Domains {
		at := fmt.Sprintf("%s.domains[%d]", at, j)
		if name == "" || strings.ContainsAny(name, "@:/* ") {
			c.d.at(at, "domain %q: write the host part of a SIP address alone", name)
		}
		c.claim(at, "domain "+strings.ToLower(name), who)
	}
}

// claim reports what belongs to another party already.
func (c *partyChecker) claim(at, what, who string) {
	if other, taken := c.claimed[what]; taken {
		c.d.at(at, "%s of %s belongs to %s already", what, who, other)
	}
	c.claimed[what] = who
}

var number = regexp.MustCompile(`^[0-9]{1,32}$`)

func checkBlock(d *decoder, at string, b Block) {
	if !number.MatchString(b.First) || !number.MatchString(b.Last) || len(b.First) != len(b.Last) || b.First > b.Last {
		d.at(at, "block %q to %q: write two numbers of equal length without +, the smaller as first", b.First, b.Last)
	}
}

// checkOverlaps finds numbers that two blocks hold.
func (a *Agent) checkOverlaps(d *decoder) {
	type owned struct {
		Block
		at, owner string
	}
	var all []owned
	for i, c := range a.Customers {
		for j, b := range c.Blocks {
			all = append(all, owned{b, fmt.Sprintf("customers[%d].blocks[%d]", i, j), c.ID})
		}
	}
	slices.SortStableFunc(all, func(x, y owned) int {
		return cmp.Or(cmp.Compare(len(x.First), len(y.First)), cmp.Compare(x.First, y.First))
	})
	for i := 1; i < len(all); i++ {
		x, y := all[i-1], all[i]
		if len(x.First) != len(y.First) || x.Last < y.First {
			continue
		}
		d.at(y.at, "block %s-%s of %s overlaps block %s-%s of %s in line %d",
			y.First, y.Last, y.owner, x.First, x.Last, x.owner, d.lineOf(x.at))
		if x.Last > y.Last {
			all[i] = x // it may reach over the next one too
		}
	}
}

// short prints a single address without its length.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
