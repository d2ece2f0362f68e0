package netfilter

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/verdicts"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// rowJudge judges one row of the specification.
type rowJudge struct {
	registry *register.Registry
	banned   bool
	reason   atomic.Uint32 // of the last verdict
}

// currentJudge hands on to the row at hand.
type currentJudge struct{ atomic.Pointer[rowJudge] }

func (c *currentJudge) Judge(q *register.Request, _ *packet.Packet, _ *parse.Message) register.Verdict {
	j := c.Load()
	q.Banned = j.banned
	v := j.registry.Judge(q, time.Now().UnixNano())
	j.reason.Store(uint32(v.Reason))
	return v
}

// TestVerdicts runs the specification through the real queue: each REGISTER comes
// over the wire from its row's address, and reaches the switch or is answered 403.
func TestVerdicts(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	judge := new(currentJudge)
	cfg := testConfig(judge)
	cfg.Answers = 1000
	g, stop := start(t, cfg, host{})
	switches := map[bool]*phone{true: newSwitch(t, netip.AddrPortFrom(switch4, 5060)), false: newSwitch(t, netip.AddrPortFrom(switch6, 5060))}
	rows := verdicts.Rows()
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	for i := range rows {
		row := &rows[i]
		j := &rowJudge{registry: registryOf(t, row), banned: row.Banned}
		judge.Store(j)
		from := netip.AddrPortFrom(netip.MustParseAddr(row.Source), 5060)
		to := netip.AddrPortFrom(switch4, 5060)
		if from.Addr().Is6() {
			to = netip.AddrPortFrom(switch6, 5060)
		}
		text := string(row.Message(verdicts.At{Via: from.String(), Transport: "UDP", CallID: fmt.Sprintf("row%d", i)}))
		l.send(from, to, text)
		sw := switches[from.Addr().Is4()]
		if row.Pass() {
			if got, ok := sw.read(soon); !ok || got != text {
				t.Errorf("%s: the switch got %q, want %q", row.Name, got, text)
			}
		} else {
			answerable := row.ToHeader != "-"
			wait := soon
			if !answerable {
				wait = quiet
			}
			if d, ok := l.receive(wait); ok != answerable || ok && (d.from != to || d.to != from || !strings.HasPrefix(d.payload, "SIP/2.0 403 Forbidden\r\n")) {
				t.Errorf("%s: answered %v", row.Name, d)
			}
			if got, ok := sw.read(time.Millisecond); ok { // the verdict comes before the answer
				t.Errorf("%s: the switch got %q", row.Name, got)
			}
		}
		if got := register.Reason(j.reason.Load()).String(); got != row.Reason {
			t.Errorf("%s: %s, want %s", row.Name, got, row.Reason)
		}
	}
	stop()
	if s := g.Stats(); s.Passed+s.Refused != uint64(len(rows)) {
		t.Errorf("%d rows: %+v", len(rows), s)
	}
}

// registryOf knows the parties and the bindings of a row.
func registryOf(t *testing.T, row *verdicts.Row) *register.Registry {
	t.Helper()
	rules := map[string]party.Rule{"allow": party.Allow, "deny": party.Deny}
	var entries []party.Entry
	for kind, list := range map[party.Kind][]verdicts.Customer{party.Customer: row.Table.Customers, party.Carrier: row.Table.Carriers} {
		for _, c := range list {
			e := party.Entry{Name: c.ID, Kind: kind, Domains: c.Domains, NonNumeric: rules[c.NonNumeric], MaxContacts: c.MaxContacts}
			for _, p := range c.Addresses {
				e.Addresses = append(e.Addresses, netip.MustParsePrefix(p))
			}
			for _, b := range c.Blocks {
				first, last, _ := strings.Cut(b, "-")
				e.Blocks = append(e.Blocks, party.Block{First: first, Last: last})
			}
			entries = append(entries, e)
		}
	}
	var local []netip.Addr
	for _, a := range row.Table.Local {
		local = append(local, netip.MustParseAddr(a))
	}
	book, err := party.NewBook(entries, local)
	check(t, err)
	r := register.NewRegistry(register.Config{Book: book, Policy: register.Policy{
		UnknownCustomer: rules[row.Table.UnknownCustomer], MaxContacts: row.Table.MaxContacts}})
	now := time.Now()
	// An hour is what a contact without an expiry lives, at most.
	learn(t, r, row.Over, now.Add(-2*time.Hour))
	learn(t, r, row.Bindings, now.Add(-time.Second))
	return r
}

// learn has a registry see how bindings came to be: REGISTERs, and answers that
// list all that is there.
func learn(t *testing.T, r *register.Registry, list []verdicts.Binding, at time.Time) {
	t.Helper()
	listed := map[string][]verdicts.Phone{}
	see := func(src, dst netip.AddrPort, b []byte) {
		var m parse.Message
		check(t, parse.NewParser().Parse(b, &m))
		p := packet.Packet{Time: at.UnixNano(), Src: packet.EndpointFrom(src), Dst: packet.EndpointFrom(dst), Payload: b, Transport: packet.UDP}
		r.Message(&p, &m)
	}
	for i, b := range list {
		row, source := b.Row(), b.Source
		if source == "" { // the registrar lists it to somebody who asks
			source, row.Phones = "100.127.255.255", nil
		}
		phone, server := netip.AddrPortFrom(netip.MustParseAddr(source), 5060), netip.AddrPortFrom(switch4, 5060)
		where := verdicts.At{Via: phone.String(), Transport: "UDP", CallID: fmt.Sprintf("b%d-%d", at.Unix(), i)}
		listed[b.To] = append(listed[b.To], b.Phone)
		see(phone, server, row.Message(where))
		see(server, phone, verdicts.Answer(b, where, listed[b.To]))
	}
}
