package packet

import "encoding/binary"

// Layers of capture tools that carry another link layer.
const (
	ppiHeader   = 8   // version, flags, length of all before the frame, its link type
	pktapHeader = 108 // length, kind of record, link type of the frame, and what is of no use here
	pktapPacket = 1   // the kind of record that is a packet
	nflogHeader = 4   // address family, version, queue
	nflogTLV    = 4   // length and type of a part
	nflogPacket = 9   // the type of the part that is the packet
)

// wrapped takes off what a capture tool put before the frame: PPI of wireless
// tools, PKTAP of macOS, NFLOG of Linux's firewall log. All three are in the
// byte order of their host, which is little-endian wherever they are written
// today.
func (d *Decoder) wrapped(f *Frame, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	b := f.Data
	inner := *f
	switch f.Link {
	case linkPPI:
		if len(b) < ppiHeader {
			return d.short()
		}
		inner.Link = Link(binary.LittleEndian.Uint32(b[4:]))
		return d.unwrap(&inner, int(binary.LittleEndian.Uint16(b[2:])), ppiHeader, p)
	case linkPktap:
		if len(b) < pktapHeader {
			return d.short()
		}
		if binary.LittleEndian.Uint32(b[4:]) != pktapPacket {
			return NotTransport
		}
		inner.Link = Link(binary.LittleEndian.Uint32(b[8:]))
		return d.unwrap(&inner, int(min(binary.LittleEndian.Uint32(b), 1<<16)), pktapHeader, p)
	default:
		return d.nflog(b, p)
	}
}

// unwrap goes on with the frame that begins n bytes in.
func (d *Decoder) unwrap(f *Frame, n, least int, p *Packet) Result {
	switch {
	case n < least:
		return Malformed
	case n > len(f.Data):
		return d.short()
	case f.Link > 0xffff: // no link type of the registry
		return Unsupported
	}
	f.Data = f.Data[n:]
	return d.link(f, p)
}

// nflog looks for the packet among the parts, each of which is padded to four
// bytes. It is an IP packet.
func (d *Decoder) nflog(b []byte, p *Packet) Result {
	if len(b) < nflogHeader {
		return d.short()
	}
	for b = b[nflogHeader:]; len(b) >= nflogTLV; {
		n, kind := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])&0x7fff
		if n < nflogTLV {
			return Malformed
		}
		if kind == nflogPacket {
			return d.raw(b[nflogTLV:], p) // the IP header knows where it ends
		}
		if n = (n + 3) &^ 3; n > len(b) {
			return d.short()
		}
		b = b[n:]
	}
	return NotTransport
}
