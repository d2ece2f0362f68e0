package netfilter

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFlood sends 10,000 REGISTERs a second of one source that are refused: the
// switch sees none of them, and those of others take hardly longer than before.
func TestFlood(t *testing.T) {
	if os.Getenv("SIPWARD_LOAD") == "" {
		t.Skip("takes both processors for ten seconds: run it with SIPWARD_LOAD=1")
	}
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	to := netip.AddrPortFrom(switch4, 5060)
	sw := newSwitch(t, to)
	for _, variant := range variants {
		cfg := testConfig(byNumber)
		cfg.Answers = 10
		g, stop := start(t, cfg, host{variant: variant})
		calm, flood := l.load(sw, to, 0), l.load(sw, to, 10_000)
		stop()
		s := g.Stats()
		t.Logf("%s: others' way to the switch, p50 and p99: calm %v %v, in the flood %v %v; %+v", variant,
			calm.at(50), calm.at(99), flood.at(50), flood.at(99), s)
		if flood.at(99)-calm.at(99) > 5*time.Millisecond {
			t.Errorf("%s: p99 grew from %v to %v", variant, calm.at(99), flood.at(99))
		}
		if s.Refused != 10_000*seconds || s.Answers > 20+10*(seconds+1) || s.Answers < 10*seconds || s.QueueDropped+s.SocketDropped+s.Overruns+s.Bypassed != 0 {
			t.Errorf("%s: %+v", variant, s)
		}
	}
}

// seconds that the load lasts.
const seconds = 5

// times are how long REGISTERs took.
type times []time.Duration

func (t times) at(percent int) time.Duration {
	slices.Sort(t)
	return t[min(len(t)*percent/100, len(t)-1)]
}

// load sends so many bad REGISTERs a second, and 200 good ones of others, whose
// times to the switch it returns.
func (l *lab) load(sw *phone, to netip.AddrPort, bad int) times {
	l.t.Helper()
	const good, ticks = 200, 1000 // a second
	var sent [good * seconds]time.Time
	took := make(chan times)
	go func() {
		var all times
		for len(all) < len(sent) {
			text, ok := sw.read(soon)
			now := time.Now()
			var n int
			if _, err := fmt.Sscanf(text[max(strings.Index(text, "Call-ID: c"), 0):], "Call-ID: c1%d", &n); !ok || err != nil {
				l.t.Errorf("the switch got %q", text)
				break
			}
			all = append(all, now.Sub(sent[n]))
		}
		took <- all
	}()
	attacker := netip.MustParseAddrPort("203.0.113.66:5060")
	begin, n := time.Now(), 0
	for tick := range ticks * seconds {
		time.Sleep(time.Until(begin.Add(time.Duration(tick) * time.Second / ticks)))
		for i := range bad / ticks {
			l.send(attacker, to, registration(fmt.Sprintf("9%d", tick*100+i), attacker))
		}
		if tick%(ticks/good) == 0 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 5060)
			sent[n] = time.Now()
			l.send(from, to, registration(fmt.Sprintf("1%d", n), from))
			n++
		}
	}
	return <-took
}
