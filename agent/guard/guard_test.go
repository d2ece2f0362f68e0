package guard

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sec = int64(time.Second)

// t0 is when most tests begin.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

var (
	acme  = netip.MustParseAddr("203.0.113.7")  // has 1000-1999
	bob   = netip.MustParseAddr("198.51.100.9") // has 2000-2999
	none  = netip.MustParseAddr("192.0.2.66")
	local = netip.MustParseAddr("10.0.0.1")
	trunk = netip.MustParseAddr("10.9.9.9")
)

func parties() []party.Entry {
	return []party.Entry{
		{Name: "acme", Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Domains: []string{"acme.example"}, Blocks: []party.Block{{First: "1000", Last: "1999"}}},
		{Name: "bob", Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.9/32")}, Blocks: []party.Block{{First: "2000", Last: "2999"}}},
		{Name: "trunk", Kind: party.Carrier, Addresses: []netip.Prefix{netip.PrefixFrom(trunk, 32)}},
	}
}

func testBook(t testing.TB) *party.Book {
	t.Helper()
	b, err := party.NewBook(parties(), []netip.Addr{local})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testGuard(t testing.TB, cfg Config) *Guard {
	t.Helper()
	if cfg.Mode == "" {
		cfg.Mode = NFQueue
	}
	if cfg.Book == nil {
		cfg.Book = testBook(t)
	}
	if cfg.Policy.UnknownCustomer == 0 {
		cfg.Policy = register.Policy{UnknownCustomer: party.Deny, MaxContacts: 2}
	}
	return New(cfg)
}

// ask is a REGISTER of one phone.
func ask(user string, source netip.Addr) *register.Request {
	return &register.Request{
		To: parse.URI{User: user, Host: "pbx.example"}, RequestHost: "pbx.example", Source: source, Expires: 3600,
		Contacts: []parse.Contact{{URI: parse.URI{User: user, Host: source.String()}, Port: 5060, Expires: -1}},
	}
}

func at(now int64, callID string, cseq uint32) About {
	return About{At: now, Port: 5060, Transport: "udp", CallID: callID, CSeq: cseq, UserAgent: "phone/1"}
}

// wire sends a REGISTER and the registrar's 200 past g.
type wire struct {
	g *Guard
	n int
}

func (w *wire) register(user string, source netip.Addr, expires int32, now int64) {
	w.n++
	ep := func(a netip.Addr) packet.Endpoint { return packet.EndpointFrom(netip.AddrPortFrom(a, 5060)) }
	m := parse.Message{
		Method: parse.REGISTER, RequestURI: parse.URI{Host: "pbx.example"}, CallID: fmt.Sprint("wire ", w.n), FromTag: "f", CSeq: 1, Vias: 1,
		From: parse.URI{User: user, Host: "pbx.example"}, To: parse.URI{User: user, Host: "pbx.example"}, Expires: expires,
		Contacts: []parse.Contact{{URI: parse.URI{User: user, Host: source.String()}, Port: 5060, Expires: -1}},
	}
	w.g.Seen(&packet.Packet{Time: now, Src: ep(source), Dst: ep(local), Transport: packet.UDP, Whole: true}, &m)
	m.Status, m.Contacts[0].Expires = 200, expires
	if expires == 0 {
		m.Contacts = nil
	}
	w.g.Seen(&packet.Packet{Time: now + 1e6, Src: ep(local), Dst: ep(source), Transport: packet.UDP, Whole: true}, &m)
}

// said takes the reports that wait.
func (g *Guard) said() (out []*register.Report) {
	for {
		select {
		case r := <-g.reports.out:
			out = append(out, r)
		default:
			return out
		}
	}
}

// TestModes: who is judged, as what it is counted, and who is not asked about.
func TestModes(t *testing.T) {
	remote := netip.MustParseAddr("203.0.113.200")
	for _, tt := range []struct {
		name      string
		mode      Mode
		transport packet.Transport
		src, dst  netip.Addr
		vias      int
		want      string
	}{
		{"monitor sees UDP", Monitor, packet.UDP, acme, local, 1, "would_refuse"},
		{"monitor sees TLS by HEP", Monitor, packet.TLS, acme, local, 1, "would_refuse"},
		{"the queue judges UDP itself", NFQueue, packet.UDP, acme, local, 1, ""},
		{"the queue never sees TCP", NFQueue, packet.TCP, acme, local, 1, "would_refuse"},
		{"the switch asks", Authorize, packet.UDP, acme, local, 1, ""},
		{"the switch asks for TCP too", Authorize, packet.TCP, acme, local, 1, ""},
		{"the second hop of a proxy", Monitor, packet.UDP, local, local, 2, ""},
		{"a registrar behind the proxy", Monitor, packet.UDP, local, remote, 2, ""},
		{"the switch registers at a carrier", Monitor, packet.UDP, local, trunk, 1, ""},
		{"a phone on the host", Monitor, packet.UDP, local, local, 1, "would_refuse"},
		{"a mirror port", Monitor, packet.UDP, acme, remote, 1, "would_refuse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := testGuard(t, Config{Mode: tt.mode})
			ep := func(a netip.Addr) packet.Endpoint { return packet.EndpointFrom(netip.AddrPortFrom(a, 5060)) }
			m := parse.Message{Method: parse.REGISTER, CallID: "x", CSeq: 1, Vias: tt.vias, To: parse.URI{User: "5555", Host: "pbx.example"}, Expires: -1}
			for range 2 { // captured twice
				g.Seen(&packet.Packet{Time: t0, Src: ep(tt.src), Dst: ep(tt.dst), Transport: tt.transport}, &m)
			}
			s, got := g.Stats(), ""
			for _, v := range s.Verdicts {
				got += v.Verdict
				if v.Count != 1 {
					t.Errorf("counted %d times", v.Count)
				}
			}
			if got != tt.want || (tt.want != "") != (s.Resent == 1) {
				t.Errorf("%q, %d resent; want %q", got, s.Resent, tt.want)
			}
		})
	}
}

// TestCounts: each transaction is counted once under its customer, and what is
// sent again gets the same answer.
func TestCounts(t *testing.T) {
	g := testGuard(t, Config{})
	for _, x := range []struct {
		user   string
		source netip.Addr
		callID string
		cseq   uint32
		want   register.Reason
	}{
		{"1005", acme, "a", 1, register.Allowed},
		{"1005", acme, "a", 1, register.Allowed},
		{"1005", acme, "a", 2, register.Allowed},
		{"2005", acme, "b", 1, register.OutsideBlocks},
		{"2005", acme, "b", 1, register.OutsideBlocks},
		{"2005", bob, "b", 1, register.Allowed},
		{"2005", acme, "", 0, register.OutsideBlocks},
		{"2005", acme, "", 0, register.OutsideBlocks}, // nobody knows whether it is the same
		{"7", none, "c", 1, register.UnknownCustomer},
		{"7", trunk, "d", 1, register.UnknownCustomer},
	} {
		if v := g.Judge(ask(x.user, x.source), at(t0, x.callID, x.cseq)); v.Reason != x.want {
			t.Errorf("%+v: %v", x, v.Reason)
		}
	}
	s := g.Stats()
	want := []Verdict{
		{"acme", "passed", "allowed", 2}, {"acme", "refused", "outside_blocks", 3},
		{"bob", "passed", "allowed", 1}, {"unknown", "refused", "unknown_customer", 2},
	}
	if diff := cmp.Diff(want, s.Verdicts); diff != "" || s.Resent != 2 || s.Judged != 10 {
		t.Errorf("%s, %d resent, %d judged", diff, s.Resent, s.Judged)
	}
}

// TestSentAgain: the answer stays although things changed, but something else
// under the same name is judged by itself.
func TestSentAgain(t *testing.T) {
	g := testGuard(t, Config{})
	if v := g.Judge(ask("1005", acme), at(t0, "a", 1)); !v.Pass() {
		t.Fatal(v)
	}
	less := parties()
	less[0].Blocks = nil
	less[1].Blocks = []party.Block{{First: "1000", Last: "2999"}}
	book, err := g.book.Next(less, []netip.Addr{local})
	if err != nil {
		t.Fatal(err)
	}
	g.SetBook(book, nil)
	for _, tt := range []struct {
		name   string
		change func(*register.Request, *About)
		pass   bool
	}{
		{"the very same", func(*register.Request, *About) {}, true},
		{"another port", func(_ *register.Request, a *About) { a.Port = 5061 }, true},
		{"another number", func(q *register.Request, _ *About) { q.To.User = "1006" }, false},
		{"another user name", func(q *register.Request, _ *About) { q.Username = "2001" }, false},
		{"another contact", func(q *register.Request, _ *About) { q.Contacts[0].Port++ }, false},
		{"another CSeq", func(_ *register.Request, a *About) { a.CSeq++ }, false},
		{"another source", func(q *register.Request, _ *About) { q.Source = acme.Next() }, false},
		{"after a while", func(_ *register.Request, a *About) { a.At += 3 * int64(generation) }, false},
	} {
		q, about := ask("1005", acme), at(t0+sec, "a", 1)
		tt.change(q, &about)
		if v := g.Judge(q, about); v.Pass() != tt.pass {
			t.Errorf("%s: %v", tt.name, v.Reason)
		}
	}
}

// TestPanic: a mistake of ours in the core costs one verdict, which follows fail.
func TestPanic(t *testing.T) {
	for closed, want := range map[bool]register.Reason{false: register.Allowed, true: register.Malformed} {
		var log bytes.Buffer
		g := testGuard(t, Config{Closed: closed, Log: slog.New(slog.NewTextHandler(&log, nil))})
		sound := g.registry
		g.registry = nil
		if v := g.Judge(ask("1005", acme), at(t0, "a", 1)); v.Reason != want {
			t.Errorf("closed %v: %v", closed, v.Reason)
		}
		g.Seen(&packet.Packet{Time: t0}, &parse.Message{Method: parse.REGISTER})
		g.SetPolicy(register.Policy{})
		g.SetBook(g.book, nil)
		g.Check(ask("1005", acme))
		g.tick(t0)
		g.registry = sound
		if v := g.Judge(ask("1005", acme), at(t0, "a", 1)); v.Reason != register.Allowed {
			t.Errorf("after the panic: %v", v.Reason)
		}
		if n := g.Stats().Panics; n != 7 {
			t.Errorf("%d panics", n)
		}
		if fault := <-g.faults; !strings.Contains(fault, "nil pointer") || !strings.Contains(fault, "guard.(*Guard).decide") {
			t.Error(fault)
		}
	}
}

// TestReportSaysWhatHappened, of a refusal and of a stray.
func TestReportSaysWhatHappened(t *testing.T) {
	g := testGuard(t, Config{Mode: Monitor})
	w := &wire{g: g}
	w.register("1005", acme, 3600, t0)
	if r := g.said(); len(r) != 0 {
		t.Errorf("of a good one: %+v", r[0])
	}
	q := ask("1005", none)
	q.Username, q.To.Host = "bad\xff", "acme.example"
	g.Judge(ask("2005", acme), at(t0, "a", 1))
	g.Judge(q, at(t0, "b", 1))
	less := parties()
	less[0].Blocks = []party.Block{{First: "1500", Last: "1999"}}
	less[1].Blocks = append(less[1].Blocks, party.Block{First: "1000", Last: "1099"})
	book, err := g.book.Next(less, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.SetBook(book, nil)
	for g.tick(t0 + sec) {
	}
	got := g.said()
	if len(got) != 2 {
		t.Fatalf("%d reports", len(got))
	}
	got[1].At = 0 // that of a stray is now
	want := []*register.Report{
		{
			At: t0, Kind: register.Refused, Reason: register.OutsideBlocks, Mode: "monitor", Customer: "acme", Number: "2005", Domain: "pbx.example",
			Source: "203.0.113.7:5060", Contact: "sip:2005@203.0.113.7:5060", Transport: "udp", UserAgent: "phone/1", Block: "2000-2999", Holder: "bob",
		},
		{
			Kind: register.Stray, Reason: register.OutsideBlocks, Mode: "monitor", Customer: "acme", Number: "1005", Domain: "pbx.example",
			Source: "203.0.113.7:5060", Contact: "sip:1005@203.0.113.7:5060", Transport: "udp", Block: "1000-1099", Holder: "bob",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := g.Stats(); s.Strayed != 1 || s.Registry.Strays != 1 {
		t.Errorf("%+v", s)
	}
	w.register("1005", acme, 0, t0+2*sec)
	if s := g.Stats(); s.Registry.Strays != 0 || s.Registry.Bindings != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRun: all jobs run and end, and what was held back is handed on at the end.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var got []*register.Report
		kernel := &fakeKernel{}
		g := testGuard(t, Config{Mode: NFQueue, Dir: dir, Ban: Ban{Refusals: 3}, Bans: kernel, Report: func(r *register.Report) { got = append(got, r) }})
		if err := g.Open(); err != nil {
			t.Fatal(err)
		}
		stop := start(t, g)
		now := time.Now().UnixNano()
		for n := range uint32(5) {
			g.Judge(ask("1005", none), at(now, "a", n))
		}
		synctest.Wait()
		if len(got) != 2 || got[0].Reason != register.UnknownCustomer || got[1].Reason != register.Banned {
			t.Errorf("%d reports at once", len(got))
		}
		if len(kernel.dropped) != 1 {
			t.Errorf("the kernel drops %v", kernel.dropped)
		}
		(&wire{g: g}).register("1005", acme, 3600, now)
		virtual.Pass(2 * time.Second)
		if s := g.Stats(); s.Saves != 1 && s.Saves != 2 || s.Unsaved != 0 || s.Banned != 1 {
			t.Errorf("%+v", s)
		}
		stop()
		if len(got) != 4 || got[2].Repeated+got[3].Repeated != 1 { // 2 of the one, 1 of the other, beside what was said
			t.Errorf("%d reports at the end: %+v", len(got), got)
		}
	})
}

// TestSourceUnknown: an edge that cannot say where a REGISTER came from gets its
// verdict all the same, and nobody is banned for it.
func TestSourceUnknown(t *testing.T) {
	g := testGuard(t, Config{Ban: Ban{Refusals: 1}})
	for range 3 {
		if v := g.Judge(&register.Request{To: parse.URI{User: "1", Host: "x"}, Expires: -1}, About{At: t0, Port: 5060}); v.Reason != register.UnknownCustomer {
			t.Error(v.Reason)
		}
	}
	if s := g.Stats(); s.Bans != 0 || s.Panics != 0 {
		t.Errorf("%d bans, %d panics", s.Bans, s.Panics)
	}
	if r := g.said(); len(r) != 1 || r[0].Source != "" {
		t.Errorf("%+v", r)
	}
}

// TestWatchedIsNotBanned: a ban is for what is refused, not for what would be.
func TestWatchedIsNotBanned(t *testing.T) {
	g := testGuard(t, Config{Mode: NFQueue, Ban: Ban{Refusals: 1}})
	m := parse.Message{Method: parse.REGISTER, CallID: "x", Vias: 1, To: parse.URI{User: "5555", Host: "pbx.example"}, Expires: -1}
	for m.CSeq = range 5 {
		g.Seen(&packet.Packet{Time: t0, Src: packet.EndpointFrom(netip.AddrPortFrom(none, 1)), Transport: packet.TCP}, &m)
	}
	if s := g.Stats(); s.Bans != 0 || len(s.Verdicts) != 1 || s.Verdicts[0].Count != 5 {
		t.Errorf("%+v", s)
	}
}

// TestNobodyTakesStrays: bindings grow old although reports are not taken, and
// what is lost is counted.
func TestNobodyTakesStrays(t *testing.T) {
	g := testGuard(t, Config{})
	w := &wire{g: g}
	const all = maxWaiting + 500
	for n := range all {
		w.register(fmt.Sprint(300_000+n), acme, 60, t0)
	}
	s := g.Stats()
	if s.Strayed != all || s.Discarded != all-maxWaiting || s.Registry.Strays != all {
		t.Errorf("%d strayed, %d of them lost, %d there", s.Strayed, s.Discarded, s.Registry.Strays)
	}
	for second := range int64(1000) {
		for g.tick(t0 + (61+second)*sec) {
		}
	}
	if n := g.Stats().Registry.Bindings; n != 0 {
		t.Errorf("%d bindings are over and still here", n)
	}
}
