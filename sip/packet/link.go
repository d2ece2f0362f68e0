package packet

import "encoding/binary"

// EtherTypes (IEEE 802 numbers) that lead to a packet.
const (
	etherIPv4    = 0x0800
	etherARP     = 0x0806
	etherVLAN    = 0x8100 // 802.1Q
	etherQinQ    = 0x88a8 // 802.1ad
	etherQinQOld = 0x9100 // 802.1ad before it had its own number
	etherIPv6    = 0x86dd
	etherMPLS    = 0x8847
	etherMPLSUp  = 0x8848 // upstream-assigned labels
	etherPPPoE   = 0x8864 // session stage; the discovery stage carries no packets
	etherTEB     = 0x6558 // transparent Ethernet bridging
	etherPPP     = 0x880b
	etherMin     = 0x0600 // below it the field is a length (IEEE 802.3 section 3.2.6)
)

// Link types of the pcap registry beside those that packet.go names.
const (
	linkPPP      Link = 9
	linkRawBSD   Link = 12 // DLT_RAW as Linux and most BSDs once wrote it
	linkRawOpen  Link = 14 // the same from OpenBSD
	linkPPPHDLC  Link = 50
	linkPPPoE    Link = 51
	linkCiscoHDL Link = 104
	linkWifi     Link = 105
	linkLoop     Link = 108
	linkRadiotap Link = 127
	linkPPI      Link = 192
	linkPPPDir   Link = 204
	linkMPLS     Link = 219
	linkIPv4     Link = 228
	linkIPv6     Link = 229
	linkNFLog    Link = 239
	linkPktap    Link = 258
)

// link takes the link layer off.
func (d *Decoder) link(f *Frame, p *Packet) Result {
	switch f.Link {
	case LinkEthernet:
		return d.ethernet(f.Data, p)
	case LinkNetwork:
		return d.network(f.EtherType, f.Data, p)
	case LinkSLL:
		return d.sll(f.Data, p)
	case LinkSLL2:
		return d.sll2(f.Data, p)
	case LinkRaw:
		return d.raw(f.Data, p)
	case LinkNull, linkLoop:
		return d.null(f.Data, p)
	case LinkHEP:
		return d.decodeHEP(f, p)
	default:
		return d.rareLink(f, p)
	}
}

func (d *Decoder) ethernet(b []byte, p *Packet) Result {
	if len(b) < 14 {
		return d.short()
	}
	return d.network(be16(b[12:]), b[14:], p)
}

// network goes on by EtherType. One or two VLAN tags are the common path of a
// trunk port, so they are taken off here.
func (d *Decoder) network(etherType uint16, b []byte, p *Packet) Result {
	for range 2 {
		if etherType != etherVLAN && etherType != etherQinQ && etherType != etherQinQOld {
			break
		}
		if len(b) < 4 {
			return d.short()
		}
		etherType, b = be16(b[2:]), b[4:]
	}
	switch etherType {
	case etherIPv4:
		return d.ipv4(b, p)
	case etherIPv6:
		return d.ipv6(b, p)
	}
	return d.rareNetwork(etherType, b, p)
}

func (d *Decoder) rareNetwork(etherType uint16, b []byte, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	switch etherType {
	case etherMPLS, etherMPLSUp:
		return d.mpls(b, p)
	case etherPPPoE:
		return d.pppoe(b, p)
	case etherVLAN, etherQinQ, etherQinQOld:
		return d.network(etherType, b, p)
	case etherTEB:
		return d.ethernet(b, p)
	}
	if etherType < etherMin {
		return d.llc(b, p)
	}
	return NotTransport
}

// plausibleEthernet reports whether b looks like a frame that carries
// something: the test of tunnels that do not name what they hold.
func plausibleEthernet(b []byte) bool {
	if len(b) < 14 {
		return false
	}
	switch be16(b[12:]) {
	case etherIPv4, etherIPv6, etherARP, etherVLAN, etherQinQ, etherQinQOld,
		etherMPLS, etherMPLSUp, etherPPPoE:
		return true
	}
	return false
}

// raw begins with the IP header and names no protocol.
func (d *Decoder) raw(b []byte, p *Packet) Result {
	if len(b) == 0 {
		return d.short()
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(b, p)
	case 6:
		return d.ipv6(b, p)
	}
	return Malformed
}

// null is a four-byte address family in the byte order of the host that wrote
// the file (LINKTYPE_NULL) or in network order (LINKTYPE_LOOP). AF_INET is 2
// everywhere and AF_INET6 differs between systems, so that the IP header
// decides between the two.
func (d *Decoder) null(b []byte, p *Packet) Result {
	if len(b) < 4 {
		return d.short()
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = be32(b)
	}
	switch family {
	case 2, 10, 24, 28, 30:
		return d.raw(b[4:], p)
	}
	return NotTransport
}

// arphrdNetlink marks captures of nlmon devices: no network protocol follows.
const arphrdNetlink = 824

// sll is Linux cooked capture version 1: packet type, ARPHRD, address length
// and address, protocol.
func (d *Decoder) sll(b []byte, p *Packet) Result {
	if len(b) < 16 {
		return d.short()
	}
	if be16(b[2:]) == arphrdNetlink {
		return NotTransport
	}
	return d.network(be16(b[14:]), b[16:], p)
}

// sll2 is version 2, which begins with the protocol and adds the interface:
// without it a packet that two interfaces saw would look like one sent twice.
func (d *Decoder) sll2(b []byte, p *Packet) Result {
	if len(b) < 20 {
		return d.short()
	}
	p.Iface = be32(b[4:])
	if be16(b[8:]) == arphrdNetlink {
		return NotTransport
	}
	return d.network(be16(b), b[20:], p)
}
