package packet

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func (d *Decoder) rareLink(f *Frame, p *Packet) Result {
	b := f.Data
	switch f.Link {
	case linkRawBSD, linkRawOpen:
		return d.raw(b, p)
	case linkIPv4:
		return d.ipv4(b, p)
	case linkIPv6:
		return d.ipv6(b, p)
	case linkMPLS:
		return d.mpls(b, p)
	case linkPPP, linkPPPHDLC:
		return d.ppp(b, p)
	case linkPPPoE:
		return d.pppoe(b, p)
	case linkPPPDir: // one byte of direction first
		if len(b) < 1 {
			return d.short()
		}
		return d.ppp(b[1:], p)
	case linkCiscoHDL: // address, control, EtherType (RFC 1547 section 4.3.1)
		if len(b) < 4 {
			return d.short()
		}
		return d.network(be16(b[2:]), b[4:], p)
	case linkWifi:
		return d.wifi(b, p)
	case linkRadiotap: // version, pad, little-endian length of the whole header
		if len(b) < 4 {
			return d.short()
		}
		n := int(binary.LittleEndian.Uint16(b[2:]))
		if n < 8 {
			return Malformed
		}
		if n > len(b) {
			return d.short()
		}
		return d.wifi(b[n:], p)
	case linkPPI, linkPktap, linkNFLog:
		return d.wrapped(f, p)
	default:
		return d.exotic(f, p)
	}
}

// exotic leaves the link layer of FDDI, Prism, pflog and the like to gopacket,
// up to the first IP header. It decodes lazily, so that gopacket never sees
// the tunnels that may follow, and on a copy, because some of its decoders
// write into their input.
func (d *Decoder) exotic(f *Frame, p *Packet) Result {
	if f.Link > Link(len(layers.LinkTypeMetadata)-1) || layers.LinkTypeMetadata[f.Link].DecodeWith == nil {
		return Unsupported
	}
	d.copied = append(d.copied[:0], f.Data...)
	pkt := gopacket.NewPacket(d.copied, layers.LinkType(f.Link),
		gopacket.DecodeOptions{Lazy: true, NoCopy: true, SkipDecodeRecovery: true})
	ip := pkt.NetworkLayer()
	if ip == nil {
		if pkt.ErrorLayer() != nil {
			return d.short()
		}
		return NotTransport
	}
	at := offsetIn(d.copied, ip.LayerContents())
	if at < 0 {
		return Unsupported
	}
	return d.raw(d.copied[at:], p)
}

// offsetIn returns where part, a slice of whole, begins in it, and -1 when it
// is none. The payload of a gopacket layer does not do: for IPv6 it leaves out
// the hop-by-hop header.
func offsetIn(whole, part []byte) int {
	at := cap(whole) - cap(part)
	if len(part) == 0 || at < 0 || at >= len(whole) || &whole[at] != &part[0] {
		return -1
	}
	return at
}

// maxLabels bounds an MPLS label stack; real ones stay below six.
const maxLabels = 10

// mpls pops labels down to the bottom of the stack (RFC 3032 section 2.1).
// What follows is not named: an IP header or a pseudowire's Ethernet frame,
// with or without a control word (RFC 4385 section 3), told by its first bits.
func (d *Decoder) mpls(b []byte, p *Packet) Result {
	for range maxLabels {
		if len(b) < 4 {
			return d.short()
		}
		bottom := b[2]&1 != 0
		b = b[4:]
		if bottom {
			return d.underLabels(b, p)
		}
	}
	return TooDeep
}

func (d *Decoder) underLabels(b []byte, p *Packet) Result {
	if len(b) == 0 {
		return d.short()
	}
	switch {
	case ipFits(b):
		return d.raw(b, p)
	case b[0]>>4 == 0 && len(b) >= 4 && plausibleEthernet(b[4:]):
		return d.ethernet(b[4:], p)
	case plausibleEthernet(b):
		return d.ethernet(b, p)
	case b[0]>>4 == 4 || b[0]>>4 == 6: // cut, or bad: the header will tell
		return d.raw(b, p)
	}
	return NotTransport
}

// ipFits reports whether b begins with an IP header whose length agrees with
// b's. The first four bits alone are also those of many MAC addresses.
func ipFits(b []byte) bool {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		n := int(be16(b[2:]))
		return n >= 20 && n <= len(b)
	case len(b) >= ipv6HeaderSize && b[0]>>4 == 6:
		return ipv6HeaderSize+int(be16(b[4:])) <= len(b)
	}
	return false
}

// pppoe is RFC 2516 section 4: version 1, type 1, code 0 for a session. The
// length is not needed: the IP header has its own.
func (d *Decoder) pppoe(b []byte, p *Packet) Result {
	if len(b) < 6 {
		return d.short()
	}
	if b[0] != 0x11 {
		return Malformed
	}
	if b[1] != 0 {
		return NotTransport
	}
	return d.ppp(b[6:], p)
}

// ppp skips the HDLC address and control bytes where they were kept, and reads
// a protocol field of two bytes, or of one when compressed: the last byte of
// the field is the odd one (RFC 1661 section 2).
func (d *Decoder) ppp(b []byte, p *Packet) Result {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	if len(b) < 2 {
		return d.short()
	}
	proto, n := be16(b), 2
	if b[0]&1 != 0 {
		proto, n = uint16(b[0]), 1
	}
	switch proto {
	case 0x0021:
		return d.ipv4(b[n:], p)
	case 0x0057:
		return d.ipv6(b[n:], p)
	case 0x0281, 0x0283:
		return d.mpls(b[n:], p)
	}
	return NotTransport
}

// llc is an IEEE 802.2 header; only the SNAP form (RFC 1042) leads to IP.
func (d *Decoder) llc(b []byte, p *Packet) Result {
	if len(b) < 3 {
		return d.short()
	}
	if b[0] != 0xaa || b[1] != 0xaa || b[2] != 3 {
		return NotTransport
	}
	if len(b) < 8 {
		return d.short()
	}
	if b[3] != 0 || b[4] != 0 || b[5] != 0 { // an organisation's own protocol
		return NotTransport
	}
	return d.network(be16(b[6:]), b[8:], p)
}

// wifi is an IEEE 802.11 data frame (section 9.3.2). A check sequence at its
// end does no harm, since IP has its own length: gopacket cuts four bytes off
// whether they are one or not.
func (d *Decoder) wifi(b []byte, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	if len(b) < 24 {
		return d.short()
	}
	const (
		data, qos, noData = 2, 8, 4
		toFromDS          = 0x03
		moreFragments     = 0x04
		protected         = 0x40
		order             = 0x80
	)
	kind, sub := b[0]>>2&3, b[0]>>4
	if b[0]&3 != 0 || kind != data || sub&noData != 0 || b[1]&protected != 0 {
		return NotTransport
	}
	if b[1]&moreFragments != 0 || b[22]&0x0f != 0 { // a part of a frame
		return NotTransport
	}
	n := 24
	if b[1]&toFromDS == toFromDS {
		n += 6
	}
	if sub&qos != 0 {
		if len(b) < n+2 {
			return d.short()
		}
		if b[n]&0x80 != 0 { // A-MSDU: several frames in one
			return NotTransport
		}
		n += 2
		if b[1]&order != 0 {
			n += 4 // HT control
		}
	}
	if len(b) < n {
		return d.short()
	}
	return d.llc(b[n:], p)
}
