package register

import (
	"net/netip"
	"testing"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

func book(t testing.TB, entries ...party.Entry) *party.Book {
	t.Helper()
	b, err := party.NewBook(entries, []netip.Addr{netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func customer(name, prefix string, blocks ...party.Block) party.Entry {
	return party.Entry{Name: name, Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix(prefix)}, Blocks: blocks}
}

// wire says messages to a Registry as a capture would.
type wire struct {
	*Registry
	now int64
}

func newWire(t testing.TB) *wire {
	return &wire{NewRegistry(Config{MaxBindings: 20_000, Book: book(t,
		customer("acme", "203.0.113.0/24", party.Block{First: "1000", Last: "1999"}),
		customer("bolt", "198.51.100.0/24", party.Block{First: "2000", Last: "2999"}),
		customer("free", "100.64.0.0/16"),
	)}), 1_000 * second}
}

func endpoint(s string) packet.Endpoint { return packet.EndpointFrom(netip.MustParseAddrPort(s)) }

func (w *wire) request(from, to, callID string, cseq uint32, user string, vias int, contacts ...parse.Contact) []Change {
	return w.Message(&packet.Packet{Time: w.now, Src: endpoint(from), Dst: endpoint(to), Transport: packet.UDP}, &parse.Message{
		Method: parse.REGISTER, CallID: callID, CSeq: cseq, Vias: vias, To: parse.URI{User: user, Host: "pbx.example"},
		RequestURI: parse.URI{Host: "pbx.example"}, Contacts: contacts, Expires: -1,
	})
}

func (w *wire) answer(from, to, callID string, cseq uint32, user string, vias int, status uint16, contacts ...parse.Contact) []Change {
	return w.Message(&packet.Packet{Time: w.now, Src: endpoint(from), Dst: endpoint(to), Transport: packet.UDP}, &parse.Message{
		Method: parse.REGISTER, Status: status, CallID: callID, CSeq: cseq, Vias: vias, To: parse.URI{User: user, Host: "pbx.example"},
		Contacts: contacts, Expires: -1,
	})
}

func phone(user, host string, expires int32) parse.Contact {
	return parse.Contact{URI: parse.URI{User: user, Host: host}, Port: 5060, Expires: expires}
}

const (
	acmePhone = "203.0.113.7:5060"
	boltPhone = "198.51.100.9:5060"
	theSwitch = "192.0.2.1:5060"
)

func TestABindingIsLearntFromTheAnswer(t *testing.T) {
	w := newWire(t)
	c := phone("1005", "203.0.113.7", 600)
	if got := w.request(acmePhone, theSwitch, "a", 1, "1005", 1, c); len(got) != 0 {
		t.Fatalf("%+v before the answer", got)
	}
	got := w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 200, c)
	if len(got) != 1 || got[0].What != Added || got[0].Binding.Number != "1005" || got[0].Binding.Source.String() != acmePhone ||
		got[0].Binding.Expires != w.now+600*second || w.book.Name(got[0].Binding.Customer) != "acme" {
		t.Fatalf("%+v", got)
	}
	if s := w.Stats(); s.Bindings != 1 || s.Strays != 0 {
		t.Errorf("%+v", s)
	}
	q := Request{To: parse.URI{User: "1005", Host: "pbx.example"}, Source: netip.MustParseAddr("100.64.0.1"), Expires: -1}
	if v := w.Judge(&q, w.now); v.Reason != ForeignBlock {
		t.Errorf("%s", v.Reason)
	}
	if changes, _ := w.Tick(w.now+602*second, 10_000); len(changes) != 1 || changes[0].What != Expired || w.Stats().Bindings != 0 {
		t.Errorf("%+v", changes)
	}
}

// Of appends the live bindings of one number, or of user@host, to to.
func (r *Registry) Of(user, host string, now int64, to []Binding) []Binding {
	key, _, _ := keyOf(r.seed, uri(user, host))
	for i := r.chain(key); i != 0; i = r.at(i).sibling {
		if r.at(i).expires > now {
			to = append(to, r.binding(i))
		}
	}
	return to
}
