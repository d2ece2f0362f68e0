package parse

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/sdp/v3"
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

// BenchmarkPion is what pion costs for the same session description as it
// came, without what Sipward makes of it.
func BenchmarkPion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var d sdp.SessionDescription
		if err := d.UnmarshalString(sdpOffer); err != nil {
			b.Fatal(err)
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
		{"text", "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789", false},
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

// BenchmarkHostile is what 60 KB cost that are made to be expensive: the cost
// must stay in proportion to the length, some hundred microseconds.
func BenchmarkHostile(b *testing.B) {
	fill := func(unit string) string { return strings.Repeat(unit, 60000/len(unit)) }
	for _, c := range []struct{ name, text string }{
		{"quotes", with("Contact: " + fill(`,\"`))},
		{"parameters", with("Contact: <sip:a@b>" + fill(`;\"`))},
		{"via", with("Via: " + fill(`"\",`))},
		{"uri", strings.Replace(with(), "<sip:a@b>", "<sip:a@b"+fill(";p")+">", 1)},
		{"contacts", with("Contact: " + fill("a:b,"))},
		{"folds", with("Contact: a:b\r\n" + fill(" \r\n") + " x")},
		{"headers", with(fill("i:\r\n") + "x: y")},
		{"multipart", offer(fill("--z\r\nc:x\r\n y\r\n\r\n"), "Content-Type: multipart/mixed;boundary=z")},
		{"part headers", offer("--z\r\nc:x\r\n"+fill(" y\r\n"), "Content-Type: multipart/mixed;boundary=z")},
		{"media", offer(fill("m=audio 1 RTP/AVP 0\r\n"), "Content-Type: application/sdp")},
		{"rtpmap", offer("m=audio 1 RTP/AVP"+strings.Repeat(" 127", maxFormats)+"\r\n"+fill("a=rtpmap:126 red/8000\r\n")+"a=rtpmap:127 red/8000", "Content-Type: application/sdp")},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, m, payload := NewParser(), new(Message), []byte(c.text)
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Parse(payload, m) // malformed or not, it costs the same
			}
		})
	}
}
