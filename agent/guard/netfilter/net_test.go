package netfilter

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
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

// TestLinkLocal: a phone without a global address is answered too.
func TestLinkLocal(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	g, stop := start(t, testConfig(byNumber), host{})
	from, to := netip.MustParseAddrPort("[fe80::77]:5070"), netip.AddrPortFrom(switch6, 5060)
	l.send(from, to, registration("9000", from))
	if d, ok := l.receive(soon); !ok || d.to != from || !strings.HasPrefix(d.payload, "SIP/2.0 403") {
		t.Errorf("%v, %+v", d, g.Stats())
	}
	stop()
}

// TestForeignRules: with firewall none the rules are somebody else's, who made
// them of our text, and stay.
func TestForeignRules(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	cfg := testConfig(byNumber)
	rules, err := plan(t.Context(), &cfg, host{})
	check(t, err)
	shell(t, rules.Text())
	before := saved(t, "")
	cfg.Firewall = None
	g, stop := start(t, cfg, host{})
	from, to := netip.MustParseAddrPort("198.51.100.7:5070"), netip.AddrPortFrom(switch4, 5060)
	l.send(from, to, registration("9000", from))
	if d, ok := l.receive(soon); !ok || !strings.HasPrefix(d.payload, "SIP/2.0 403") {
		t.Errorf("%v", d)
	}
	source := netip.PrefixFrom(from.Addr(), 32)
	check(t, g.Bans().Drop(source, time.Hour))
	if listed, err := g.Bans().List(); err != nil || len(listed) != 1 || listed[0].Source != source {
		t.Errorf("%v, %v", listed, err)
	}
	check(t, g.Bans().Lift(source))
	stop()
	if after := saved(t, ""); after != before {
		t.Errorf("rules were %s\nare %s", before, after)
	}
}

// TestFull: more than wait for their verdict pass, or are dropped, as fail says,
// and each is counted.
func TestFull(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from, to := netip.MustParseAddrPort("198.51.100.7:5070"), netip.AddrPortFrom(switch4, 5060)
	sw := newSwitch(t, to)
	const more = 100
	for _, closed := range []bool{false, true} {
		hold := make(chan struct{})
		cfg := testConfig(judgeFunc(func(*register.Request, *packet.Packet, *parse.Message) register.Verdict {
			<-hold
			return register.Verdict{Reason: register.OutsideBlocks}
		}))
		cfg.Closed, cfg.Queues = closed, 1
		g, stop := start(t, cfg, host{})
		for range queueLength + more {
			l.send(from, to, registration("1000", from))
		}
		g.kernel.look(cfg.Queue, cfg.Queues)
		rules, err := plan(t.Context(), &cfg, host{})
		check(t, err)
		g.lookAtRules(t.Context(), rules)
		passed := 0
		for _, ok := sw.read(quiet); ok; _, ok = sw.read(quiet) {
			passed++
		}
		close(hold)
		stop()
		s := g.Stats()
		want, dropped := more, 0
		if closed {
			want, dropped = 0, more
		}
		// One that is being judged is read, and waits all the same.
		if passed != want || s.QueueDropped != uint64(dropped) || s.Bypassed > uint64(want) || s.Bypassed+1 < uint64(want) {
			t.Errorf("closed %v: %d passed, want %d; %+v", closed, passed, want, s)
		}
		if s.Refused != queueLength {
			t.Errorf("closed %v: what waited was not judged: %+v", closed, s)
		}
		for _, ok := l.receive(quiet); ok; _, ok = l.receive(quiet) {
		}
	}
}
