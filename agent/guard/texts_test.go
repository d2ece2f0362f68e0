package guard

import (
	"strings"
	"testing"
	"unicode"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

func TestContactText(t *testing.T) {
	uri := func(user, host string, port uint16) parse.Contact {
		return parse.Contact{URI: parse.URI{User: user, Host: host}, Port: port}
	}
	for _, tc := range []struct {
		contact parse.Contact
		want    string
	}{
		{parse.Contact{Star: true}, "*"},
		{uri("1005", "192.0.2.7", 5070), "sip:1005@192.0.2.7:5070"},
		{uri("1005", "phone.example", 0), "sip:1005@phone.example"},
		{uri("1005", "2001:db8::7", 0), "sip:1005@[2001:db8::7]"},
		{uri("1005", "2001:db8::7", 5070), "sip:1005@[2001:db8::7]:5070"},
		{uri("", "192.0.2.7", 0), "sip:192.0.2.7"},
		{uri("1005", "", 0), "tel:1005"},
	} {
		if got := contactText(&tc.contact); got != tc.want {
			t.Errorf("%+v is shown as %q, want %q", tc.contact, got, tc.want)
		}
	}
}

// TestTextsObeyNobody: an operator reads what phones write.
func TestTextsObeyNobody(t *testing.T) {
	const evil = "1\x1b[2J\n\t\u009b\u202e\xff"
	if got := text(evil); got != "1?[2J?????" {
		t.Errorf("%q", got)
	}
	book, err := party.NewBook(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Book: book})
	b := register.Binding{Number: evil, Domain: evil, Username: evil, Contact: parse.Contact{URI: parse.URI{User: evil, Host: evil}}}
	if s := g.shown(&b); strings.ContainsFunc(s.Number+s.Domain+s.Username+s.Contact, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%+v", s)
	}
}
