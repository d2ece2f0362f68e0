package parse

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// tortureCase is a message with the trait that an RFC's test message of that
// name has. err is nil when it parses; what is read then is in the golden file.
type tortureCase struct {
	name, trait string
	err         error
	text        string
}

// tortureSDP is the session description that RFC 4475 puts into most INVITEs.
var tortureSDP = lines("v=0", "o=mhandley 29739 7272939 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1",
	"t=0 0", "m=audio 49217 RTP/AVP 0 12", "m=video 3227 RTP/AVP 31", "a=rtpmap:31 LPC")

// torture joins a message out of its start line, its headers and what every
// message needs and the trait does not touch.
func torture(name, start string, headers ...string) string {
	l := append([]string{start}, headers...)
	has := func(h string) bool {
		return strings.Contains(strings.ToLower("\r\n"+strings.Join(l, "\r\n")), "\r\n"+h)
	}
	for _, h := range [][2]string{
		{"call-id", name + ".one@example.net"},
		{"from", "sip:caller@example.net;tag=" + name},
		{"to", "sip:user@example.com"},
		{"cseq", "8 " + strings.Fields(start)[0]},
		{"via", "SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw"},
	} {
		if !has(h[0]) {
			l = append(l, h[0]+": "+h[1])
		}
	}
	return lines(append(l, "")...)
}

func withSDP(name, start string, headers ...string) string {
	return torture(name, start, append(headers, "Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(tortureSDP)))...) + tortureSDP
}

var rfc4475 = []tortureCase{
	// Section 3.1.1: valid messages.
	{"wsinv", "blanks and folds wherever the grammar allows them", nil, lines(
		"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
		"TO :", " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
		`from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>`, "  ;", "  tag = 98asjd8",
		"MaX-fOrWaRdS: 0068", "Call-ID: wsinv.ndaksdj@192.0.2.1", "Content-Length   : 150",
		"cseq: 0009", "  INVITE", "Via  : SIP  /   2.0", " /UDP", "    192.0.2.2;branch=390skdjuw", "s :",
		"NewFangledHeader:   newfangled value", " continued newfangled value",
		"UnknownHeaderWithUnusualValue: ;;,,;;,;", "Content-Type: application/sdp",
		"Route:", " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
		"v:  SIP  / 2.0  / TCP     spindle.example.com   ;", "  branch  =   z9hG4bK9ikj8  ,",
		" SIP  /    2.0   / UDP  192.168.255.111   ; branch=", " z9hG4bK30239",
		`m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =`, "      newvalue ;",
		"  secondparam ; q = 0.33", "") + tortureSDP},
	{"intmeth", "every character that a token, a user and a Call-ID may have", nil, torture("intmeth",
		"!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
		"To: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>",
		"From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
		`Call-ID: intmeth.word%ZK-!.*_+'@word`+"`"+`~)(><:\/"][?}{`,
		"extensionHeader-!.%*+_`'~:\ufeff大停電")},
	{"esc01", "escapes in URIs; an escape in a name is no escape", nil, withSDP("esc01",
		"INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
		"To: sip:%75se%72@example.com", "From: <sip:I%20have%20spaces@example.net>;tag=938",
		"Contact:", "  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>")},
	{"escnull", "escaped NULs in users", nil, torture("escnull", "REGISTER sip:example.com SIP/2.0",
		"To: sip:null-%00-null@example.com", "From: sip:null-%00-null@example.com;tag=839923423",
		"Contact: <sip:%00@host5.example.com>", "Contact: <sip:%00%00@host5.example.com>", "L:0")},
	{"esc02", "% where it is no escape: another method, another header", nil, torture("esc02",
		"RE%47IST%45R sip:registrar.example.com SIP/2.0",
		`To: "%Z%45" <sip:resource@example.com>`, `From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23`,
		"CSeq: 29344 RE%47IST%45R", "Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234",
		"Contact: <sip:alias1@host1.example.com>", "C%6Fntact: <sip:alias2@host2.example.com>",
		"Contact: <sip:alias3@host3.example.com>")},
	{"lwsdisp", "no blank between name and <", nil, torture("lwsdisp", "OPTIONS sip:user@example.com SIP/2.0",
		"From: caller<sip:caller@example.com>;tag=323")},
	{"longreq", "values far longer than usual", nil, withSDP("longreq", "INVITE sip:user@example.com SIP/2.0",
		`To: "I have a user name of `+strings.Repeat("extreme", 10)+` proportion"<sip:user@example.com:6000;unknownparam1=very`+
			strings.Repeat("long", 20)+"value;longparam"+strings.Repeat("name", 25)+"=shortvalue>",
		"F: sip:"+strings.Repeat("amazinglylongcallername", 5)+"@example.net;tag=12"+strings.Repeat("982", 50)+"424;unknownheaderparam"+
			strings.Repeat("name", 20)+"=unknowheaderparam"+strings.Repeat("value", 15)+";unknownValueless"+strings.Repeat("paramname", 10),
		"Call-ID: longreq.one"+strings.Repeat("really", 20)+"longcallid", "CSeq: 3882340 INVITE",
		"Unknown-"+strings.Repeat("Long", 20)+"-Name: unknown-"+strings.Repeat("long", 20)+"-value; unknown-"+strings.Repeat("long", 20)+"-parameter-name = "+strings.Repeat("long", 20),
		"Via: SIP/2.0/TCP sip33.example.com", "v: SIP/2.0/TCP sip32.example.com", "V: SIP/2.0/TCP sip31.example.com",
		"Via: SIP/2.0/TCP sip30.example.com", "ViA: SIP/2.0/TCP sip29.example.com", "VIa: SIP/2.0/TCP sip28.example.com",
		"Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very"+strings.Repeat("long", 50)+"branchvalue")},
	{"dblreq", "a second message behind the body: ignored", nil, torture("dblreq", "REGISTER sip:example.com SIP/2.0",
		"I: dblreq.0ha0isndaksdj99sdfafnl3lk233412", "Content-Length: 0") +
		"\r\n" + withSDP("dblreq2", "INVITE sip:joe@example.com SIP/2.0")},
	{"semiuri", "a semicolon inside the user", nil, torture("semiuri",
		"OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0")},
	{"transports", "Vias of every transport, known or not", nil, torture("transports",
		"OPTIONS sip:user@example.com SIP/2.0", "Call-ID:  transports.kijh4akdnaqjkwendsasfdj",
		"Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw", "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
		"Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj", "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
		"Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee")},
	{"mpart01", "a multipart body with a binary part", nil, torture("mpart01", "MESSAGE sip:kumiko@example.org SIP/2.0",
		"Content-Type: multipart/mixed;boundary=7a9cbec02ceef655") +
		"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n0\x82\x01\x52\x06\x00\xff\r\n--7a9cbec02ceef655--\r\n"},
	{"unreason", "a reason phrase in UTF-8", nil, torture("unreason",
		"SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое", "CSeq: 35 INVITE", "To: sip:user@example.edu;tag=2229",
		"Content-Type: application/sdp") + tortureSDP},
	{"noreason", "an empty reason phrase", nil, torture("noreason", "SIP/2.0 100 ", "CSeq: 35 INVITE")},

	// Section 3.1.2: invalid messages.
	{"badinv01", "empty parameters and values: Via and Contact are read as far as they go", nil, withSDP("badinv01",
		"INVITE sip:user@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.15;;,;,,", `Contact: "Joe" <sip:joe@example.org>;;;;`)},
	{"clerr", "Content-Length beyond the datagram: the body is what there is", nil, torture("clerr",
		"INVITE sip:user@example.com SIP/2.0", "Content-Type: application/sdp", "Content-Length: 9999") + tortureSDP},
	{"ncl", "a negative Content-Length says nothing", nil, torture("ncl", "INVITE sip:user@example.com SIP/2.0",
		"CSeq: 0 INVITE", "Content-Type: application/sdp", "Content-Length: -999") + tortureSDP},
	{"scalar02", "CSeq beyond 2^31-1", ErrCSeq, torture("scalar02", "REGISTER sip:example.com SIP/2.0",
		"CSeq: 36893488147419103232 REGISTER", "Expires: 1"+strings.Repeat("0", 100), "Contact: <sip:user@host129.example.com>", "  ;expires=280297596632815")},
	{"scalarlg", "CSeq beyond 2^31-1 in a response", ErrCSeq, torture("scalarlg", "SIP/2.0 503 Service Unavailable",
		"CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304023988")},
	{"quotbal", "a quote that never closes: the brackets still hold the URI", nil, withSDP("quotbal",
		"INVITE sip:user@example.com SIP/2.0", `To: "Mr. J. User <sip:j.user@example.com>`)},
	{"ltgtruri", "brackets around the Request-URI: dropped", nil, withSDP("ltgtruri", "INVITE <sip:user@example.com> SIP/2.0")},
	{"lwsruri", "a blank inside the Request-URI", ErrStartLine, withSDP("lwsruri", "INVITE sip:user@example.com; lr SIP/2.0")},
	{"lwsstart", "two blanks in the start line", ErrStartLine, withSDP("lwsstart", "INVITE  sip:user@example.com  SIP/2.0")},
	{"trws", "blanks behind the version", ErrStartLine, torture("trws", "OPTIONS sip:remote-target@example.com SIP/2.0  ")},
	{"escruri", "headers in the Request-URI: ignored", nil, withSDP("escruri",
		"INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0")},
	{"baddate", "a Date that is not in GMT: not read", nil, withSDP("baddate", "INVITE sip:user@example.com SIP/2.0",
		"Date: Fri, 01 Jan 2010 16:00:00 EST")},
	{"regbadct", "headers in a Contact without brackets: ignored", nil, torture("regbadct", "REGISTER sip:example.com SIP/2.0",
		"Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E")},
	{"badaspec", "blanks inside the brackets", nil, torture("badaspec", "OPTIONS sip:user@example.org SIP/2.0",
		`From: "Bell, Alexander" <sip:a.g.bell@example.com>;tag=433423`, `To: "Watson, Thomas" < sip:t.watson@example.org >`)},
	{"baddn", "a comma in a display name without quotes", nil, torture("baddn", "OPTIONS sip:t.watson@example.org SIP/2.0",
		"From:    Bell, Alexander <sip:a.g.bell@example.com>;tag=43", "To:      Watson, Thomas <sip:t.watson@example.org>")},
	{"badvers", "a version that does not exist", ErrVersion, torture("badvers", "OPTIONS sip:t.watson@example.org SIP/7.0")},
	{"mismatch01", "CSeq names another method: the start line counts", nil, torture("mismatch01",
		"OPTIONS sip:user@example.com SIP/2.0", "CSeq: 8 INVITE")},
	{"mismatch02", "the same with an unknown method", nil, torture("mismatch02", "NEWMETHOD sip:user@example.com SIP/2.0", "CSeq: 8 INVITE")},
	{"bigcode", "a status code of ten digits", ErrStartLine, torture("bigcode",
		"SIP/2.0 4294967301 better not break the receiver", "CSeq: 353494 INVITE")},

	// Sections 3.2 to 3.4: well-formed, but not to be accepted by an endpoint.
	{"badbranch", "a branch that is the magic cookie alone", nil, torture("badbranch", "OPTIONS sip:user@example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK")},
	{"insuf", "no Call-ID, no From, no To", ErrCallID, lines("INVITE sip:user@example.com SIP/2.0", "CSeq: 193942 INVITE",
		"Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf", "Content-Type: application/sdp", "") + tortureSDP},
	{"unkscm", "an unknown scheme in the Request-URI", nil, torture("unkscm",
		"OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")},
	{"novelsc", "a known scheme that is not SIP's", nil, torture("novelsc", "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0")},
	{"unksm2", "unknown schemes in To, From and Contact", nil, torture("unksm2", "REGISTER sip:example.com SIP/2.0",
		"To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:John_Smith>")},
	{"bext01", "unknown Require and Proxy-Require: not read", nil, torture("bext01", "OPTIONS sip:user@example.com SIP/2.0",
		"Require: nothingSupportsThis, nothingSupportsThisEither")},
	{"invut", "an unknown content type", nil, torture("invut", "INVITE sip:user@example.com SIP/2.0",
		"Content-Type: application/unknownformat", "Content-Length: 40") + "<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n"},
	{"regaut01", "an unknown authorization scheme", nil, torture("regaut01", "REGISTER sip:example.com SIP/2.0",
		"Authorization: NoOneKnowsThisScheme opaque-data=here")},
	{"multi01", "headers twice that may stand once: the first counts", nil, withSDP("multi01", "INVITE sip:user@company.com SIP/2.0",
		"CSeq: 5 INVITE", "Call-ID: multi01.98asdh@192.0.2.1", "CSeq: 59 INVITE", "Call-ID: multi01.98asdh@192.0.2.2",
		"From: sip:caller@example.com;tag=3413415", "To: sip:user@example.com", "To: sip:other@example.net",
		"From: sip:caller@example.net;tag=2923420123", "Contact: <sip:caller@host25.example.net>", "Contact: <sip:caller@host36.example.net>")},
	{"mcl01", "two Content-Lengths: the first counts", nil, torture("mcl01", "OPTIONS sip:user@example.com SIP/2.0",
		"Content-Length: 13", "Content-Length: 5", "Content-Type: text/plain") + "There's no way to know how many octets are supposed to be here.\r\n"},
	{"bcast", "a response with a broadcast address in its second Via", nil, torture("bcast", "SIP/2.0 200 OK", "CSeq: 35 INVITE",
		"Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23")},
	{"zeromf", "Max-Forwards of 0: not read", nil, torture("zeromf", "OPTIONS sip:user@example.com SIP/2.0", "Max-Forwards: 0")},
	{"cparam01", "a Contact parameter without brackets", nil, torture("cparam01", "REGISTER sip:example.com SIP/2.0",
		"Contact: sip:+19725552222@gw1.example.net;unknownparam")},
	{"cparam02", "the same parameter of the URI", nil, torture("cparam02", "REGISTER sip:example.com SIP/2.0",
		"Contact: <sip:+19725552222@gw1.example.net;unknownparam>")},
	{"regescrt", "a Route escaped in a Contact", nil, torture("regescrt", "REGISTER sip:example.com SIP/2.0",
		"M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>", "L:0")},
	{"sdp01", "an Accept that excludes SDP: not read", nil, withSDP("sdp01", "INVITE sip:user@example.com SIP/2.0",
		"Accept: text/nobodyKnowsThis")},
	{"inv2543", "an INVITE of RFC 2543: no tag, no branch, no Content-Length", nil, torture("inv2543",
		"INVITE sip:UserB@example.com SIP/2.0", "Via: SIP/2.0/UDP iftgw.example.com",
		"From: <sip:+13035551111@ift.client.example.net;user=phone>",
		"To: sip:+16505552222@ss1.example.net;user=phone", "Content-Type: application/sdp") + tortureSDP},
}

var rfc5118 = []tortureCase{
	{"ipv6-good", "4.1: an IPv6 reference everywhere", nil, torture("ipv6-good", "REGISTER sip:[2001:db8::10] SIP/2.0",
		"To: sip:user@example.com", "From: sip:user@example.com;tag=81x2", "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
		`Contact: "Caller" <sip:caller@[2001:db8::1]>`)},
	{"ipv6-bad", "4.2: an IPv6 address without brackets: taken as the host", nil, torture("ipv6-bad", "REGISTER sip:2001:db8::10 SIP/2.0",
		`Contact: "Caller" <sip:caller@[2001:db8::1]>`)},
	{"port-ambiguous", "4.3: a port that may be part of the address", nil, torture("port-ambiguous", "REGISTER sip:[2001:db8::10:5070] SIP/2.0")},
	{"port-unambiguous", "4.4: a port behind the brackets", nil, torture("port-unambiguous", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0",
		`Contact: "Caller" <sip:caller@[2001:db8::1]:5070>`)},
	{"via-received-param-with-delim", "4.5: received with brackets", nil, torture("via-received-param-with-delim", "BYE sip:[2001:db8::10] SIP/2.0",
		"Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111")},
	{"via-received-param-no-delim", "4.5: received without brackets", nil, torture("via-received-param-no-delim", "OPTIONS sip:[2001:db8::10] SIP/2.0",
		"Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3")},
	{"ipv6-in-sdp", "4.6: IPv6 in the session description", nil, torture("ipv6-in-sdp", "INVITE sip:user@[2001:db8::10] SIP/2.0",
		"Contact: <sip:user@[2001:db8::20]>", "Content-Type: application/sdp") +
		lines("v=0", "o=assistant 971731711378798081 0 IN IP6 2001:db8::20", "s=Live video feed for today's meeting",
			"c=IN IP6 2001:db8::20", "t=3338481189 3370017201", "m=audio 6000 RTP/AVP 2", "a=rtpmap:2 G726-32/8000",
			"m=video 6024 RTP/AVP 107", "a=rtpmap:107 H263-1998/90000")},
	{"mult-ip-in-header", "4.7: addresses of both families in the headers", nil, torture("mult-ip-in-header", "BYE sip:user@host.example.net SIP/2.0",
		"Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
		"Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200")},
	{"mult-ip-in-sdp", "4.8: addresses of both families in the session description", nil, torture("mult-ip-in-sdp", "INVITE sip:user@[2001:db8::10] SIP/2.0",
		"Content-Type: application/sdp") +
		lines("v=0", "o=bob 280744730 28977631 IN IP4 host.example.com", "s=", "t=0 0",
			"m=audio 22334 RTP/AVP 0", "c=IN IP4 192.0.2.1", "m=video 6024 RTP/AVP 107", "c=IN IP6 2001:db8::1", "a=rtpmap:107 H263-1998/90000")},
	{"ipv4-mapped-ipv6", "4.9: IPv4-mapped IPv6 addresses are IPv4 addresses", nil, torture("ipv4-mapped-ipv6", "INVITE sip:user@example.com SIP/2.0",
		"Contact: <sip:caller@[::ffff:192.0.2.2]>", "Content-Type: application/sdp") +
		lines("v=0", "o=bob 280744730 28977631 IN IP4 host.example.com", "s=", "t=0 0",
			"m=audio 22334 RTP/AVP 0", "c=IN IP4 192.0.2.2", "m=video 6024 RTP/AVP 107", "c=IN IP6 ::ffff:192.0.2.2")},
	{"ipv6-bug-abnf-3-colons", "4.10: three colons, which the grammar of RFC 3261 allowed", nil, torture("ipv6-bug-abnf-3-colons",
		"OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0")},
}

func TestTorture(t *testing.T) {
	for _, rfc := range []struct {
		name  string
		cases []tortureCase
	}{{"rfc4475", rfc4475}, {"rfc5118", rfc5118}} {
		t.Run(rfc.name, func(t *testing.T) {
			var got strings.Builder
			for _, c := range rfc.cases {
				m := new(Message)
				err := NewParser().Parse([]byte(c.text), m)
				if !errors.Is(err, c.err) {
					t.Errorf("%s (%s): error %v, want %v", c.name, c.trait, err, c.err)
				}
				if !IsSIP([]byte(c.text)) && !errors.Is(c.err, ErrStartLine) {
					t.Errorf("%s: not recognised as SIP", c.name)
				}
				fmt.Fprintf(&got, "# %s: %s\n%s\n", c.name, c.trait, dump(m, err))
			}
			golden(t, "testdata/"+rfc.name+".golden", got.String())
		})
	}
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", file, d)
	}
}

// dump prints what was read of a message.
func dump(m *Message, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	if m.Request() {
		fmt.Fprintf(&b, "method %d uri %s", m.Method, dumpURI(m.RequestURI))
	} else {
		fmt.Fprintf(&b, "status %d %q method %d", m.Status, m.Phrase, m.Method)
	}
	fmt.Fprintf(&b, " cseq %d call-id %q\n", m.CSeq, m.CallID)
	fmt.Fprintf(&b, "from %s tag %q to %s tag %q vias %d branch %q\n",
		dumpURI(m.From), m.FromTag, dumpURI(m.To), m.ToTag, m.Vias, m.Branch)
	for _, c := range m.Contacts {
		fmt.Fprintf(&b, "contact %s port %d star %t expires %d\n", dumpURI(c.URI), c.Port, c.Star, c.Expires)
	}
	if m.AuthUser != "" || m.Expires >= 0 || m.Digit != 0 {
		fmt.Fprintf(&b, "auth %q expires %d digit %q\n", m.AuthUser, m.Expires, m.Digit)
	}
	if len(m.Body) > 0 {
		fmt.Fprintf(&b, "body %d bytes\n", len(m.Body))
	}
	if m.SDP != nil {
		for _, d := range m.SDP.Media {
			fmt.Fprintf(&b, "media %d rtp %s rtcp %s %s/%d\n", d.Kind, d.RTP, d.RTCP, d.Codec, d.ClockHz)
		}
	}
	return b.String()
}

func dumpURI(u URI) string { return fmt.Sprintf("%q@%q", u.User, u.Host) }
