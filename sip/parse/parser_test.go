package parse

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// mustParse parses a message that must be in order.
func mustParse(t *testing.T, text string) *Message {
	t.Helper()
	m := new(Message)
	if err := NewParser().Parse([]byte(text), m); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return m
}

// with returns a REGISTER with the given header lines before its others.
func with(headers ...string) string {
	l := append([]string{"REGISTER sip:pbx.example.com SIP/2.0"}, headers...)
	return lines(append(l, "Via: SIP/2.0/UDP h;branch=b", "From: <sip:a@b>;tag=1", "To: <sip:a@b>",
		"Call-ID: x", "CSeq: 1 REGISTER", "")...)
}

func TestParseWhole(t *testing.T) {
	m := mustParse(t, register)
	want := &Message{
		Method: REGISTER, RequestURI: URI{"", "pbx.example.com"},
		CallID: "5f4e3d2c@192.0.2.44", FromTag: "77aa", Branch: "z9hG4bK5501", Vias: 1, CSeq: 102,
		From: URI{"1004", "pbx.example.com"}, To: URI{"1004", "pbx.example.com"},
		Contacts: []Contact{{
			URI: URI{"1004", "192.0.2.44"}, Port: 5062, Expires: 600,
			Instance: "urn:uuid:00000000-0000-1000-8000-000a95a0e128", RegID: 1,
		}},
		Expires: 600, AuthUser: "1004", UserAgent: "Desk Phone 4.1", Body: []byte{},
	}
	if d := cmp.Diff(want, m, cmp.Comparer(bytes.Equal)); d != "" {
		t.Errorf("REGISTER (-want +got):\n%s", d)
	}
	m = mustParse(t, answer)
	if m.Status != 200 || m.Phrase != "OK" || m.Method != INVITE || m.SessionExpires != 1800 || m.UserAgent != "ExampleSBC/7" ||
		m.Request() || m.SDP == nil || m.SDP.Media[0].RTP.String() != "203.0.113.99:24680" {
		t.Errorf("200: %+v", m)
	}
	if m = mustParse(t, bye); m.Cause != 16 || m.ToTag != "as5d3c1b" {
		t.Errorf("BYE: cause %d, To tag %q", m.Cause, m.ToTag)
	}
}

// Where sipgo can read a message as a whole, it must have read the same.
func TestAgreesWithSipgo(t *testing.T) {
	texts := []string{invite, ringing, answer, bye, register}
	for _, text := range texts {
		m := mustParse(t, text)
		msg, err := sip.ParseMessage([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		h := msg.(interface {
			CallID() *sip.CallIDHeader
			From() *sip.FromHeader
			To() *sip.ToHeader
			CSeq() *sip.CSeqHeader
			Via() *sip.ViaHeader
			Contact() *sip.ContactHeader
		})
		fromTag, _ := h.From().Params.Get("tag")
		toTag, _ := h.To().Params.Get("tag")
		branch, _ := h.Via().Params.Get("branch")
		want := []any{h.CallID().Value(), h.From().Address.User, h.From().Address.Host, fromTag, h.To().Address.User, toTag,
			h.CSeq().SeqNo, branch}
		got := []any{m.CallID, m.From.User, m.From.Host, m.FromTag, m.To.User, m.ToTag, m.CSeq, m.Branch}
		if c := h.Contact(); c != nil {
			want = append(want, c.Address.User, c.Address.Host, uint16(c.Address.Port))
			got = append(got, m.Contacts[0].URI.User, m.Contacts[0].URI.Host, m.Contacts[0].Port)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%.20q: sipgo - and ours +:\n%s", text, d)
		}
	}
}

func TestMalformed(t *testing.T) {
	const start = "BYE sip:a@b SIP/2.0"
	v, f, to, i, c := "Via: SIP/2.0/UDP h;branch=b", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: x", "CSeq: 1 BYE"
	for _, tc := range []struct {
		name string
		text string
		want error
	}{
		{"whole", lines(start, v, f, to, i, c, ""), nil},
		{"no Via", lines(start, f, to, i, c, ""), nil},
		{"no To", lines(start, v, f, i, c, ""), nil},
		{"no From tag", lines(start, v, "From: <sip:a@b>", to, i, c, ""), nil},
		{"no empty line", lines(start, v, f, to, i, c), nil},
		{"cut behind what counts", strings.TrimSuffix(lines(start, v, f, to, i, c), "\r\n"), nil},
		{"no Call-ID", lines(start, v, f, to, c, ""), ErrCallID},
		{"empty Call-ID", lines(start, v, f, to, "Call-ID:  ", c, ""), ErrCallID},
		{"no CSeq", lines(start, v, f, to, i, ""), ErrCSeq},
		{"CSeq without number", lines(start, v, f, to, i, "CSeq: BYE", ""), ErrCSeq},
		{"CSeq of 2^31-1", lines(start, v, f, to, i, "CSeq: 2147483647 BYE", ""), nil},
		{"CSeq of 2^31", lines(start, v, f, to, i, "CSeq: 2147483648 BYE", ""), ErrCSeq},
		{"negative CSeq", lines(start, v, f, to, i, "CSeq: -1 BYE", ""), ErrCSeq},
		{"request without CSeq method", lines(start, v, f, to, i, "CSeq: 1", ""), nil},
		{"response without CSeq method", lines("SIP/2.0 200 OK", v, f, to, i, "CSeq: 1", ""), ErrCSeq},
		{"no From", lines(start, v, to, i, c, ""), ErrFrom},
		{"empty From", lines(start, v, "From:", to, i, c, ""), ErrFrom},
		{"headers only in the body", lines(start, "", v, f, to, i, c, ""), ErrCallID},
		{"lines without colon", lines(start, "nonsense", ": nothing", v, f, to, i, c, ""), nil},
		{"bare LF", strings.ReplaceAll(lines(start, v, f, to, i, c, ""), "\r\n", "\n"), nil},
	} {
		m := &Message{CallID: "left over", Contacts: make([]Contact, 3)}
		err := NewParser().Parse([]byte(tc.text), m)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if err == nil && (m.CallID != "x" || m.Method != BYE && m.Status == 0) || err != nil && m.CallID != "" || len(m.Contacts) != 0 {
			t.Errorf("%s: message %+v", tc.name, m)
		}
	}
}

func TestMalformedLabels(t *testing.T) {
	seen := map[string]bool{"invalid": true}
	for e := ErrStartLine; int(e) < Reasons; e++ {
		if seen[e.String()] || !strings.HasSuffix(e.Error(), e.String()) {
			t.Errorf("%d has the label %q", e, e)
		}
		seen[e.String()] = true
		if e.Message() != (e > ErrVersion) {
			t.Errorf("%v: Message() = %t", e, e.Message())
		}
	}
	if Malformed(0).String() != "invalid" {
		t.Error("the zero value is not invalid")
	}
}

func TestHeaderNames(t *testing.T) {
	text := lines(
		"SIP/2.0 487 Request Terminated",
		"V \t: SIP/2.0/UDP one;branch=z1 , SIP/2.0/TCP two;branch=z2",
		"VIA:SIP/2.0/UDP three",
		"v:",
		"F\t:<sip:a@b>;tag=ft",
		"t: <sip:c@d>;tag=tt",
		"I:id@host",
		"m: <sip:e@f:5070>;ExPires=30, \"x, <y>\" <sip:g@h>;q=0.1",
		"X: 90;refresher=uas",
		"cSEQ:\t7\tINVITE",
		"SERVER: S",
		"User-Agent: U",
		"eXPIRES: 120",
		"rEASON: SIP;cause=487, q.850 ; text=\"a;cause=9\" ; CAUSE=16",
		"l: 0",
		"",
	)
	m := mustParse(t, text)
	if m.Vias != 3 || m.Branch != "z1" || m.FromTag != "ft" || m.ToTag != "tt" || m.CallID != "id@host" ||
		m.SessionExpires != 90 || m.CSeq != 7 || m.Method != INVITE || m.UserAgent != "S" || m.Expires != 120 || m.Cause != 16 {
		t.Errorf("%+v", m)
	}
	want := []Contact{{URI: URI{"e", "f"}, Port: 5070, Expires: 30}, {URI: URI{"g", "h"}, Expires: -1}}
	if d := cmp.Diff(want, m.Contacts); d != "" {
		t.Errorf("contacts (-want +got):\n%s", d)
	}
}

func TestFolding(t *testing.T) {
	m := mustParse(t, lines("BYE sip:a@b SIP/2.0", " a folded start line is nothing", "Via: SIP/2.0/UDP h", "\t;branch=b",
		"Subject: x", " From: <sip:not@this>;tag=0", "From:", "  ", " <sip:a@b>", "\t;tag=1", "Call-ID: x", "CSeq: 1", " BYE", ""))
	if m.FromTag != "1" || m.From.User != "a" || m.Branch != "b" || m.CSeq != 1 {
		t.Errorf("%+v", m)
	}
}

func TestContacts(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Contact
	}{
		{"*", []Contact{{Star: true, Expires: -1}}},
		{"<sip:a@b>;expires=0", []Contact{{URI: URI{"a", "b"}}}},
		{"<sip:a@b>;expires=\"60\"", []Contact{{URI: URI{"a", "b"}, Expires: 60}}},
		{"<sip:a@b>;expires=soon", []Contact{{URI: URI{"a", "b"}, Expires: 3600}}},
		{"<sip:a@b>;expires=99999999999", []Contact{{URI: URI{"a", "b"}, Expires: 1<<31 - 1}}},
		{"sip:a@b;expires=5", []Contact{{URI: URI{"a", "b"}, Expires: 5}}},
		{"<sip:a@b;expires=5>", []Contact{{URI: URI{"a", "b"}, Expires: -1}}},
		{"Bell, A. <sip:a@b>", []Contact{{URI: URI{"", "bell"}, Expires: -1}, {URI: URI{"a", "b"}, Expires: -1}}},
		{"<sip:a@[2001:db8::1]:5071>;+SIP.instance=\"<urn:x>\";reg-id=2", []Contact{{URI: URI{"a", "2001:db8::1"}, Port: 5071, Expires: -1, Instance: "urn:x", RegID: 2}}},
		{"<sip:a@b>,,<tel:+1>", []Contact{{URI: URI{"a", "b"}, Expires: -1}, {URI: URI{"+1", ""}, Expires: -1}}},
	} {
		if d := cmp.Diff(c.want, mustParse(t, with("Contact: "+c.in)).Contacts); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, d)
		}
	}
}

func TestOtherHeaders(t *testing.T) {
	for _, c := range []struct {
		header string
		got    func(*Message) any
		want   any
	}{
		{`Authorization: Digest realm="x, username=\"no\"", username="al\"ice"`, func(m *Message) any { return m.AuthUser }, `al"ice`},
		{`Proxy-Authorization: DIGEST username = bob ,realm="x"`, func(m *Message) any { return m.AuthUser }, "bob"},
		{`Authorization: Digest username*=UTF-8''j%C3%A4son, realm="x"`, func(m *Message) any { return m.AuthUser }, "j\u00e4son"},
		{"Authorization: Basic dXNlcm5hbWU9eA==", func(m *Message) any { return m.AuthUser }, ""},
		{"Authorization: Digest", func(m *Message) any { return m.AuthUser }, ""},
		{"Expires: 0", func(m *Message) any { return m.Expires }, int32(0)},
		{"Expires: 4294967296", func(m *Message) any { return m.Expires }, int32(1<<31 - 1)},
		{"Expires: Thu, 01 Dec 1994 16:00:00 GMT", func(m *Message) any { return m.Expires }, int32(-1)},
		{"Session-Expires: x", func(m *Message) any { return m.SessionExpires }, uint32(0)},
		{"Reason: Q.850;cause=abc", func(m *Message) any { return m.Cause }, uint16(0)},
		{"Reason: SIP;text=\"x\"", func(m *Message) any { return m.Cause }, uint16(0)},
		{"Reason: Q.850;cause=17,SIP;cause=486", func(m *Message) any { return m.Cause }, uint16(17)},
		{"Via: SIP/2.0/TLS top;branch=t;x, SIP/2.0/UDP next;branch=n", func(m *Message) any { return m.Branch }, "t"},
		{"Via: SIP/2.0/UDP [2001:db8::1]:5060;received=2001:db8::2;rport;BRANCH=\"q\"", func(m *Message) any { return m.Branch }, "q"},
		{"User-Agent: \u5927\u505c\u96fb \x00", func(m *Message) any { return m.UserAgent }, "\u5927\u505c\u96fb \x00"},
	} {
		if got := c.got(mustParse(t, with(c.header))); got != c.want {
			t.Errorf("%q: got %#v, want %#v", c.header, got, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	p, m := NewParser(), new(Message)
	text := with("Contact: <sip:1@b>"+strings.Repeat(", <sip:2@b>", maxContacts), "User-Agent: "+strings.Repeat("u", 1000))
	text = strings.Replace(text, "Call-ID: x", "Call-ID: "+strings.Repeat("x", 5000), 1)
	if err := p.Parse([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	if len(m.Contacts) != maxContacts || p.Stats().ContactsCut != 1 {
		t.Errorf("%d contacts, %+v", len(m.Contacts), p.Stats())
	}
	if len(m.CallID) != maxIdentity || len(m.UserAgent) != maxName || p.Stats().ValuesCut != 1 {
		t.Errorf("Call-ID of %d, agent of %d bytes, %+v", len(m.CallID), len(m.UserAgent), p.Stats())
	}
	other := new(Message)
	if err := p.Parse([]byte(strings.Replace(text, "xx\r\n", "xy\r\n", 1)), other); err != nil || other.CallID == m.CallID {
		t.Errorf("%v: two long Call-IDs became one", err)
	}
	text = with(strings.Split(strings.Repeat("X: y\n", maxHeaders), "\n")[:maxHeaders]...)
	if err := p.Parse([]byte(text), m); !errors.Is(err, ErrCallID) || p.Stats().HeadersCut != 1 {
		t.Errorf("%v: headers beyond the bound were read, %+v", err, p.Stats())
	}
	for range 3 * maxNames {
		p.names.add(strings.Repeat("n", len(p.names)+1))
	}
	if len(p.names) > maxNames {
		t.Errorf("%d names are kept", len(p.names))
	}
}

// What a message keeps must not change with the buffer it came from, nor with
// the parser's next message.
func TestNoAliasing(t *testing.T) {
	p := NewParser()
	for _, c := range benchMessages {
		payload := []byte(c.text)
		m, want := new(Message), new(Message)
		if err := p.Parse(payload, m); err != nil {
			t.Fatal(err)
		}
		if err := NewParser().Parse([]byte(c.text), want); err != nil {
			t.Fatal(err)
		}
		for i := range payload {
			payload[i] = '#'
		}
		if err := p.Parse([]byte(with("Contact: <sip:zzzzzz@zzzzzz>")), new(Message)); err != nil {
			t.Fatal(err)
		}
		m.Body, want.Body, m.SDP, want.SDP = nil, nil, nil, nil
		if d := cmp.Diff(want, m); d != "" {
			t.Errorf("%s changed (-want +got):\n%s", c.name, d)
		}
	}
}

// Two allocations a message, for its text and for what is kept of it, and what
// pion needs for a session description.
func TestAllocations(t *testing.T) {
	for _, c := range []struct {
		text string
		max  float64
	}{{invite, 16}, {ringing, 2}, {answer, 16}, {bye, 2}, {register, 2}} {
		p, m, payload := NewParser(), new(Message), []byte(c.text)
		if got := testing.AllocsPerRun(100, func() {
			if err := p.Parse(payload, m); err != nil {
				t.Fatal(err)
			}
		}); got > c.max*forgetful {
			t.Errorf("%.20q: %v allocations, at most %v allowed", c.text, got, c.max)
		}
	}
	payload := []byte(invite)
	if got := testing.AllocsPerRun(100, func() { _ = IsSIP(payload) }); got != 0 {
		t.Errorf("IsSIP: %v allocations", got)
	}
}
