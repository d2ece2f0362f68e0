package guard

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

func testBans(t testing.TB, cfg Ban) *bans {
	t.Helper()
	if cfg.Window == 0 {
		cfg.Window, cfg.Time = time.Minute, 10*time.Minute
	}
	more := append(parties(), party.Entry{Name: "six", Kind: party.Customer, Addresses: []netip.Prefix{
		netip.MustParsePrefix("2001:db8:6::6/128"), netip.MustParsePrefix("2001:db8:7::/48"),
	}})
	book, err := party.NewBook(more, []netip.Addr{local})
	if err != nil {
		t.Fatal(err)
	}
	b := newBans(cfg, newProtected(book, cfg.Allow, []netip.Addr{local, netip.MustParseAddr("2001:db8:1::1")}), true)
	return &b
}

// TestBanWindow: it is refusals within a window that count.
func TestBanWindow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		n      int
		every  int64
		banned bool
	}{
		{"a burst", 100, 0, true},
		{"one too few", 99, 0, false},
		{"through a minute", 100, sec * 59 / 100, true},
		{"twice too slow", 1000, sec * 12 / 10, false},
		{"a bit too fast, for long", 1000, sec * 55 / 100, true},
	} {
		b := testBans(t, Ban{Refusals: 100})
		for n := range int64(tt.n) {
			b.refusal(none, t0+n*tt.every)
		}
		if got := b.begun > 0; got != tt.banned {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestWhoIsBanned: never those that are known, and of IPv6 the whole /64.
func TestWhoIsBanned(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("192.0.2.128/25"), netip.MustParsePrefix("2001:db8:a::/64"), netip.MustParsePrefix("2001:db8:b::1:0/112")}
	for _, tt := range []struct {
		source, asks string
		banned       bool
	}{
		{"192.0.2.66", "192.0.2.66", true},
		{"192.0.2.66", "192.0.2.67", false},
		{"203.0.113.99", "203.0.113.99", false}, // acme
		{"10.9.9.9", "10.9.9.9", false},         // the carrier
		{"10.0.0.1", "10.0.0.1", false},         // the host
		{"127.0.0.1", "127.0.0.1", false},
		{"::1", "::1", false},
		{"192.0.2.129", "192.0.2.129", false},
		{"2001:db8::1", "2001:db8::2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"2001:db8:a::5", "2001:db8:a::5", false},
		{"2001:db8:b::5", "2001:db8:b::5", false},   // its site holds what is allowed
		{"2001:db8:1::99", "2001:db8:1::99", false}, // or the host
		{"2001:db8:6::99", "2001:db8:6::99", false}, // or a customer
		{"2001:db8:7:1::9", "2001:db8:7:1::9", false},
	} {
		b := testBans(t, Ban{Refusals: 3, Allow: allow})
		for range 3 {
			b.refusal(netip.MustParseAddr(tt.source), t0)
		}
		asks := netip.MustParseAddr(tt.asks)
		if got := b.holds(asks, t0+1); got != tt.banned {
			t.Errorf("%s after refusals of %s: %v", asks, tt.source, got)
		}
	}
}

// TestBanEnds by time, and counts begin anew.
func TestBanEnds(t *testing.T) {
	b := testBans(t, Ban{Refusals: 2})
	b.refusal(none, t0)
	b.refusal(none, t0)
	for _, tt := range []struct {
		now  int64
		want bool
	}{{t0, true}, {t0 + 600*sec - 1, true}, {t0 + 600*sec, false}} {
		if got := b.holds(none, tt.now); got != tt.want {
			t.Errorf("after %d s: %v", (tt.now-t0)/sec, got)
		}
	}
	if b.tick(t0+599*sec, 9); len(b.banned) != 1 {
		t.Error("forgotten too early")
	}
	b.refusal(none, t0+601*sec) // before tick: the entry is used again
	b.refusal(none, t0+601*sec)
	if !b.holds(none, t0+602*sec) || b.begun != 2 || len(b.due) != 1 {
		t.Error("not banned again")
	}
	b.tick(t0+1202*sec, 9)
	if len(b.banned)+len(b.due)+len(b.todo) != 0 {
		t.Errorf("left: %d, %d, %d", len(b.banned), len(b.due), len(b.todo))
	}
	b.refusal(none, t0+1203*sec)
	b.refusal(none, t0+1203*sec)
	b.tick(t0, 9) // the clock was set back by 20 minutes
	if b.holds(none, t0+601*sec) {
		t.Error("banned for longer than a ban lasts")
	}
}

// TestBansAreBounded, and one loud source is banned among a million quiet ones.
func TestBansAreBounded(t *testing.T) {
	b := testBans(t, Ban{Refusals: 50})
	source := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for n := range race.Of(1_000_000, 4*maxCounted) {
		b.refusal(source(n), t0)
		if n%1000 == 0 {
			b.refusal(none, t0)
		}
	}
	if len(b.young) > maxCounted || b.evicted == 0 {
		t.Errorf("%d counted, %d evicted", len(b.young), b.evicted)
	}
	if !b.holds(none, t0) {
		t.Error("the loud one goes on")
	}
	b = testBans(t, Ban{Refusals: 1})
	for n := range maxBans + 10 {
		b.refusal(source(n), t0)
	}
	if len(b.banned) != maxBans || b.refused != 10 || len(b.due) != maxBans || len(b.todo) != maxBans {
		t.Errorf("%d banned, %d had no room", len(b.banned), b.refused)
	}
	for b.tick(t0+600*sec, step) {
	}
	if len(b.banned)+len(b.due)+len(b.todo) != 0 {
		t.Error("bans that are over are kept")
	}
}

// TestFlood: a flood of one and the same request is no retransmission.
func TestFlood(t *testing.T) {
	g := testGuard(t, Config{Ban: Ban{Refusals: 20}})
	for range 1 + maxResends {
		if v := g.Judge(ask("1", none), at(t0, "a", 1)); v.Reason != register.UnknownCustomer {
			t.Fatal(v.Reason)
		}
	}
	if g.bans.young[siteOf(none)] != 1 {
		t.Errorf("retransmissions count as %d refusals", g.bans.young[siteOf(none)])
	}
	for range 30 {
		g.Judge(ask("1", none), at(t0, "a", 1))
	}
	if v := g.Judge(ask("1", none), at(t0, "b", 1)); v.Reason != register.Banned {
		t.Error(v.Reason)
	}
	off := ask("1", none)
	off.Contacts[0].Expires = 0
	if v := g.Judge(off, at(t0, "c", 1)); v.Reason != register.Deregistration {
		t.Errorf("a banned phone may not leave: %v", v.Reason)
	}
	for _, mode := range []Mode{Monitor, Authorize} {
		g := testGuard(t, Config{Mode: mode, Ban: Ban{Refusals: 1}})
		g.Judge(ask("1", none), at(t0, "a", 1))
		if g.Stats().Banned != 0 || g.Stats().Bans != 0 {
			t.Errorf("%s bans", mode)
		}
	}
}

// TestKernel: it is told of bans and lifts, later when it fails.
func TestKernel(t *testing.T) {
	k := &fakeKernel{broken: true}
	g := testGuard(t, Config{Ban: Ban{Refusals: 1, Time: time.Hour}, Bans: k})
	now := time.Now().UnixNano()
	six := netip.MustParseAddr("2001:db8::1")
	for _, a := range []netip.Addr{none, six} {
		g.Judge(ask("1", a), at(now, "", 0))
	}
	if err := g.tellAll(t.Context()); err == nil {
		t.Error("no error of a broken kernel")
	}
	list := g.BannedSources()
	if len(list) != 2 || list[0].Told || list[1].Told || list[0].Refusals != 1 {
		t.Errorf("%+v", list)
	}
	k.broken = false
	if err := g.tellAll(t.Context()); err != nil || len(k.dropped) != 2 {
		t.Errorf("%v, %v", k.dropped, err)
	}
	for site, long := range k.dropped {
		if long > time.Hour || long < 59*time.Minute || site.String() != "192.0.2.66/32" && site.String() != "2001:db8::/64" {
			t.Errorf("%s for %s", site, long)
		}
	}
	if lifted, err := g.Lift(six.Next()); !lifted || err != nil || len(k.dropped) != 1 {
		t.Errorf("%v, %v, %v", lifted, err, k.dropped)
	}
	if lifted, err := g.Lift(six); lifted || err != nil {
		t.Errorf("lifted twice: %v, %v", lifted, err)
	}
	k.broken = true
	if lifted, err := g.Lift(none); !lifted || err == nil || g.Stats().Banned != 0 {
		t.Errorf("%v, %v", lifted, err)
	}
	k.broken = false
	if err := g.tellAll(t.Context()); err != nil || len(k.dropped) != 0 {
		t.Errorf("%v, %v", k.dropped, err)
	}
	if n := g.Stats().KernelErrors; n != 2 {
		t.Errorf("%d errors", n)
	}
}

// TestBannedBecomesCustomer: a new table lifts the bans of those that it knows.
func TestBannedBecomesCustomer(t *testing.T) {
	k := &fakeKernel{}
	g := testGuard(t, Config{Ban: Ban{Refusals: 1}, Bans: k})
	g.Judge(ask("1", none), at(time.Now().UnixNano(), "", 0))
	g.Judge(ask("1", none.Next()), at(time.Now().UnixNano(), "", 0))
	if err := g.tellAll(t.Context()); err != nil || len(k.dropped) != 2 {
		t.Fatal(err, k.dropped)
	}
	more := append(parties(), party.Entry{Name: "new", Kind: party.Customer, Addresses: []netip.Prefix{netip.PrefixFrom(none, 32)}})
	book, err := g.book.Next(more, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.SetBook(book, nil)
	if err := g.tellAll(t.Context()); err != nil || len(k.dropped) != 1 || g.Stats().Banned != 1 {
		t.Error(err, k.dropped)
	}
	if v := g.Judge(ask("1", none), at(time.Now().UnixNano(), "", 0)); !v.Pass() {
		t.Error(v.Reason)
	}
}
