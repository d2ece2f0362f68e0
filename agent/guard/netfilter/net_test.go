package netfilter

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// variants are the two kinds of iptables.
var variants = []string{"-nft", "-legacy"}

// soon is how long something that happens may take; quiet how long nothing is
// waited for.
const (
	soon  = 10 * time.Second
	quiet = 50 * time.Millisecond
)

func TestGuard(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	switches := map[netip.Addr]*phone{}
	for _, at := range []netip.Addr{switch4, switch6} {
		switches[at] = newSwitch(t, netip.AddrPortFrom(at, 5060))
	}
	for _, variant := range variants {
		g, stop := start(t, testConfig(byNumber), host{variant: variant})
		for _, at := range []netip.Addr{switch4, switch6} {
			from := netip.MustParseAddrPort("198.51.100.7:5070")
			if at.Is6() {
				from = netip.MustParseAddrPort("[2001:db8:7::7]:5070")
			}
			to := netip.AddrPortFrom(at, 5060)
			sw := switches[at]
			pass := func(what, payload string) {
				t.Helper()
				l.send(from, to, payload)
				if got, ok := sw.read(soon); !ok || got != payload {
					t.Errorf("%s %s %s: the switch got %q", variant, at, what, got)
				}
			}
			refuse := func(what, payload string) datagram {
				t.Helper()
				l.send(from, to, payload)
				d, ok := l.receive(soon)
				if !ok || !strings.HasPrefix(d.payload, "SIP/2.0 403 Forbidden\r\n") || d.from != to || d.to != from {
					t.Errorf("%s %s %s: answered %v", variant, at, what, d)
				}
				if got, ok := sw.read(quiet); ok {
					t.Errorf("%s %s %s: the switch got %q", variant, at, what, got)
				}
				return d
			}
			pass("REGISTER", registration("1000", from))
			refuse("REGISTER", registration("9000", from))
			long := "X: " + strings.Repeat("x", 3000) + "\r\n"
			pass("fragments", registration("1000", from, long))
			refuse("fragments", registration("9000", from, long))
			pass("OPTIONS", strings.Replace(registration("9000", from), "REGISTER sip", "OPTIONS sip", 1))
			pass("keep-alive", "\r\n\r\n")
			refuse("lower case", strings.Replace(registration("9000", from), "REGISTER sip", "register sip", 1))
			refuse("mixed case", strings.Replace(registration("9000", from), "REGISTER sip", "rEGISTEr sip", 1))
			refuse("line ends", "\r\n\r\n"+registration("9000", from))
			refuse("many line ends", strings.Repeat("\r\n", 5000)+registration("9000", from))
			pass("STUN", "\x00\x01\x00\x2c\x21\x12\xa4\x42"+strings.Repeat("x", 56))
			refuse("NUL", "\x00"+registration("9000", from))
			refuse("NUL, and a tab", "\x00"+strings.Replace(registration("9000", from), "REGISTER sip", "REGISTER\vsip", 1))
			refuse("blank", " "+registration("9000", from))
			refuse("tab", "\t"+registration("9000", from))
			refuse("two blanks", strings.Replace(registration("9000", from), "REGISTER sip", "REGISTER  sip", 1))
			refuse("a tab", strings.Replace(registration("9000", from), "REGISTER sip", "REGISTER\tsip", 1))
		}
		stop()
		// Neither STUN nor OPTIONS nor line ends were asked about.
		if s := g.Stats(); s.Others != 0 || s.Packets != s.Passed+s.Refused || s.Passed != 4 || s.Bypassed != 0 {
			t.Errorf("%+v", s)
		}
	}
}
