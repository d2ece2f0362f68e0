package netfilter

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/parse"
)

var (
	phone4 = netip.MustParseAddrPort("198.51.100.7:40000")
	phone6 = netip.MustParseAddrPort("[2001:db8:7::7]:40000")
)

// lines joins lines as SIP has them.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

const rest = "From: <sip:1@a>;tag=f\r\nTo: <sip:1@a>;tag=t\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"

func TestAnswer(t *testing.T) {
	tests := []struct {
		name    string
		src     netip.AddrPort
		request string
		want    string // "": none
		port    uint16
	}{
		{"whole", phone4, lines("REGISTER sip:a SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1", "Max-Forwards: 70",
			`From: "Anne, the \"one\"" <sip:1@a>;tag=f`, "To: <sip:1@a>;tag=t", "Call-ID: c@d", "CSeq: 7 REGISTER", "Contact: <sip:1@198.51.100.7>",
			"Authorization: Digest username=1", "Content-Length: 0", ""),
			lines("SIP/2.0 403 Forbidden", "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1",
				`From: "Anne, the \"one\"" <sip:1@a>;tag=f`, "To: <sip:1@a>;tag=t", "Call-ID: c@d", "CSeq: 7 REGISTER", "Content-Length: 0", ""), 5060},
		{"rport", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=b;rport\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP 10.0.0.1;branch=b;rport=40000;received=198.51.100.7", 40000},
		{"rport first, and no difference", phone4, "REGISTER sip:a SIP/2.0\r\nv: SIP/2.0/UDP 198.51.100.7:40000 ; rport ; branch=b\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP 198.51.100.7:40000;rport=40000;branch=b;received=198.51.100.7", 40000},
		{"rport and received are the server's", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;RPORT=1;Received=192.0.2.9;branch=b\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP 10.0.0.1;rport=40000;branch=b;received=198.51.100.7", 40000},
		{"sent-by without a port", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP phone.example;branch=b\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP phone.example;branch=b;received=198.51.100.7", 5060},
		{"sent-by with one", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP / 2.0 / UDP  phone.example: 5090 ;branch=b\r\n" + rest + "\r\n",
			"Via: SIP / 2.0 / UDP  phone.example: 5090;branch=b;received=198.51.100.7", 5090},
		{"IPv6", phone6, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8:7::7]:5090;branch=b\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP [2001:db8:7::7]:5090;branch=b", 5090},
		{"IPv6 behind a NAT", phone6, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP [fd00::1];rport;branch=b\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP [fd00::1];rport=40000;branch=b;received=2001:db8:7::7", 40000},
		{"several Vias in order", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;rport;x=\"1,2;3\" , SIP/2.0/UDP b;rport\r\nX: y\r\nv:SIP/2.0/TCP c\r\n" + rest + "\r\n",
			"Via: SIP/2.0/UDP a;rport=40000;x=\"1,2;3\";received=198.51.100.7, SIP/2.0/UDP b;rport\r\nVia: SIP/2.0/TCP c\r\nFrom", 40000},
		{"folded", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP\r\n 10.0.0.1\r\n\t;rport\r\n" + strings.Replace(rest, "c\r\n", "c\r\n \t d\r\n", 1) + "\r\n",
			"Via: SIP/2.0/UDP 10.0.0.1;rport=40000;received=198.51.100.7\r\nFrom: <sip:1@a>;tag=f\r\nTo: <sip:1@a>;tag=t\r\nCall-ID: c d\r\nCSeq", 40000},
		{"bare line ends, odd start line", phone4, "\r\n REGISTER  sip:a\nVia: SIP/2.0/UDP a;rport\n" + strings.ReplaceAll(rest, "\r", ""),
			"Via: SIP/2.0/UDP a;rport=40000;received=198.51.100.7\r\n", 40000},
		{"twice: the first counts", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;rport\r\n" + rest + "t: <sip:2@a>\r\nCSeq: 9 X\r\n\r\n",
			"To: <sip:1@a>;tag=t\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n", 40000},

		{"no Via", phone4, "REGISTER sip:a SIP/2.0\r\n" + rest + "\r\n", "", 0},
		{"empty Via", phone4, "REGISTER sip:a SIP/2.0\r\nVia: \r\n" + rest + "\r\n", "", 0},
		{"Via without sent-by", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP;rport\r\n" + rest + "\r\n", "", 0},
		{"port that is none", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a:99999\r\n" + rest + "\r\n", "", 0},
		{"port 0", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a:0\r\n" + rest + "\r\n", "", 0},
		{"no To", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + strings.Replace(rest, "To", "Too", 1) + "\r\n", "", 0},
		{"no CSeq", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + strings.Replace(rest, "CSeq", "X", 1) + "\r\n", "", 0},
		{"control character", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + strings.Replace(rest, "c\r\n", "c\x00\r\n", 1) + "\r\n", "", 0},
		{"lone CR", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\rVia: x\r\n" + rest + "\r\n", "", 0},
		{"headers of the body", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n" + rest, "", 0},
		{"too many Vias", phone4, "REGISTER sip:a SIP/2.0\r\n" + strings.Repeat("Via: SIP/2.0/UDP a\r\n", maxVias+1) + rest + "\r\n", "", 0},
		{"too long", phone4, "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;x=" + strings.Repeat("x", maxAnswer) + "\r\n" + rest + "\r\n", "", 0},
		{"one line", phone4, "REGISTER sip:a SIP/2.0", "", 0},
	}
	for _, tc := range tests {
		var a answerer
		got, port, ok := a.answer([]byte(tc.request), tc.src)
		if !ok {
			got = nil
		}
		if ok != (tc.want != "") || !strings.Contains(string(got), tc.want) || tc.port != 0 && port != tc.port {
			t.Errorf("%s: port %d\n got %q\nwant %q", tc.name, port, got, tc.want)
		}
		if ok {
			parses(t, got)
		}
	}
}

// parses has an answer read by two parsers.
func parses(t *testing.T, b []byte) {
	t.Helper()
	var m parse.Message
	if err := parse.NewParser().Parse(b, &m); err != nil || m.Status != 403 || m.Phrase != "Forbidden" {
		t.Errorf("%q: %v, status %d %q", b, err, m.Status, m.Phrase)
	}
	if !bytes.HasSuffix(b, []byte("\r\nContent-Length: 0\r\n\r\n")) || bytes.Count(b, []byte("\r\n\r\n")) != 1 {
		t.Errorf("%q does not end where it should", b)
	}
}

// TestAnswerSIPgo: an answer to an ordinary phone is one to a parser of others' making, too.
func TestAnswerSIPgo(t *testing.T) {
	var a answerer
	got, _, ok := a.answer([]byte(registration("9000", phone4)), phone4)
	if !ok {
		t.Fatal("no answer")
	}
	m, err := sip.ParseMessage(got)
	check(t, err)
	r, is := m.(*sip.Response)
	of := func(p sip.HeaderParams, name string) string { v, _ := p.Get(name); return v }
	if !is || r.StatusCode != 403 || of(r.Via().Params, "rport") != "40000" || of(r.Via().Params, "received") != "198.51.100.7" ||
		r.CallID().Value() != "c9000" || r.CSeq().MethodName != sip.REGISTER || len(of(r.To().Params, "tag")) != 16 || of(r.From().Params, "tag") != "f1" {
		t.Errorf("%s", got)
	}
}

// TestTag: a retransmission gets the very same answer; another transaction,
// another source and another agent get another tag.
func TestTag(t *testing.T) {
	text := registration("9000", phone4)
	tag := func(key byte, text string, src netip.AddrPort) string {
		a := answerer{key: [32]byte{key}}
		out, _, _ := a.answer([]byte(text), src)
		var m parse.Message
		if err := parse.NewParser().Parse(out, &m); err != nil || m.ToTag == "" {
			t.Errorf("%q: %v", out, err)
		}
		return m.ToTag
	}
	first := tag(1, text, phone4)
	if again := tag(1, text, phone4); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	seen := map[string]string{first: "first"}
	for name, other := range map[string]string{
		"key":    tag(2, text, phone4),
		"source": tag(1, text, phone6),
		"branch": tag(1, strings.Replace(text, "z9hG4bK", "z9hG4bKx", 1), phone4),
		"CSeq":   tag(1, strings.Replace(text, "1 REG", "2 REG", 1), phone4),
		"Call":   tag(1, strings.Replace(text, "Call-ID: c", "Call-ID: d", 1), phone4),
	} {
		if old, dup := seen[other]; dup {
			t.Errorf("%s and %s have one tag", name, old)
		}
		seen[other] = name
	}
	for to, want := range map[string]bool{
		"<sip:1@a>": false, "<sip:1@a;tag=x>": false, "<sip:1@a>;tag=x": true, "sip:1@a;tag=x": true, "<sip:1@a> ; TAG = x": true,
		"sip:1@a": false, "<sip:1@a>;x=tag": false, `"tag=1;tag=2" <sip:1@a>`: false, "": false,
	} {
		if got := hasTag([]byte(to)); got != want {
			t.Errorf("tag in %q: %v", to, got)
		}
	}
}

func TestAnswerAllocations(t *testing.T) {
	text := []byte(registration("9000", phone4))
	var a answerer
	if n := testing.AllocsPerRun(100, func() { a.answer(text, phone4) }); n > 3 {
		t.Errorf("%v allocations an answer", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	text := []byte(registration("9000", phone4))
	var a answerer
	b.ReportAllocs()
	for b.Loop() {
		a.answer(text, phone4)
	}
}

// FuzzAnswer: whatever comes, an answer is one message with the status and the
// headers of ours, not much larger than the request.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(registration("9000", phone4)))
	f.Add([]byte("REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP\r\n [::1]:1\r\n\t;rport;received=\";\" , x\r\n" + rest + "\r\n"))
	f.Add([]byte("REGISTER sip:a SIP/2.0\r\nv: SIP/2.0/UDP a\rVia: x\r\n" + rest))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := answerer{key: [32]byte{1}}
		out, port, ok := a.answer(b, phone6)
		if !ok {
			return
		}
		if port == 0 || len(out) > maxAnswer || len(out) > len(b)+maxGrowth {
			t.Fatalf("%d bytes to port %d for %d", len(out), port, len(b))
		}
		head, tail, _ := strings.Cut(string(out), "\r\n")
		if head != "SIP/2.0 403 Forbidden" || !strings.HasSuffix(tail, "\r\nContent-Length: 0\r\n\r\n") {
			t.Fatalf("%q", out)
		}
		var names []string
		for line := range strings.SplitSeq(strings.TrimSuffix(tail, "\r\n\r\n"), "\r\n") {
			name, _, found := strings.Cut(line, ": ")
			if !found || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q of %q", line, out)
			}
			if name != "Via" || len(names) == 0 || names[len(names)-1] != "Via" {
				names = append(names, name)
			}
		}
		if diff := cmp.Diff([]string{"Via", "From", "To", "Call-ID", "CSeq", "Content-Length"}, names); diff != "" {
			t.Fatalf("%q: %s", out, diff)
		}
		again, _, _ := a.answer(bytes.Clone(b), phone6)
		if string(again) != string(out) {
			t.Fatalf("%q, then %q", out, again)
		}
	})
}
