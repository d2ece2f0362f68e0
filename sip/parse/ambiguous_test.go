package parse

import (
	"strings"
	"testing"
)

func TestWhatOthersMayReadDifferently(t *testing.T) {
	type flags struct{ repeated, mismatched, cut bool }
	contacts := "Contact: " + strings.Repeat("<sip:a@b>;expires=0,", maxContacts)
	for _, c := range []struct {
		name string
		text string
		want flags
	}{
		{"a plain REGISTER", with(), flags{}},
		{"To twice, the same", with("To: <sip:a@b>"), flags{}},
		{"To twice, the same when unfolded", with("To:\r\n <sip:a@b>"), flags{}},
		{"To twice", with("To: <sip:c@b>"), flags{repeated: true}},
		{"To twice, once compact", with("t: <sip:c@b>"), flags{repeated: true}},
		{"To twice, once folded", with("To:\r\n\t<sip:c@b>"), flags{repeated: true}},
		{"To twice, in odd case and spacing", with("tO \t:<sip:c@b>"), flags{repeated: true}},
		{"To twice, the tag differs", with("To: <sip:a@b>;tag=x"), flags{repeated: true}},
		{"an empty To first", with("To: "), flags{}},
		{"From twice", with("f: <sip:c@b>;tag=1"), flags{repeated: true}},
		{"Call-ID twice", with("i: y"), flags{repeated: true}},
		{"CSeq twice", with("CSeq: 2 REGISTER"), flags{repeated: true}},
		{"CSeq twice, the method differs", with("CSeq: 1 INVITE"), flags{repeated: true, mismatched: true}},
		{"Expires twice", with("Expires: 0", "Expires: 3600"), flags{repeated: true}},
		{"Expires twice, the same", with("Expires: 60", "Expires: 60"), flags{}},
		{"several Vias and Contacts", with("Via: SIP/2.0/UDP x;branch=c", "Contact: <sip:x@y>", "Contact: <sip:z@y>"), flags{}},
		{"a contact that expires twice", with("Contact: <sip:x@y>;expires=0;expires=60"), flags{repeated: true}},
		{"two contacts that expire differently", with("Contact: <sip:x@y>;expires=0, <sip:z@y>;expires=60"), flags{}},
		{"the CSeq of another method", strings.Replace(with(), "CSeq: 1 REGISTER", "CSeq: 1 INVITE", 1), flags{mismatched: true}},
		{"the CSeq of no method", strings.Replace(with(), "CSeq: 1 REGISTER", "CSeq: 1", 1), flags{mismatched: true}},
		{"the CSeq of two methods", strings.Replace(with(), "CSeq: 1 REGISTER", "CSeq: 1 REGISTER INVITE", 1), flags{mismatched: true}},
		{"the CSeq in small letters", strings.Replace(with(), "CSeq: 1 REGISTER", "CSeq: 1 register", 1), flags{}},
		{"credentials for two realms", with(`Authorization: Digest username="a", realm="x"`, `Proxy-Authorization: Digest username="a", realm="y"`), flags{}},
		{"credentials of two users", with(`Authorization: Digest username="a", realm="x"`, `Authorization: Digest username="b", realm="y"`), flags{repeated: true}},
		{"more contacts than are kept", with(contacts + "<sip:c@d>;expires=60"), flags{cut: true}},
		{"as many contacts as are kept", with(strings.TrimSuffix(contacts, ",")), flags{}},
		{"as many headers as are read", strings.Replace(with(), "\r\n\r\n", "\r\n"+strings.Repeat("X: y\r\n", maxHeaders-5)+"\r\n", 1), flags{}},
		{"more headers than are read", strings.Replace(with(), "\r\n\r\n", "\r\n"+strings.Repeat("X: y\r\n", maxHeaders-4)+"\r\n", 1), flags{cut: true}},
	} {
		m := new(Message)
		p := NewParser()
		if err := p.Parse([]byte(c.text), m); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := (flags{m.Repeated, m.Mismatched, m.Cut}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if err := p.Parse([]byte(with()), m); err != nil || m.Repeated || m.Mismatched || m.Cut {
			t.Errorf("%s: the next message says %+v", c.name, m)
		}
	}
}

// TestZeroIsAWholeNumber: what is no number is no removal (RFC 3261 section
// 20.10).
func TestZeroIsAWholeNumber(t *testing.T) {
	for _, value := range []string{"0x", "0.5", "0,5", "0 0", "-0", "+0", ""} {
		m := mustParse(t, with("Expires: "+value, "Contact: <sip:a@b>;expires=\""+value+"\""))
		if m.Expires != -1 || m.Contacts[0].Expires != 3600 {
			t.Errorf("%q: header %d, contact %d", value, m.Expires, m.Contacts[0].Expires)
		}
	}
}
