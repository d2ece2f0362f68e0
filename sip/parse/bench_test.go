package parse

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

var benchMessages = []struct{ name, text string }{
	{"INVITE", invite}, {"180", ringing}, {"200", answer}, {"BYE", bye}, {"REGISTER", register},
}

func BenchmarkParse(b *testing.B) {
	for _, c := range benchMessages {
		b.Run(c.name, func(b *testing.B) {
			p, m, payload := NewParser(), new(Message), []byte(c.text)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Parse(payload, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSipgo is what sipgo's own message parser costs for the same
// messages, without any session description.
func BenchmarkSipgo(b *testing.B) {
	for _, c := range benchMessages {
		b.Run(c.name, func(b *testing.B) {
			p, payload := sip.NewParser(), []byte(c.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.ParseSIP(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSDP(b *testing.B) {
	p, body := NewParser(), []byte(sdpOffer)
	b.ReportAllocs()
	for b.Loop() {
		if p.readSDP(body) == nil {
			b.Fatal("no session description")
		}
	}
}

func BenchmarkIsSIP(b *testing.B) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"INVITE", invite, true},
		{"180", ringing, true},
		{"RTP", "\x80\x08\x12\x34\x00\x00\x00\xa0\xde\xad\xbe\xef" + string(make([]byte, 160)), false},
		{"HTTP", "GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n", false},
		{"DNS", "\x4a\x7f\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00", false},
		{"text", string(make([]byte, 0)) + "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789", false},
	} {
		b.Run(c.name, func(b *testing.B) {
			payload := []byte(c.text)
			for b.Loop() {
				if IsSIP(payload) != c.want {
					b.Fatal("wrong")
				}
			}
		})
	}
}
