package parse

import "testing"

func TestWholeLines(t *testing.T) {
	const start = "OPTIONS sip:b@example.com SIP/2.0\r\n"
	for name, tc := range map[string]struct{ payload, want string }{
		"cut in a header":      {start + "Call-ID: c@exam", start},
		"cut at a line end":    {start + "Call-ID: c\r\n", start + "Call-ID: c\r\n"},
		"cut within CRLF":      {start + "Call-ID: c\r", start},
		"cut before the body":  {start + "Call-ID: c\r\n\r\n", start + "Call-ID: c\r\n\r\n"},
		"cut in the body":      {start + "\r\nv=0\r\no=", start + "\r\nv=0\r\no="},
		"bare line feeds":      {"OPTIONS sip:b SIP/2.0\nCall-ID: c@exam", "OPTIONS sip:b SIP/2.0\n"},
		"bare LFs, and a body": {"OPTIONS sip:b SIP/2.0\nCall-ID: c\n\nv=0\no=", "OPTIONS sip:b SIP/2.0\nCall-ID: c\n\nv=0\no="},
		"cut in the start":     {"OPTIONS sip:b@exam", "OPTIONS sip:b@exam"},
		"nothing":              {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(WholeLines([]byte(tc.payload))); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
