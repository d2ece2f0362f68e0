package parse

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/packet"
)

func ep(s string) packet.Endpoint {
	if s == "" {
		return packet.Endpoint{}
	}
	return packet.EndpointFrom(netip.MustParseAddrPort(s))
}

func pts(types ...uint8) (s PayloadTypes) {
	for _, pt := range types {
		s.Add(pt)
	}
	return s
}

// session returns a session description with the usual head, c= included, and
// the given lines.
func session(l ...string) string {
	return lines(append([]string{"v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}, l...)...)
}

// pcmu is what "m=audio 4000 RTP/AVP 0" gives; change alters it.
func pcmu(change func(*Media)) Media {
	m := Media{
		RTP: ep("192.0.2.1:4000"), RTCP: ep("192.0.2.1:4001"), Kind: Audio, Direction: SendRecv,
		EventHz: 8000, ClockHz: 8000, Codec: "PCMU", Formats: pts(0),
	}
	if change != nil {
		change(&m)
	}
	return m
}

func TestSDP(t *testing.T) {
	const audio = "m=audio 4000 RTP/AVP 0"
	for _, c := range []struct {
		name string
		text string
		want []Media
	}{
		{"simple", session(audio), []Media{pcmu(nil)}},
		{"no media", session(), nil},
		{"LF only", strings.ReplaceAll(session(audio), "\r\n", "\n"), []Media{pcmu(nil)}},
		{"CR only", strings.ReplaceAll(session(audio), "\r\n", "\r"), []Media{pcmu(nil)}},
		{"no final line end", strings.TrimSuffix(session(audio), "\r\n"), []Media{pcmu(nil)}},
		{"c= in the media", lines("v=0", "s=-", "t=0 0", audio, "c=IN IP4 192.0.2.1"), []Media{pcmu(nil)}},
		{"c= in the media wins", session(audio, "c=IN IP4 192.0.2.2"), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("192.0.2.2:4000"), ep("192.0.2.2:4001")
		})}},
		{"c= of one media is not that of the next", session(audio, "c=IN IP4 192.0.2.2", "a=sendrecv", audio), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("192.0.2.2:4000"), ep("192.0.2.2:4001")
		}), pcmu(nil)}},
		{"first of two c=", session(audio, "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2"), []Media{pcmu(nil)}},
		{"no c= at all", lines("v=0", "s=-", audio), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP = ep(""), ep("") })}},
		{"host name", session(audio, "c=IN IP4 media.example.com"), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP = ep(""), ep("") })}},
		{"another network", session(audio, "c=ATM NSAP 47.0091.8100.0000"), []Media{pcmu(nil)}},
		{"c= in odd case and blanks", session(audio, "c= in  ip4\t192.0.2.2 "), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("192.0.2.2:4000"), ep("192.0.2.2:4001")
		})}},
		{"multicast with TTL and count", session(audio, "c=IN IP4 224.2.1.1/127/3"), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("224.2.1.1:4000"), ep("224.2.1.1:4001")
		})}},
		{"IPv6 with count", session(audio, "c=IN IP6 FF15::101/3"), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("[ff15::101]:4000"), ep("[ff15::101]:4001")
		})}},
		{"IPv6 with zone, brackets and the wrong type", session(audio, "c=IN IP4 [fe80::1%eth0]"), []Media{pcmu(func(m *Media) {
			m.RTP, m.RTCP = ep("[fe80::1]:4000"), ep("[fe80::1]:4001")
		})}},
		{"mapped IPv4", session(audio, "c=IN IP6 ::ffff:192.0.2.1"), []Media{pcmu(nil)}},
		{"old hold", session(audio, "c=IN IP4 0.0.0.0"), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP, m.Hold = ep(""), ep(""), true })}},
		{"old hold, IPv6", session(audio, "c=IN IP6 ::"), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP, m.Hold = ep(""), ep(""), true })}},
		{"sendonly", session(audio, "a=sendonly"), []Media{pcmu(func(m *Media) { m.Direction, m.Hold = SendOnly, true })}},
		{"recvonly", session(audio, "a=RecvOnly"), []Media{pcmu(func(m *Media) { m.Direction = RecvOnly })}},
		{"inactive for the session", lines("v=0", "c=IN IP4 192.0.2.1", "a=inactive", audio), []Media{pcmu(func(m *Media) { m.Direction, m.Hold = Inactive, true })}},
		{"media direction wins", session("a=inactive", audio, "a=sendrecv", audio), []Media{
			pcmu(nil), pcmu(func(m *Media) { m.Direction, m.Hold = Inactive, true }),
		}},
		{"port 0", session("m=audio 0 RTP/AVP 0"), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP = ep(""), ep("") })}},
		{"port range", session("m=audio 4000/2 RTP/AVP 0"), []Media{pcmu(nil)}},
		{"last port", session("m=audio 65535 RTP/AVP 0"), []Media{pcmu(func(m *Media) { m.RTP, m.RTCP = ep("192.0.2.1:65535"), ep("") })}},
		{"a=rtcp", session(audio, "a=rtcp:5000"), []Media{pcmu(func(m *Media) { m.RTCP = ep("192.0.2.1:5000") })}},
		{"a=rtcp with address", session(audio, "a=rtcp: 5000 IN IP4 192.0.2.7"), []Media{pcmu(func(m *Media) { m.RTCP = ep("192.0.2.7:5000") })}},
		{"a=rtcp with a host name", session(audio, "a=rtcp:5000 IN IP4 h.example"), []Media{pcmu(func(m *Media) { m.RTCP = ep("192.0.2.1:5000") })}},
		{"a=rtcp that is none", session(audio, "a=rtcp:x"), []Media{pcmu(nil)}},
		{"rtcp-mux", session(audio, "a=rtcp:5000", "a=rtcp-mux"), []Media{pcmu(func(m *Media) { m.RTCP = m.RTP })}},
		{"SAVP", session("m=audio 4000 RTP/SAVP 0"), []Media{pcmu(func(m *Media) { m.Encrypted = true })}},
		{"SAVPF", session("m=audio 4000 rtp/savpf 0"), []Media{pcmu(func(m *Media) { m.Encrypted = true })}},
		{"DTLS", session("m=audio 4000 UDP/TLS/RTP/SAVPF 0"), []Media{pcmu(func(m *Media) { m.Encrypted = true })}},
		{"AVPF", session("m=audio 4000 RTP/AVPF 0"), []Media{pcmu(nil)}},
		{"TCP/RTP", session("m=audio 4000 TCP/RTP/AVP 0"), []Media{pcmu(nil)}},
		{"a=crypto", session(audio, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), []Media{pcmu(func(m *Media) { m.Encrypted = true })}},
		{"a=fingerprint of the session", session("a=fingerprint:SHA-1 4A:AD", audio), []Media{pcmu(func(m *Media) { m.Encrypted = true })}},
		{"telephone-event", session("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"),
			[]Media{pcmu(func(m *Media) { m.Events, m.Formats = pts(101), pts(0, 101) })}},
		{"telephone-event alone", session("m=audio 4000 RTP/AVP 96", "a=rtpmap: 96  Telephone-Event"),
			[]Media{pcmu(func(m *Media) { m.Events, m.Formats, m.Codec, m.ClockHz = pts(96), pts(96), "", 0 })}},
		{"101 without a name", session("m=audio 4000 RTP/AVP 0 101", "a=fmtp:101 0-16"), []Media{pcmu(nil)}},
		{"telephone-event without its format", session(audio, "a=rtpmap:101 telephone-event/8000"), []Media{pcmu(func(m *Media) { m.Events, m.Formats = pts(101), pts(0, 101) })}},
		{"several event clocks", session("m=audio 4000 RTP/AVP 96 8 97 98 99", "a=rtpmap:96 opus/48000/2", "a=rtpmap:98 telephone-event/16000",
			"a=rtpmap:97 telephone-event/8000", "a=rtpmap:99 telephone-event/48000"),
			[]Media{pcmu(func(m *Media) {
				m.Events, m.EventHz, m.ClockHz, m.Codec = pts(97, 98, 99), 48000, 48000, "opus"
				m.Formats = pts(8, 96, 97, 98, 99)
			})}},
		{"event clock that fits no codec", session("m=audio 4000 RTP/AVP 0 98", "a=rtpmap:98 telephone-event/16000"),
			[]Media{pcmu(func(m *Media) { m.Events, m.Formats, m.EventHz = pts(98), pts(0, 98), 16000 })}},
		{"events first", session("m=audio 4000 RTP/AVP 101 13 0", "a=rtpmap:101 telephone-event/8000"), []Media{pcmu(func(m *Media) { m.Events, m.Formats = pts(101), pts(0, 13, 101) })}},
		{"redundancy", session("m=audio 4000 RTP/AVP 121 0 5", "a=rtpmap:121 red/8000/1", "a=fmtp:121 0/5"), []Media{pcmu(func(m *Media) { m.Redundant, m.Formats = pts(121), pts(0, 5, 121) })}},
		{"a static type in other words", session("m=audio 4000 RTP/AVP 100", "a=rtpmap:100 pcma/8000"), []Media{pcmu(func(m *Media) { m.Codec, m.Formats = "PCMA", pts(100) })}},
		{"a dynamic type", session("m=audio 4000 RTP/AVP 110", "a=rtpmap:110 SPEEX/16000"), []Media{pcmu(func(m *Media) { m.Codec, m.ClockHz, m.Formats = "SPEEX", 16000, pts(110) })}},
		{"a type without a name", session("m=audio 4000 RTP/AVP 110 0"), []Media{pcmu(func(m *Media) { m.Codec, m.ClockHz = "", 0 })}},
		{"G.722 keeps its wrong clock", session("m=audio 4000 RTP/AVP 9"), []Media{pcmu(func(m *Media) { m.Codec, m.Formats = "G722", pts(9) })}},
		{"formats that are no types", session("m=audio 4000 RTP/AVP * 300 0"), []Media{pcmu(nil)}},
		{"rtpmap that is none", session(audio, "a=rtpmap:200 telephone-event/8000", "a=rtpmap:x", "a=rtpmap:101", "a=rtpmap:"), []Media{pcmu(nil)}},
		{"ICE", session(audio, "a=ice-ufrag:x", "a=candidate:1 1 UDP 2130706431 10.0.0.1 9 typ host"), []Media{pcmu(nil)}},
		{"several media", session(audio, "m=video 4002 RTP/AVP 34", "m=image 4004 udptl t38", "m=application 4006 UDP/BFCP *", "m=text 4008 RTP/AVP 98",
			"a=rtpmap:98 t140/1000", "m=message 9 TCP/MSRP *", audio), []Media{
			pcmu(nil),
			pcmu(func(m *Media) {
				m.Kind, m.RTP, m.RTCP, m.Codec, m.ClockHz = Video, ep("192.0.2.1:4002"), ep("192.0.2.1:4003"), "H263", 90000
				m.Formats = pts(34)
			}),
			{Kind: Image, Direction: SendRecv},
			{Kind: OtherMedia, Direction: SendRecv},
			pcmu(func(m *Media) {
				m.Kind, m.RTP, m.RTCP, m.Codec, m.ClockHz = OtherMedia, ep("192.0.2.1:4008"), ep("192.0.2.1:4009"), "t140", 1000
				m.Formats = pts(98)
			}),
			{Kind: OtherMedia, Direction: SendRecv},
			pcmu(nil),
		}},
		{"m= lines that are none keep their place", session("m=", "m=audio", "m=audio x RTP/AVP 0", "m=audio 70000 RTP/AVP 0", "m=audio 4000/x RTP/AVP 0", "m=AUDIO 4000 RTP/AVP 0"), []Media{
			{Kind: OtherMedia, Direction: SendRecv},
			{Kind: Audio, Direction: SendRecv},
			{Kind: Audio, Direction: SendRecv},
			{Kind: Audio, Direction: SendRecv},
			{Kind: Audio, Direction: SendRecv},
			pcmu(nil),
		}},
		{"out of order, unknown and broken lines", lines("m=audio 4000 RTP/AVP 0", "nonsense", "a=sendonly", "y=?", "=", "b=AS", "t=now", "c=IN IP4 192.0.2.1", "o=", "v=1"),
			[]Media{pcmu(func(m *Media) { m.Direction, m.Hold = SendOnly, true })}},
		{"c= behind a=", lines("v=0", "a=sendonly", "c=IN IP4 192.0.2.1", audio), []Media{pcmu(func(m *Media) { m.Direction, m.Hold = SendOnly, true })}},
		{"blanks and empty lines", "\r\n\r\n v=0\r\n\r\n\tc=IN IP4 192.0.2.1 \r\n m=audio  4000\tRTP/AVP  0 \r\n", []Media{pcmu(nil)}},
		{"NUL and bytes that are no text", session("i=\x00\xff\xfe", audio, "a=\x00:\xff", "a=rtpmap:97 \xff\x00/8000"), []Media{pcmu(func(m *Media) { m.Formats = pts(0, 97) })}},
	} {
		p := NewParser()
		got := p.readSDP([]byte(c.text))
		if got == nil {
			t.Errorf("%s: not read", c.name)
			continue
		}
		if d := cmp.Diff(c.want, got.Media); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestSDPMalformed(t *testing.T) {
	p := NewParser()
	for i, text := range []string{"", "hello", "\r\n\r\n", "s=-\r\nc=IN IP4 192.0.2.1\r\n", "\x00\x01\x02"} {
		if p.readSDP([]byte(text)) != nil || p.Stats().SDPMalformed != uint64(i+1) {
			t.Errorf("%q is read as a session description, %+v", text, p.Stats())
		}
	}
	m := new(Message)
	if err := p.Parse([]byte(offer("hello", "Content-Type: application/sdp")), m); err != nil || m.SDP != nil {
		t.Errorf("%v, %v: a message with an unreadable body", err, m.SDP)
	}
	if p.readSDP([]byte(sdpOffer)); p.Stats().SDPMended != 0 {
		t.Error("a session description by the book was mended")
	}
	if p.readSDP([]byte("m=audio\n")); p.Stats().SDPMended != 1 {
		t.Error("a broken m= line is not counted")
	}
}

func TestSDPBounds(t *testing.T) {
	p := NewParser()
	many := p.readSDP([]byte(session(strings.Split(strings.Repeat("m=audio 4000 RTP/AVP 0\n", maxMedia+5), "\n")...)))
	if len(many.Media) != maxMedia || p.Stats().SDPCut != 1 {
		t.Errorf("%d media, %+v", len(many.Media), p.Stats())
	}
	var b strings.Builder
	b.WriteString(session("m=audio 4000 RTP/AVP 0"))
	for i := range 5000 {
		fmt.Fprintf(&b, "a=rtpmap:%d x%d/8000\r\n", 35+i%90, i)
	}
	if got := p.readSDP([]byte(b.String())); len(got.Media) != 1 || p.Stats().SDPCut != 2 {
		t.Errorf("%d media, %+v", len(got.Media), p.Stats())
	}
	wide := p.readSDP([]byte(session("m=audio 4000 RTP/AVP" + strings.Repeat(" 0", 20000))))
	if len(wide.Media) != 1 || wide.Media[0].Codec != "PCMU" {
		t.Errorf("%+v", wide)
	}
}

func TestPayloadTypes(t *testing.T) {
	var s PayloadTypes
	if !s.Empty() {
		t.Error("the zero value is not empty")
	}
	for _, pt := range []uint8{0, 63, 64, 127} {
		s.Add(pt)
	}
	s.Add(128)
	for pt := range 256 {
		if want := pt == 0 || pt == 63 || pt == 64 || pt == 127; s.Has(uint8(pt)) != want {
			t.Errorf("Has(%d) = %t", pt, !want)
		}
	}
}
