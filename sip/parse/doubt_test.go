package parse

import (
	"strings"
	"testing"
)

// registering is a REGISTER in which the given To and further headers stand.
func registering(to string, more ...string) string {
	l := append([]string{"REGISTER sip:pbx.example SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa",
		"From: <sip:1005@pbx.example>;tag=x", "Call-ID: a", "CSeq: 1 REGISTER", "To: " + to}, more...)
	return strings.Join(l, "\r\n") + "\r\n\r\n"
}

// TestWhatProgramsTakeApartDifferently has REGISTERs that took a number from
// another customer: Kamailio 5.6 registers 2001 with most of them, while what
// stands first here reads as a removal, or as another number.
func TestWhatProgramsTakeApartDifferently(t *testing.T) {
	const to, contact = "<sip:2001@pbx.example>", "Contact: <sip:a@192.0.2.7>"
	for name, text := range map[string]string{
		"an escaped zero":                       registering(to, contact+`;expires="\0"`),
		"a blank within quotes":                 registering(to, contact+`;expires="0 "`),
		"a fold within quotes":                  registering(to, contact+";expires=\"0\r\n \""),
		"a zero that overflows":                 registering(to, contact+`;expires=00000000000`),
		"a zero that overflows in the header":   registering(to, contact, "Expires: 00000000000"),
		"a blank of Unicode":                    registering(to, contact+";expires=0\u00a0"),
		"a blank of Unicode in the header":      registering(to, contact, "Expires: 0\u00a0"),
		"a contact that is no address to us":    registering(to, contact+";expires=0, x;expires=60"),
		"one in brackets":                       registering(to, contact+";expires=0, <x>"),
		"a contact that begins with a comma":    registering(to, "Contact: ,<sip:a@192.0.2.7>;expires=0"),
		"a colon in a name without quotes":      registering(to, "Contact: x sip:<sip:a@192.0.2.7>;expires=0"),
		"two words without brackets":            registering(to, "Contact: x\r\n sip:a@192.0.2.7;expires=0"),
		"a vertical tab":                        registering(to, contact+";expires=0\v"),
		"headers that end at a CR":              registering(to, contact, "\rX: y", "Expires: 0"),
		"headers that end at a folded CR":       registering(to, contact, "X: y", "\r Z: z", "Expires: 0"),
		"a CR within a line":                    registering(to, contact, "X: y\rExpires: 0"),
		"headers that end at two CRs":           strings.Replace(registering(to, contact, "Expires: 0"), "@pbx.example>\r\nContact", "@pbx.example>\r\r\nContact", 1),
		"headers that end at many CRs":          registering(to, contact, "X: y\r\r\r", "Expires: 0"),
		"a NUL":                                 registering(to, contact, "X: \x00", "Expires: 0"),
		"a line without a colon":                registering(to, contact, "X", "Expires: 0"),
		"a header without a name":               registering(to, contact, ": x", "Expires: 0"),
		"a fold of blanks":                      registering(to, contact, "X: y", " \t", "Expires: 0"),
		"a fold behind the start line":          strings.Replace(registering(to, contact), "Via", " Expires: 0\r\nVia", 1),
		"no end":                                strings.TrimSuffix(registering(to, contact, "Expires: 0"), "\r\n"),
		"quotes within brackets":                registering(to, `Contact: <sip:a"b@192.0.2.7>;expires=0;x=,<sip:d"e@192.0.2.7>`),
		"a bracket within quotes within one":    registering(to, `Contact: <sip:a@192.0.2.7;x=">;expires=0;x=">;expires=3600`),
		"single quotes":                         registering(to, contact+`;x=';expires=0;y='`),
		"a quote within a value":                registering(to, contact+`;expires=0;x=a"b, <sip:z@192.0.2.7>;y="`),
		"a quote that a backslash may keep":     registering(to, contact+`;x="\\";expires=3600;y="\\";expires=0`),
		"a quote that never closes":             registering(to, contact+`;expires=0;x="`),
		"brackets in a parameter":               registering(to, `Contact: sip:a@192.0.2.7;expires=3600;x=<sip:c@192.0.2.7>;expires=0`),
		"a bracket in a parameter":              registering(to, `Contact: sip:a@192.0.2.7;x=<;expires=0,<sip:z@192.0.2.7>`),
		"two addresses in one contact":          registering(to, `Contact: <sip:a@192.0.2.7> <sip:c@192.0.2.7>;expires=0`),
		"brackets in a parameter of To":         registering(`sip:2001@pbx.example;x=<sip:1005@pbx.example>`),
		"two addresses in To":                   registering(to + ` <sip:1005@pbx.example>`),
		"two values of To":                      registering(to + `, <sip:1005@pbx.example>`),
		"a name in quotes without an address":   registering(`"x" sip:2001@pbx.example;x=<sip:1005@pbx.example>`),
		"a quote in the middle of the name":     registering(`a"b <sip:2001@pbx.example>" <sip:1005@pbx.example>`),
		"a host in a tel URI":                   registering("<tel:x@2001>"),
		"a host in a parameter of a tel URI":    registering("<tel:1005;x=y@2001>"),
		"a port in a tel URI":                   registering("TEL:2001:5060"),
		"another scheme":                        registering("<urn:2001:x>"),
		"two words within brackets":             registering("<sip:2001@pbx.example tel:+1005>"),
		"a name that a backslash may not close": registering(`"a\\" <sip:2001@pbx.example>;x="" <sip:1005@pbx.example>`),
	} {
		m := new(Message)
		if err := NewParser().Parse([]byte(text), m); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !m.Ambiguous {
			t.Errorf("%s: To %v, contacts %+v, Expires %d", name, m.To, m.Contacts, m.Expires)
		}
	}
}

// TestWhatPhonesSend is read by everybody in one way.
func TestWhatPhonesSend(t *testing.T) {
	for _, to := range []string{
		"<sip:1005@pbx.example>", "sip:1005@pbx.example", `"Bob" <sip:1005@pbx.example>`, `"J \"Bob\" R" <sip:1005@pbx.example;user=phone>`,
		"Bob O'Hara <sip:1005@pbx.example>", `"1005"<sip:1005@[2001:db8::1]:5060>;x="y, z";q=1`, "sip:1005@pbx.example;tag=a", "<tel:+49301234567>", "<tel:1005;phone-context=+49-30>",
		"1005@pbx.example <sip:1005@pbx.example>", "\"\u00dcber\" <sip:1005@pbx.example> ;tag = 1", "<sip:1005@pbx.example>\r\n ;tag=a",
	} {
		for _, contact := range []string{
			"<sip:1005@192.0.2.7:5060>", "*", "sip:1005@192.0.2.7;expires=60", "\"Bob\" <sip:1005@192.0.2.7>;q=0.5;expires=\"60\"",
			`<sip:1005@192.0.2.7;transport=TLS;ob>;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";+sip.ice`,
			`<sip:1005@[2001:db8::7]>;+sip.instance=<urn:uuid:1> ;expires = 60`, `<sip:a@192.0.2.7>, "x, y" <sip:b@192.0.2.7>;expires=0`,
			"Doe, John <sip:a@192.0.2.7>", "<sip:a@192.0.2.7>, ", "a@192.0.2.7;expires=0",
			`<sip:a@192.0.2.7>;methods="INVITE, ACK, BYE";audio;description="<a;b>";+sip.instance="\"<urn:uuid:1>\""`,
			"<sip:a@192.0.2.7>;expires=", "<sip:a@192.0.2.7>;expires=soon", "<sip:a@192.0.2.7;x=a,b>;q=1,\r\n <sip:b@192.0.2.7?X=%22>",
		} {
			text := registering(to, "Contact: "+contact, "Expires: 3600", "User-Agent: A (b) \"c", "X-Empty:", "Content-Length : 0")
			for _, text := range []string{text, strings.ReplaceAll(text, "\r\n", "\n")} {
				m := new(Message)
				if err := NewParser().Parse([]byte(text), m); err != nil || m.Ambiguous {
					t.Errorf("%v, ambiguous %t:\n%s", err, m.Ambiguous, text)
				}
			}
		}
	}
}

// TestCredentialsOfTwoUsers: Kamailio 5.6 takes most of them for those of 2001.
func TestCredentialsOfTwoUsers(t *testing.T) {
	for credentials, doubtful := range map[string]bool{
		`Digest username="1005", realm="x", username="2001"`:                true,
		`Digest username="", username="2001"`:                               true,
		`Digest username*=UTF-8''1005, username="2001"`:                     true,
		`Digest x=a"b, username="2001"`:                                     true,
		`Digest x="\", username="2001", y="\"`:                              true,
		`Digest x="\\", username="2001", y="\\"`:                            true,
		`Digest x="a, username="2001"`:                                      true,
		`Digest x="a`:                                                       true,
		`Digest realm=x username="2001"`:                                    true,
		`Digest realm=x username=2001`:                                      true,
		`Digest realm="x" username="2001"`:                                  true,
		`Digest x username="2001"`:                                          true,
		`Digest,username="2001"`:                                            true,
		`Digestusername="2001"`:                                             true,
		`Digest username="1005", username="1005"`:                           false,
		"digest\tusername=1005 , realm=\"a \\\"b\\\" c\"\r\n ,nc=00000001,": false,
		`Digest x="\"", y=", UserName=2001, z="`:                            true,
		`Digest realm="x\", username=2001, nonce="`:                         true,
		`Digest username="A\\1005",realm="x",nonce=aA+/==,opaque="",qop`:    false,
		`Digest username*=UTF-8''b%C3%B6b, realm="x, y=z"`:                  false,
		`Basic username="1005`:                                              false,
		`Digest`:                                                            false,
	} {
		m := mustParse(t, registering("<sip:1005@pbx.example>", "Authorization: "+credentials))
		if m.Ambiguous != doubtful {
			t.Errorf("%s: ambiguous %t, of %q", credentials, m.Ambiguous, m.AuthUser)
		}
	}
	if m := mustParse(t, registering("<sip:1005@pbx.example>", "Authorization: Digest\tusername=\"2001\"")); m.AuthUser != "2001" {
		t.Errorf("behind a tab: %q", m.AuthUser)
	}
}

// TestBlanksOfUnicodeBelongToTheText: trimmed, they would make a removal of what
// is none to anybody else.
func TestBlanksOfUnicodeBelongToTheText(t *testing.T) {
	for _, params := range []string{";expires=\u00a00", ";\u00a0expires=0", ";expires\u0085=0", ";\u2003expires=0"} {
		if m := mustParse(t, registering("<sip:1005@pbx.example>", "Contact: <sip:a@192.0.2.7>"+params)); m.Contacts[0].Expires == 0 {
			t.Errorf("%q removes", params)
		}
	}
}

// TestHalfANameIsAContact: Kamailio registers it.
func TestHalfANameIsAContact(t *testing.T) {
	m := mustParse(t, registering("<sip:1005@pbx.example>", "Contact: &, <sip:a@192.0.2.7>;expires=0"))
	if len(m.Contacts) != 2 || m.Contacts[0].Expires == 0 || m.Ambiguous {
		t.Errorf("%+v", m)
	}
	m = mustParse(t, strings.ReplaceAll(registering("<sip:1005@pbx.example>", "Contact: Bell, A. <sip:a@192.0.2.7>"), "REGISTER", "OPTIONS"))
	if len(m.Contacts) != 1 || m.Contacts[0].URI.User != "a" {
		t.Errorf("of an OPTIONS: %+v", m.Contacts)
	}
}

// TestOnlyRegistersAreDoubted: nothing is decided by anything else.
func TestOnlyRegistersAreDoubted(t *testing.T) {
	text := strings.ReplaceAll(registering("sip:2001@pbx.example;x=<sip:1005@pbx.example>"), "REGISTER", "OPTIONS")
	if m := mustParse(t, text); m.Ambiguous {
		t.Error("an OPTIONS")
	}
}
