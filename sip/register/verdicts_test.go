package register

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/internal/testkit/verdicts"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// TestVerdicts runs the specification twice: with the rows as they stand, and
// with the REGISTERs that they are as SIP.
func TestVerdicts(t *testing.T) {
	for _, row := range verdicts.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			r := registryOf(t, &row)
			parsed := parsedRequest(t, &row)
			parsed.Banned = row.Banned
			for how, q := range map[string]*Request{"as it stands": plainRequest(t, &row), "as SIP": parsed} {
				v := r.Judge(q, rowNow)
				got := []string{v.Reason.String(), r.book.Name(v.Customer), v.Block.String(), ""}
				if v.Holder != party.Unknown || v.Reason == InUse {
					got[3] = r.book.Name(v.Holder)
				}
				if diff := cmp.Diff([]string{row.Reason, row.Customer, row.Block, row.Holder}, got); diff != "" {
					t.Errorf("%s (-want +got): %s", how, diff)
				}
				if v.Pass() != row.Pass() {
					t.Errorf("%s: passes %t", how, v.Pass())
				}
				checkSteps(t, r, q, v)
			}
		})
	}
}

// checkSteps: Explain comes to the same verdict, by all checks before it.
func checkSteps(t *testing.T, r *Registry, q *Request, want Verdict) {
	t.Helper()
	v, steps := r.Explain(q, rowNow)
	if v != want || len(steps) != int(v.Reason) {
		t.Errorf("explained as %+v in %d steps, judged as %+v", v, len(steps), want)
	}
	for i, s := range steps {
		if int(s.Check) != i+1 || s.Decides != (i == len(steps)-1) || !strings.HasSuffix(s.Text, ".") || strings.Contains(s.Text, "%!") {
			t.Errorf("step %d: %+v", i, s)
		}
		t.Logf("%-17s %s", s.Check, s.Text)
	}
}

const rowNow = 2_000 * second

func registryOf(t *testing.T, row *verdicts.Row) *Registry {
	t.Helper()
	book, err := party.NewBook(entriesOf(t, &row.Table), addrsOf(t, row.Table.Local))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(Config{Book: book, Policy: Policy{rule(row.Table.UnknownCustomer), row.Table.MaxContacts}})
	for i, b := range row.Over {
		learn(t, r, b, "over"+strconv.Itoa(i), rowNow-4_000*second)
	}
	for i, b := range row.Bindings {
		learn(t, r, b, "live"+strconv.Itoa(i), rowNow-second)
	}
	return r
}

func rule(s string) party.Rule {
	return map[string]party.Rule{"allow": party.Allow, "deny": party.Deny}[s]
}

func entriesOf(t *testing.T, table *verdicts.Table) (entries []party.Entry) {
	t.Helper()
	for kind, list := range map[party.Kind][]verdicts.Customer{party.Customer: table.Customers, party.Carrier: table.Carriers} {
		for _, c := range list {
			e := party.Entry{Name: c.ID, Kind: kind, Domains: c.Domains, NonNumeric: rule(c.NonNumeric), MaxContacts: c.MaxContacts}
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
	return entries
}

func addrsOf(t *testing.T, list []string) (addrs []netip.Addr) {
	t.Helper()
	for _, a := range list {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs
}

// learn lets the registry see how b came to be, as SIP: its phone's REGISTER and
// the answer, or an answer that lists it to somebody who asked. The answer lists
// what is there before too, as a registrar's does.
func learn(t *testing.T, r *Registry, b verdicts.Binding, callID string, at int64) {
	t.Helper()
	row := b.Row()
	source := b.Source
	if source == "" {
		source, row.Phones = "100.127.255.255", nil
	}
	to := verdicts.Row{To: b.To}
	listed := []verdicts.Phone{b.Phone}
	for _, x := range r.Of(to.User(), to.Domain(), at, nil) {
		if x.Domain == to.Domain() {
			listed = append(listed, verdicts.Phone{
				URI:      x.Contact.URI.User + "@" + netip.AddrPortFrom(netip.MustParseAddr(hostOr(x.Contact.URI.Host)), x.Contact.Port).String(),
				Instance: x.Contact.Instance, RegID: strconv.Itoa(int(x.Contact.RegID)),
			})
			if last := &listed[len(listed)-1]; strings.HasSuffix(x.Contact.URI.Host, "example") {
				last.URI = x.Contact.URI.User + "@" + x.Contact.URI.Host
			}
		}
	}
	phone, server := netip.AddrPortFrom(netip.MustParseAddr(source), 5060), netip.MustParseAddrPort(theSwitch)
	where := verdicts.At{Via: phone.String(), Transport: "UDP", CallID: callID + "@" + b.To}
	r.Message(pass(t, phone, server, at, row.Message(where)))
	changes := r.Message(pass(t, server, phone, at, verdicts.Answer(b, where, listed)))
	added := 0
	for _, c := range changes {
		if c.What == Added {
			added++
		}
		if c.What == Removed || c.What == Expired {
			t.Fatalf("%s took %+v away", b.To, c.Binding)
		}
	}
	if added != 1 {
		t.Fatalf("%s added %d bindings", b.To, added)
	}
}

func hostOr(s string) string {
	if _, err := netip.ParseAddr(s); err != nil {
		return "0.0.0.0"
	}
	return s
}

func pass(t testing.TB, src, dst netip.AddrPort, now int64, payload []byte) (*packet.Packet, *parse.Message) {
	t.Helper()
	m := new(parse.Message)
	if err := parse.NewParser().Parse(payload, m); err != nil {
		t.Fatalf("%v in %q", err, payload)
	}
	return &packet.Packet{Time: now, Src: packet.EndpointFrom(src), Dst: packet.EndpointFrom(dst), Payload: payload, Transport: packet.UDP}, m
}

func parsedRequest(t *testing.T, row *verdicts.Row) *Request {
	t.Helper()
	phone := netip.AddrPortFrom(netip.MustParseAddr(row.Source), 5060)
	p, m := pass(t, phone, netip.MustParseAddrPort(theSwitch), rowNow, row.Message(verdicts.At{Via: phone.String(), Transport: "UDP", CallID: "row@test"}))
	q := new(Request)
	q.Fill(m, p)
	return q
}

// plainRequest is the row without any SIP: what an edge gives that is asked in
// another language.
func plainRequest(t *testing.T, row *verdicts.Row) *Request {
	t.Helper()
	q := &Request{
		Broken: row.Broken, Banned: row.Banned, Username: row.Username, Source: netip.MustParseAddr(row.Source), Expires: number(row.Expires),
		To: uri(strings.Replace(row.User(), "%31", "1", 1), strings.ToLower(row.Domain())), RequestHost: strings.ToLower(row.RequestHost()),
	}
	for _, p := range row.Phones {
		c := parse.Contact{Star: p.URI == "*", Expires: -1}
		if p.Expires != "" {
			if c.Expires = number(p.Expires); c.Expires < 0 {
				c.Expires = 3600 // RFC 3261 section 20.10
			}
		}
		user, host, _ := strings.Cut(p.URI, "@")
		c.URI = uri(user, host)
		if at, err := netip.ParseAddrPort(host); err == nil {
			c.URI.Host, c.Port = at.Addr().String(), at.Port()
		}
		c.Instance = p.Instance
		if p.RegID != "" {
			c.RegID = uint32(number(p.RegID)) // a small number
		}
		q.Contacts = append(q.Contacts, c)
	}
	return q
}

// number is -1 for what is none.
func number(s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return -1
	}
	return int32(n)
}

// TestNumbersInDisguise: what a program in C reads up to its NUL, and a host that
// Asterisk takes for the user.
func TestNumbersInDisguise(t *testing.T) {
	book, err := party.NewBook([]party.Entry{{Name: "acme", Kind: party.Customer, Blocks: []party.Block{{First: "1000", Last: "1999"}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(Config{Book: book, MaxBindings: 1})
	for to, want := range map[parse.URI]Reason{
		{User: "1005\x00", Host: "pbx.example"}: Malformed,
		{User: "1005\r", Host: "pbx.example"}:   Malformed,
		{User: "1005;", Host: "pbx.example"}:    Malformed,
		{User: "bob;x", Host: "pbx.example"}:    Allowed,
		{Host: "1005"}:                          Malformed,
		{Host: "+1005"}:                         Malformed,
		{Host: "pbx.example"}:                   Allowed,
		{User: "bob", Host: "1005"}:             Allowed,
	} {
		q := Request{To: to, Expires: 60}
		if v, steps := r.Explain(&q, 1); v.Reason != want || r.Judge(&q, 1) != v || steps[len(steps)-1].Text == "" {
			t.Errorf("%q: %s, want %s", to, v.Reason, want)
		}
	}
}
