package guard

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/testkit/verdicts"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// TestVerdicts runs the specification through the guard: asked by an edge, asked
// again after a restart, explained to people, and seen passing by.
func TestVerdicts(t *testing.T) {
	now := time.Now().UnixNano()
	for _, row := range verdicts.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			dir := t.TempDir()
			g := rowGuard(t, &row, NFQueue, dir)
			learnAll(t, g, &row, now)
			judgeRow(t, g, &row, now)
			saveNow(t, g)
			g.disk.close()

			again := rowGuard(t, &row, NFQueue, dir)
			judgeRow(t, again, &row, now)
			again.disk.close()

			if !row.Banned {
				watchRow(t, &row, now)
			}
		})
	}
}

func want(row *verdicts.Row) []string {
	return []string{row.Reason, row.Customer, row.Block, row.Holder}
}

// judgeRow asks g as an edge does, and as people do.
func judgeRow(t *testing.T, g *Guard, row *verdicts.Row, now int64) {
	t.Helper()
	p, m := rowMessage(t, row, now)
	if row.Banned {
		g.bans.banned[siteOf(p.Src.Addr())] = &ban{since: now, until: now + 600*sec}
	}
	var q register.Request
	q.Fill(m, p)
	about := About{At: now, Port: p.Src.Port, Transport: "udp", CallID: m.CallID, CSeq: m.CSeq}
	for _, what := range []string{"at first", "sent again"} {
		v := g.Judge(&q, about)
		got := []string{v.Reason.String(), g.Name(v.Customer), v.Block.String(), g.holder(v)}
		if diff := cmp.Diff(want(row), got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	c := g.Check(&q)
	if diff := cmp.Diff(want(row), []string{c.Reason, c.Customer, c.Block, c.Holder}); diff != "" || (c.Verdict == Passed) != row.Pass() {
		t.Errorf("explained: %s %s", c.Verdict, diff)
	}
	wanted := Verdict{row.Customer, Passed, row.Reason, 1}
	if !row.Pass() {
		wanted.Verdict = "refused"
	}
	if s := g.Stats(); !counted(s.Verdicts, wanted) || s.Resent != 1 {
		t.Errorf("%+v, %d resent; want %+v", s.Verdicts, s.Resent, wanted)
	}
	heard := 0
	for _, r := range g.said() {
		if r.Kind == register.Refused { // and not a stray that was there before
			heard++
		}
	}
	if heard > 0 == row.Pass() {
		t.Errorf("%d reports", heard)
	}
}

// watchRow lets the REGISTER pass by.
func watchRow(t *testing.T, row *verdicts.Row, now int64) {
	t.Helper()
	g := rowGuard(t, row, Monitor, "")
	learnAll(t, g, row, now)
	g.said()
	g.tallies = tallies{}
	g.Seen(rowMessage(t, row, now))
	wanted := []Verdict{{row.Customer, "would_refuse", row.Reason, 1}}
	if row.Pass() {
		wanted[0].Verdict = Passed
	}
	if diff := cmp.Diff(wanted, g.Stats().Verdicts); diff != "" {
		t.Errorf("seen: %s", diff)
	}
}

func counted(list []Verdict, want Verdict) bool {
	for _, v := range list {
		if v == want {
			return true
		}
	}
	return false
}

// rowGuard has the table of a row, by way of a configuration.
func rowGuard(t *testing.T, row *verdicts.Row, mode Mode, dir string) *Guard {
	t.Helper()
	text := fmt.Sprintf("node: test\nlocal_addresses: [%s]\nguard:\n  unknown_customer: %s\n  max_contacts: %d\n",
		`"`+strings.Join(row.Table.Local, `", "`)+`"`, row.Table.UnknownCustomer, row.Table.MaxContacts)
	cfg, err := configs.Parse("agent.yaml", []byte(text+row.Table.YAML()))
	if err != nil {
		t.Fatal(err)
	}
	book, err := cfg.Book(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Mode: mode, Book: book, Local: cfg.Local, Policy: cfg.Guard.Policy(), Dir: dir, Ban: Ban{Refusals: 100}})
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.disk.close)
	return g
}

const registrar = "192.0.2.1:5060"

// learnAll lets g see how the bindings of a row came to be.
func learnAll(t *testing.T, g *Guard, row *verdicts.Row, now int64) {
	t.Helper()
	var before []verdicts.Binding
	for n, b := range row.Over {
		learn(t, g, b, nil, fmt.Sprint("over ", n), now-4000*sec)
	}
	for n, b := range row.Bindings {
		learn(t, g, b, before, fmt.Sprint("live ", n), now-sec)
		before = append(before, b)
	}
}

// learn sends a REGISTER and its answer past g. The answer lists what the
// registrar had before, too.
func learn(t *testing.T, g *Guard, b verdicts.Binding, before []verdicts.Binding, callID string, now int64) {
	t.Helper()
	row, source := b.Row(), b.Source
	if source == "" {
		source, row.Phones = "100.127.255.255", nil
	}
	listed := []verdicts.Phone{b.Phone}
	for _, x := range before {
		if strings.TrimPrefix(x.To, "+") == strings.TrimPrefix(b.To, "+") {
			listed = append(listed, x.Phone)
		}
	}
	phone := netip.AddrPortFrom(netip.MustParseAddr(source), 5060)
	at := verdicts.At{Via: phone.String(), Transport: "UDP", CallID: callID}
	g.Seen(wirePacket(t, phone, netip.MustParseAddrPort(registrar), now, row.Message(at)))
	g.Seen(wirePacket(t, netip.MustParseAddrPort(registrar), phone, now, verdicts.Answer(b, at, listed)))
}

func rowMessage(t *testing.T, row *verdicts.Row, now int64) (*packet.Packet, *parse.Message) {
	t.Helper()
	phone := netip.AddrPortFrom(netip.MustParseAddr(row.Source), 5060)
	return wirePacket(t, phone, netip.MustParseAddrPort(registrar), now, row.Message(verdicts.At{Via: phone.String(), Transport: "UDP", CallID: "the row"}))
}

func wirePacket(t *testing.T, src, dst netip.AddrPort, now int64, payload []byte) (*packet.Packet, *parse.Message) {
	t.Helper()
	m := new(parse.Message)
	if err := parse.NewParser().Parse(payload, m); err != nil {
		t.Fatalf("%v in %q", err, payload)
	}
	return &packet.Packet{Time: now, Src: packet.EndpointFrom(src), Dst: packet.EndpointFrom(dst), Payload: payload, Transport: packet.UDP, Whole: true}, m
}
