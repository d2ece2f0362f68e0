package guard

import (
	"testing"

	"github.com/sipward/sipward/sip/parse"
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
