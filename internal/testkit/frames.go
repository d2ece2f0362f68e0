package testkit

import (
	"encoding/binary"
	"net/netip"

	"github.com/sipward/sipward/sip/packet"
)

// FrameWriter takes frames in the order of their times. Data is valid until
// WriteFrame returns.
type FrameWriter interface {
	WriteFrame(f *packet.Frame) error
}

// FrameFunc is a function as a FrameWriter.
type FrameFunc func(f *packet.Frame) error

// WriteFrame calls f.
func (f FrameFunc) WriteFrame(frame *packet.Frame) error { return f(frame) }

// Frames is a Sink that wraps packets into Ethernet frames: UDP datagrams in
// fragments where they exceed the MTU, TCP with handshakes and segments.
type Frames struct {
	W    FrameWriter
	MTU  int    // bytes of an IP packet; default 1500
	VLAN uint16 // 802.1Q tag, 0 for none

	frame   packet.Frame
	buf     []byte
	l4      []byte
	ipID    uint32
	streams map[flow]*tcpSide
	err     error
}

type flow struct{ src, dst netip.AddrPort }

// tcpSide is one direction of a connection.
type tcpSide struct{ next uint32 }

// Generate plays the plan into frames.
func Generate(plan Plan, w FrameWriter) (*Expected, error) {
	return Play(plan, &Frames{W: w}, nil)
}

// Send writes the packet as one frame or several.
func (s *Frames) Send(p *Packet) error {
	if s.MTU == 0 {
		s.MTU = 1500
	}
	s.err = nil
	if p.TCP {
		s.tcp(p)
	} else {
		s.udp(p)
	}
	return s.err
}

const (
	protoTCP  = 6
	protoUDP  = 17
	protoFrag = 44 // IPv6 fragment header (RFC 8200 section 4.5)
)

func (s *Frames) udp(p *Packet) {
	b := binary.BigEndian.AppendUint16(s.l4[:0], p.Src.Port())
	b = binary.BigEndian.AppendUint16(b, p.Dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(p.Payload)))
	b = append(append(b, 0, 0), p.Payload...)
	sum := checksum(b, pseudo(p.Src.Addr(), p.Dst.Addr(), protoUDP, len(b)))
	if sum == 0 {
		sum = 0xffff // RFC 768: zero means none
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	s.l4 = b
	s.ip(p, protoUDP, b)
}

// TCP control bits.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

func (s *Frames) tcp(p *Packet) {
	out, back := s.side(p.Src, p.Dst), s.streams[flow{p.Dst, p.Src}]
	if back == nil { // the first packet: the three-way handshake (RFC 9293 section 3.5)
		back = s.side(p.Dst, p.Src)
		s.segment(p, false, flagSYN, nil, out, back)
		s.segment(p, true, flagSYN|flagACK, nil, back, out)
		s.segment(p, false, flagACK, nil, out, back)
	}
	most := s.MTU - 60
	for data := p.Payload; len(data) > 0; {
		n := min(len(data), most)
		s.segment(p, false, flagPSH|flagACK, data[:n], out, back)
		data = data[n:]
	}
}

func (s *Frames) side(src, dst netip.AddrPort) *tcpSide {
	if s.streams == nil {
		s.streams = map[flow]*tcpSide{}
	}
	t := s.streams[flow{src, dst}]
	if t == nil {
		// Initial sequence numbers near the end of the space: they wrap round.
		t = &tcpSide{next: 0xfffff000 + uint32(src.Port())}
		s.streams[flow{src, dst}] = t
	}
	return t
}

// segment writes one segment; reverse sends it from p.Dst to p.Src.
func (s *Frames) segment(p *Packet, reverse bool, flags byte, data []byte, out, back *tcpSide) {
	q := *p
	if reverse {
		q.Src, q.Dst = p.Dst, p.Src
	}
	b := binary.BigEndian.AppendUint16(s.l4[:0], q.Src.Port())
	b = binary.BigEndian.AppendUint16(b, q.Dst.Port())
	b = binary.BigEndian.AppendUint32(b, out.next)
	ack := back.next
	if flags&flagACK == 0 {
		ack = 0
	}
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[16:], checksum(b, pseudo(q.Src.Addr(), q.Dst.Addr(), protoTCP, len(b))))
	out.next += uint32(len(data))
	if flags&flagSYN != 0 {
		out.next++
	}
	s.l4 = b
	s.ip(&q, protoTCP, b)
}

// ip cuts b into as many packets as the MTU asks for.
func (s *Frames) ip(p *Packet, proto byte, b []byte) {
	s.ipID++
	if p.Src.Addr().Is4() {
		s.fragments(b, 20, func(part []byte, offset int, more bool) { s.ip4(p, proto, part, offset, more) })
		return
	}
	if 40+len(b) <= s.MTU {
		s.ip6(p, proto, b)
		return
	}
	s.fragments(b, 48, func(part []byte, offset int, more bool) {
		field := uint16(offset)
		if more {
			field |= 1
		}
		head := []byte{proto, 0, byte(field >> 8), byte(field), 0, 0, 0, 0}
		binary.BigEndian.PutUint32(head[4:], s.ipID)
		s.ip6(p, protoFrag, append(head, part...))
	})
}

func (s *Frames) fragments(b []byte, header int, write func(part []byte, offset int, more bool)) {
	most := (s.MTU - header) &^ 7
	for at := 0; at < len(b); at += most {
		end := min(at+most, len(b))
		if header+len(b) <= s.MTU {
			end = len(b)
		}
		write(b[at:end], at, end < len(b))
	}
}

func (s *Frames) ethernet(src, dst netip.Addr, etherType uint16) {
	b := s.buf[:0]
	for _, a := range []netip.Addr{dst, src} {
		raw := a.As16()
		b = append(append(b, 2, 0), raw[12:]...)
	}
	if s.VLAN != 0 {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, s.VLAN)
	}
	s.buf = binary.BigEndian.AppendUint16(b, etherType)
}

func (s *Frames) ip4(p *Packet, proto byte, part []byte, offset int, more bool) {
	s.ethernet(p.Src.Addr(), p.Dst.Addr(), 0x0800)
	at := len(s.buf)
	field := uint16(offset / 8)
	if more {
		field |= 0x2000
	}
	b := append(s.buf, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(part)))
	b = binary.BigEndian.AppendUint16(b, uint16(s.ipID))
	b = binary.BigEndian.AppendUint16(b, field)
	b = append(b, 64, proto, 0, 0)
	b = append(append(b, p.Src.Addr().AsSlice()...), p.Dst.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(b[at+10:], checksum(b[at:], 0))
	s.buf = append(b, part...)
	s.write(p)
}

func (s *Frames) ip6(p *Packet, next byte, payload []byte) {
	s.ethernet(p.Src.Addr(), p.Dst.Addr(), 0x86dd)
	b := append(s.buf, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, next, 64)
	b = append(append(b, p.Src.Addr().AsSlice()...), p.Dst.Addr().AsSlice()...)
	s.buf = append(b, payload...)
	s.write(p)
}

func (s *Frames) write(p *Packet) {
	if s.err != nil {
		return
	}
	s.frame = packet.Frame{Time: p.At, Data: s.buf, WireLen: len(s.buf), Link: packet.LinkEthernet}
	s.err = s.W.WriteFrame(&s.frame)
}

// pseudo is the sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
func pseudo(src, dst netip.Addr, proto, length int) uint32 {
	return sum16(src.AsSlice()) + sum16(dst.AsSlice()) + uint32(proto) + uint32(length)
}

func sum16(b []byte) (sum uint32) {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte, sum uint32) uint16 {
	sum += sum16(b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
