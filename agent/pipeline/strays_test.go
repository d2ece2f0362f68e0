package pipeline

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// A capture that begins between an INVITE and its answer shows SDP of a call
// that it does not show: a file's RTP figures count what that announced.
func TestMediaOfNoCall(t *testing.T) {
	const ringing = "SIP/2.0 183 Session Progress\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@192.0.2.1>;tag=a\r\n" +
		"To: <sip:b@192.0.2.1>;tag=b\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n" +
		"v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 0\r\n"
	for _, c := range []struct {
		options media.Options
		want    uint64
	}{{media.Options{}, 0}, {media.Options{KeepClosed: true, Streams: 10}, 20}} {
		bk, err := party.NewBook(nil, []netip.Addr{netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		core := New(Config{Book: bk, Media: c.options})
		p := packet.Packet{Time: 1e18, Src: at("198.51.100.7:5060"), Dst: at("192.0.2.1:5060"), Transport: packet.UDP, Payload: []byte(ringing)}
		core.payload(&p)
		for seq := range 20 {
			rtp := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, make([]byte, 160)...)
			binary.BigEndian.PutUint16(rtp[2:], uint16(seq))
			core.payload(&packet.Packet{Time: 1e18, Src: at("192.0.2.9:6000"), Dst: at("198.51.100.7:4000"), Transport: packet.UDP, Payload: rtp})
		}
		if s := core.Snapshot(); s.Media.RTP != c.want || s.Dialogs.Legs != 0 {
			t.Errorf("%+v: %d RTP packets, want %d; %d legs", c.options, s.Media.RTP, c.want, s.Dialogs.Legs)
		}
	}
}
