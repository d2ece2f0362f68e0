package configs

import (
	"fmt"
	"net"
	"net/netip"
)

// listener is a place at which a program listens.
type listener struct {
	at      string // of the configuration
	network string // tcp or udp
	address string
}

func (a *Agent) listeners() []listener {
	out := []listener{{"admin.listen", "tcp", a.Admin.Listen}, {"guard.authorize.listen", "tcp", a.Guard.Authorize.Listen}}
	for i, h := range a.Capture.HEP {
		network := h.Network
		if network == "tls" {
			network = "tcp"
		}
		out = append(out, listener{fmt.Sprintf("capture.hep[%d].address", i), network, h.Address})
	}
	return out
}

func (c *Collector) listeners() []listener {
	out := []listener{{"admin.listen", "tcp", c.Admin.Listen}, {"web.listen", "tcp", c.Web.Listen}}
	if !c.External.On() {
		out = append(out, listener{"embedded.listen", "tcp", c.Embedded.Listen}, listener{"embedded.listen_tls", "tcp", c.Embedded.ListenTLS})
	}
	return out
}

// checkListeners refuses two listeners of one program that want the same port: the
// second would say that somebody else has it.
func checkListeners(d *decoder, all []listener) {
	for i, l := range all {
		for _, other := range all[:i] {
			if l.network == other.network && collide(l.address, other.address) {
				d.at(l.at, "%s: %s is taken by %s %s already; choose another port", l.at, l.address, other.at, other.address)
			}
		}
	}
}

// collide reports whether both cannot be listened on. What is no address, or off,
// is said elsewhere; port 0 is any.
func collide(a, b string) bool {
	if !address(a) || !address(b) {
		return false
	}
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	return portA == portB && portA != "0" && (wildcard(hostA) || wildcard(hostB) || sameHost(hostA, hostB))
}

func wildcard(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}

func sameHost(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return a == b || errX == nil && errY == nil && x == y
}
