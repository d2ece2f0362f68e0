package packet

import "encoding/binary"

// IP protocol numbers (IANA) that lead to a packet.
const (
	protoHopByHop  = 0
	protoIPv4      = 4
	protoTCP       = 6
	protoUDP       = 17
	protoIPv6      = 41
	protoRouting   = 43
	protoFragment  = 44
	protoGRE       = 47
	protoAH        = 51
	protoDestOpts  = 60
	protoEtherIP   = 97
	protoSCTP      = 132
	protoMobility  = 135
	protoMPLS      = 137
	protoHIP       = 139
	protoShim6     = 140
	maxExtensions  = 8 // RFC 8200 section 4.1 has six, each once but one
	ipv6HeaderSize = 40
)

// ipv4 is RFC 791 section 3.1. What lies beyond the total length is padding of
// the link layer.
func (d *Decoder) ipv4(b []byte, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	if len(b) < 20 {
		return d.short()
	}
	header := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || header < 20 {
		return Malformed
	}
	total := int(be16(b[2:]))
	switch {
	case total == 0: // segmentation offload: the card would have filled it in
		p.Truncated = d.cut
	case total < header:
		return Malformed
	case total > len(b):
		p.Truncated = true
	default:
		p.Truncated = false
		b = b[:total]
	}
	if len(b) < header {
		return d.short()
	}
	mapIPv4(&p.Src.IP, b[12:])
	mapIPv4(&p.Dst.IP, b[16:])
	p.IPID = be16(b[4:])
	if frag := be16(b[6:]); frag&0x3fff != 0 {
		return d.fragment4(b[9], frag, b[header:], p)
	}
	return d.transport(b[9], b[header:], p)
}

// mapIPv4 sets ip to the IPv4 address at the start of b as Endpoints hold it.
// Three stores: building the array from its bytes took two thirds of the whole
// decoding of a packet (BenchmarkDecode).
func mapIPv4(ip *[16]byte, b []byte) {
	binary.BigEndian.PutUint64(ip[:], 0)
	binary.BigEndian.PutUint32(ip[8:], 0xffff)
	binary.BigEndian.PutUint32(ip[12:], be32(b))
}

// ipv6 is RFC 8200 section 3.
func (d *Decoder) ipv6(b []byte, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	if len(b) < ipv6HeaderSize {
		return d.short()
	}
	if b[0]>>4 != 6 {
		return Malformed
	}
	p.Src.IP = [16]byte(b[8:24])
	p.Dst.IP = [16]byte(b[24:40])
	p.IPID = 0
	next := b[6]
	length := int(be16(b[4:]))
	b = b[ipv6HeaderSize:]
	switch {
	case length == 0: // a jumbogram (RFC 2675) or segmentation offload
		p.Truncated = d.cut
	case length > len(b):
		p.Truncated = true
	default:
		p.Truncated = false
		b = b[:length]
	}
	return d.transport(next, b, p)
}

func (d *Decoder) transport(proto uint8, b []byte, p *Packet) Result {
	switch proto {
	case protoUDP:
		return d.udp(b, p)
	case protoTCP:
		return d.tcp(b, p)
	}
	return d.rareTransport(proto, b, p)
}

// udp is RFC 768. A length of 0 (RFC 2675 section 4, and some offloads) or
// beyond what is there leaves what is there, marked as cut.
func (d *Decoder) udp(b []byte, p *Packet) Result {
	if len(b) < 8 {
		return d.short()
	}
	p.Src.Port, p.Dst.Port = be16(b), be16(b[2:])
	length := int(be16(b[4:]))
	switch {
	case length == 0 || length > len(b):
		p.Truncated = true
		b = b[8:]
	case length < 8:
		return Malformed
	default:
		b = b[8:length]
	}
	switch p.Dst.Port {
	case portVXLAN, portVXLANLinux, portGeneve, portGTPU, portTZSP, portL2TP:
		if r := d.udpTunnel(b, p); r != 0 {
			return r
		}
	}
	p.Transport = UDP
	p.Payload = b
	return Payload
}

// tcp is RFC 9293 section 3.1.
func (d *Decoder) tcp(b []byte, p *Packet) Result {
	if len(b) < 20 {
		return d.short()
	}
	header := int(b[12]>>4) * 4
	if header < 20 {
		return Malformed
	}
	if header > len(b) {
		return d.short()
	}
	p.Src.Port, p.Dst.Port = be16(b), be16(b[2:])
	p.Seq = be32(b[4:])
	p.Flags = TCPFlags(b[13]) & (FIN | SYN | RST)
	p.Transport = TCP
	p.Payload = b[header:]
	return Payload
}

// rareTransport walks extension headers (RFC 8200 section 4) and enters
// tunnels. Extension headers behind IPv4 are unheard of but for the
// authentication header, and harmless.
func (d *Decoder) rareTransport(proto uint8, b []byte, p *Packet) Result {
	for range maxExtensions {
		var size int
		switch proto {
		case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
			if len(b) < 8 {
				return d.short()
			}
			size = (int(b[1]) + 1) * 8
		case protoAH: // counts in units of four bytes, less two (RFC 4302 section 2.2)
			if len(b) < 8 {
				return d.short()
			}
			size = (int(b[1]) + 2) * 4
		case protoFragment:
			return d.fragment6(b, p)
		default:
			return d.inner(proto, b, p)
		}
		if size > len(b) {
			return d.short()
		}
		proto, b = b[0], b[size:]
	}
	return TooDeep
}

// inner decodes what follows the last extension header.
func (d *Decoder) inner(proto uint8, b []byte, p *Packet) Result {
	switch proto {
	case protoUDP:
		return d.udp(b, p)
	case protoTCP:
		return d.tcp(b, p)
	case protoSCTP:
		return d.sctp(b, p)
	case protoIPv4:
		d.stats.Tunnelled++
		return d.ipv4(b, p)
	case protoIPv6:
		d.stats.Tunnelled++
		return d.ipv6(b, p)
	case protoGRE:
		return d.gre(b, p)
	case protoEtherIP:
		return d.etherIP(b, p)
	case protoMPLS:
		d.stats.Tunnelled++
		return d.mpls(b, p)
	}
	// ICMP ends here too: the datagram that an error message quotes was sent
	// once already.
	return NotTransport
}

// leadsOn reports whether fragments of proto are worth keeping.
func leadsOn(proto uint8) bool {
	switch proto {
	case protoUDP, protoTCP, protoSCTP, protoIPv4, protoIPv6, protoGRE, protoEtherIP, protoMPLS,
		protoHopByHop, protoRouting, protoDestOpts, protoAH, protoMobility, protoHIP, protoShim6:
		return true
	}
	return false
}
