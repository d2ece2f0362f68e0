package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/sipward/sipward/sip/packet"
)

// Builders of packets from the network header on, for the tests of the filters.

const testSIPPort = 5060

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func endpoint(s string) packet.Endpoint { return packet.EndpointFrom(ap(s)) }

// ip puts an IPv4 or IPv6 header before b, as the addresses ask for.
func ip(proto uint8, src, dst netip.Addr, b []byte) []byte {
	if src.Is4() {
		h := make([]byte, 20, 20+len(b))
		h[0], h[8], h[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
		copy(h[12:], src.AsSlice())
		copy(h[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(h[10:], ^sum16(h))
		return append(h, b...)
	}
	h := make([]byte, 40, 40+len(b))
	h[0], h[6], h[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(b)))
	copy(h[8:], src.AsSlice())
	copy(h[24:], dst.AsSlice())
	return append(h, b...)
}

func sum16(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// udpHeader returns a UDP header without checksum, and b.
func udpHeader(src, dst uint16, b []byte) []byte {
	h := make([]byte, 8, 8+len(b))
	binary.BigEndian.PutUint16(h, src)
	binary.BigEndian.PutUint16(h[2:], dst)
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(b)))
	return append(h, b...)
}

func udp(src, dst string, payload []byte) []byte {
	s, d := ap(src), ap(dst)
	return ip(protoUDP, s.Addr(), d.Addr(), udpHeader(s.Port(), d.Port(), payload))
}

func tcp(src, dst string, payload []byte) []byte {
	s, d := ap(src), ap(dst)
	h := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(h, s.Port())
	binary.BigEndian.PutUint16(h[2:], d.Port())
	h[12], h[13] = 5<<4, 0x18
	return ip(protoTCP, s.Addr(), d.Addr(), append(h, payload...))
}

// rtp is one RTP packet; payload is its size after the header.
type rtp struct {
	pt      uint8
	marker  bool
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload int
}

func (r rtp) bytes() []byte {
	b := make([]byte, 12+r.payload)
	b[0], b[1] = 0x80, r.pt
	if r.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], r.seq)
	binary.BigEndian.PutUint32(b[4:], r.ts)
	binary.BigEndian.PutUint32(b[8:], r.ssrc)
	return b
}

// rtcpReport is a receiver report without blocks.
func rtcpReport() []byte { return []byte{0x80, 201, 0, 1, 0, 0, 0, 1} }

// tagged puts VLAN tags before b as they remain in the data: control
// information and the type of what follows, the outermost type left out.
func tagged(inner uint16, b []byte, types ...uint16) []byte {
	out := []byte{}
	for i := range types {
		next := inner
		if i+1 < len(types) {
			next = types[i+1]
		}
		out = binary.BigEndian.AppendUint16(out, uint16(100+i))
		out = binary.BigEndian.AppendUint16(out, next)
	}
	return append(out, b...)
}

func pppoe(proto uint16, b []byte) []byte {
	h := []byte{0x11, 0, 0, 7, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(h[4:], uint16(2+len(b)))
	binary.BigEndian.PutUint16(h[6:], proto)
	return append(h, b...)
}

// withExtensions moves an IPv6 packet's payload behind extension headers, each
// of the given size (a multiple of 8).
func withExtensions(b []byte, size int, headers ...uint8) []byte {
	next, rest := b[6], b[40:]
	for i := len(headers) - 1; i >= 0; i-- {
		h := make([]byte, size)
		h[0], h[1] = next, uint8(size/8-1)
		rest, next = append(h, rest...), headers[i]
	}
	out := append(append([]byte{}, b[:40]...), rest...)
	out[6] = next
	binary.BigEndian.PutUint16(out[4:], uint16(len(rest)))
	return out
}

// fragment6 puts a fragment header before an IPv6 packet's payload.
func fragment6(b []byte, offset uint16, more bool) []byte {
	out := withExtensions(b, 8, protoFragment)
	v := offset &^ 7
	if more {
		v |= 1
	}
	out[41] = 0
	binary.BigEndian.PutUint16(out[42:], v)
	return out
}

// fragment4 marks an IPv4 packet as a fragment.
func fragment4(b []byte, offset uint16, more bool) []byte {
	out := append([]byte{}, b...)
	v := offset / 8
	if more {
		v |= 0x2000
	}
	binary.BigEndian.PutUint16(out[6:], v)
	return out
}

// withOptions gives an IPv4 packet options of 4*words bytes.
func withOptions(b []byte, words int) []byte {
	out := append(append(append([]byte{}, b[:20]...), make([]byte, 4*words)...), b[20:]...)
	out[0] = 0x40 | uint8(5+words)
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	return out
}
