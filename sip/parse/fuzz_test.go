package parse

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func seed(f *testing.F, add func(text string)) {
	f.Helper()
	for _, c := range benchMessages {
		add(c.text)
	}
	for _, cases := range [][]tortureCase{rfc4475, rfc5118} {
		for _, c := range cases {
			add(c.text)
		}
	}
	for _, c := range startLines {
		add(c.line)
	}
	add(info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"))
	add(offer("--z\r\nContent-Type: application/sdp\r\n\r\n"+sdpOffer+"\r\n--z--", "Content-Type: multipart/mixed;boundary=z"))
}

// FuzzParse: nothing panics, what is malformed is so for one of the known
// reasons, what parses is within its bounds, and the parser's memory of
// earlier messages changes nothing.
func FuzzParse(f *testing.F) {
	seed(f, func(text string) { f.Add([]byte(text)) })
	used := NewParser()
	f.Fuzz(func(t *testing.T, payload []byte) {
		fresh, again := new(Message), &Message{CallID: "left over"}
		err := NewParser().Parse(payload, fresh)
		if second := used.Parse(payload, again); !errors.Is(second, err) {
			t.Fatalf("%v, then %v", err, second)
		}
		if d := cmp.Diff(fresh, again, cmp.Comparer(bytes.Equal), cmp.Comparer(func(a, b []Contact) bool {
			return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b)
		}), cmp.Comparer(func(a, b []Media) bool {
			return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b)
		})); d != "" {
			t.Fatalf("a used parser reads it differently:\n%s", d)
		}
		if err != nil {
			if e := Malformed(0); !errors.As(err, &e) || e.String() == "invalid" {
				t.Fatalf("error %v", err)
			}
			return
		}
		checkMessage(t, payload, fresh)
	})
}

func checkMessage(t *testing.T, payload []byte, m *Message) {
	t.Helper()
	if !IsSIP(payload) {
		t.Fatal("parses, but is not recognised")
	}
	if m.CallID == "" || m.CSeq > 1<<31-1 || m.Method == 0 || m.Status > 999 || len(m.Contacts) > maxContacts || m.Vias < 0 {
		t.Fatalf("%+v", m)
	}
	for i, s := range appendStrings(nil, m) {
		if len(*s) > maxIdentity || i >= identities && len(*s) > maxName {
			t.Fatalf("a string of %d bytes", len(*s))
		}
	}
	if m.Digit != 0 && (m.Method != INFO || !m.Request()) {
		t.Fatalf("a digit in %+v", m)
	}
	if m.SDP != nil {
		checkSDP(t, m.SDP)
	}
}

func checkSDP(t *testing.T, s *SDP) {
	t.Helper()
	if len(s.Media) > maxMedia {
		t.Fatalf("%d media", len(s.Media))
	}
	for _, m := range s.Media {
		if m.Kind == 0 || m.Direction == 0 || !m.RTP.IsZero() && (m.RTP.Port == 0 || m.RTP.Addr().IsUnspecified() || m.EventHz == 0) ||
			m.RTP.IsZero() && !m.RTCP.IsZero() {
			t.Fatalf("%+v", m)
		}
	}
}

// FuzzSDP: nothing panics; whatever is read is in order; and a description
// that has an m= or a v= line is never refused, since it is mended first.
func FuzzSDP(f *testing.F) {
	f.Add([]byte(sdpOffer))
	f.Add([]byte(tortureSDP))
	f.Add([]byte(session("m=audio 4000/2 UDP/TLS/RTP/SAVPF 0 101", "c=IN IP6 fe80::1%eth0", "a=rtcp:5000 IN IP4 192.0.2.7",
		"a=rtpmap:101 telephone-event/8000", "a=crypto:1 x", "a=rtcp-mux", "m=image 1 udptl t38", "a=inactive")))
	p := NewParser()
	f.Fuzz(func(t *testing.T, body []byte) {
		s := p.readSDP(body)
		if s != nil {
			checkSDP(t, s)
			return
		}
		for rest := body; len(rest) > 0; {
			var line []byte
			line, rest = cutLine(rest)
			if line = trim(line); bytes.HasPrefix(line, []byte("v=")) || bytes.HasPrefix(line, []byte("m=")) {
				t.Fatalf("not read, in spite of %q", line)
			}
		}
	})
}

// FuzzIsSIP: what parses is recognised, and what is not recognised has no
// start line.
func FuzzIsSIP(f *testing.F) {
	seed(f, func(text string) { f.Add([]byte(text)) })
	f.Add([]byte("\x80\x08\x12\x34\x00\x00\x00\xa0\xde\xad\xbe\xef"))
	p, m := NewParser(), new(Message)
	f.Fuzz(func(t *testing.T, payload []byte) {
		is, err := IsSIP(payload), p.Parse(payload, m)
		if !is && !errors.Is(err, ErrStartLine) && !errors.Is(err, ErrVersion) {
			t.Fatalf("not recognised, but %v", err)
		}
	})
}

// FuzzURI: nothing panics, and text stays text.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@[2001:db8::1]:5060;x?y", "tel:+1-2(3)", "<sip:%41@b>", "a@b", "*", "sip:host:port"} {
		f.Add(s)
	}
	p := NewParser()
	f.Fuzz(func(t *testing.T, s string) {
		u, _ := p.parseURI(s)
		if len(u.User)+len(u.Host) > 4*len(s) {
			t.Fatalf("%q from %q", u, s)
		}
		if utf8.ValidString(s) && !bytes.ContainsRune([]byte(s), '%') && !utf8.ValidString(u.User+u.Host) {
			t.Fatalf("%q from %q", u, s)
		}
		p.readAddress(s)
	})
}
