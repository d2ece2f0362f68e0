package packet

// UDP ports (IANA) of tunnels. A media or SIP port can have the same number,
// so that a header must be plausible too; else the datagram is plain UDP.
const (
	portL2TP       = 1701
	portGTPU       = 2152
	portVXLAN      = 4789
	portGeneve     = 6081
	portVXLANLinux = 8472 // the kernel's default from before IANA's number
	portTZSP       = 37008
)

// udpTunnel enters the tunnel that the destination port suggests. It returns 0,
// with p as it was, when the payload does not look like one.
func (d *Decoder) udpTunnel(b []byte, p *Packet) Result {
	switch p.Dst.Port {
	case portVXLAN, portVXLANLinux:
		return d.vxlan(b, p)
	case portGeneve:
		return d.geneve(b, p)
	case portGTPU:
		return d.gtpu(b, p)
	case portTZSP:
		return d.tzsp(b, p)
	case portL2TP:
		return d.l2tp(b, p)
	}
	return 0
}

// vxlan is RFC 7348 section 5: the I flag, everything else reserved and zero
// but the group policy extension's flag and group. SIP begins with a letter
// and RTP with version 2, so that neither passes.
func (d *Decoder) vxlan(b []byte, p *Packet) Result {
	const header, valid, groupPolicy = 8, 0x08, 0x88
	if len(b) < header || b[7] != 0 || !plausibleEthernet(b[header:]) {
		return 0
	}
	switch {
	case b[0] == valid && b[1] == 0 && b[2] == 0 && b[3] == 0:
	case b[0] == groupPolicy:
	default:
		return 0
	}
	d.stats.Tunnelled++
	return d.ethernet(b[header:], p)
}

// geneve is RFC 8926 section 3.4: version 0, options in units of four bytes,
// reserved bits zero.
func (d *Decoder) geneve(b []byte, p *Packet) Result {
	if len(b) < 8 || b[0]>>6 != 0 || b[1]&0x3f != 0 || b[7] != 0 {
		return 0
	}
	header := 8 + int(b[0]&0x3f)*4
	etherType := be16(b[2:])
	switch {
	case len(b) < header:
		return 0
	case etherType == etherTEB && plausibleEthernet(b[header:]):
	case etherType == etherIPv4, etherType == etherIPv6:
	default:
		return 0
	}
	d.stats.Tunnelled++
	return d.network(etherType, b[header:], p)
}

// gtpu is 3GPP TS 29.281 section 5.1: version 1, protocol type GTP, message
// 255 (G-PDU). The optional fields come all together when any flag is set;
// extension headers count in units of four bytes and end with their successor.
func (d *Decoder) gtpu(b []byte, p *Packet) Result {
	const header, gpdu, optional, extended = 8, 255, 0x07, 0x04
	if len(b) < header || b[0]&0xf0 != 0x30 || b[1] != gpdu {
		return 0
	}
	if n := header + int(be16(b[2:])); n != len(b) && !p.Truncated {
		return 0
	}
	n := header
	if b[0]&optional != 0 {
		n += 4
		if len(b) < n {
			return 0
		}
		next := b[n-1]
		for range maxExtensions {
			if b[0]&extended == 0 || next == 0 {
				break
			}
			if len(b) <= n || b[n] == 0 || len(b) < n+int(b[n])*4 {
				return 0
			}
			n += int(b[n]) * 4
			next = b[n-1]
		}
	}
	if len(b) <= n || (b[n]>>4 != 4 && b[n]>>4 != 6) {
		return 0
	}
	d.stats.Tunnelled++
	return d.raw(b[n:], p)
}

// Protocol types of GRE that are not EtherTypes of something else.
const (
	greERSPAN  = 0x88be // type I and II
	greERSPAN3 = 0x22eb
)

// gre is RFC 2784 with the key and sequence number of RFC 2890 (version 0), or
// PPTP's variant (version 1, RFC 2637 section 4.1).
func (d *Decoder) gre(b []byte, p *Packet) Result {
	const checksum, routing, key, sequence, ack = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
	if len(b) < 4 {
		return d.short()
	}
	flags, proto := be16(b), be16(b[2:])
	version := flags & 7
	if flags&routing != 0 || version > 1 { // source routes are gone since RFC 2784
		return NotTransport
	}
	n := 4
	for _, bit := range [...]uint16{checksum, key, sequence} {
		if flags&bit != 0 {
			n += 4
		}
	}
	if version == 1 && flags&ack != 0 {
		n += 4
	}
	if len(b) < n {
		return d.short()
	}
	b = b[n:]
	d.stats.Tunnelled++
	switch {
	case version == 1 && len(b) == 0: // an acknowledgement alone
		return NotTransport
	case version == 1 || proto == etherPPP:
		return d.ppp(b, p)
	case proto == greERSPAN:
		return d.erspan(b, p, flags&sequence != 0)
	case proto == greERSPAN3:
		return d.erspan3(b, p)
	}
	return d.network(proto, b, p)
}

// erspan is a switch's mirror session: type II has a header of 8 bytes and
// always a GRE sequence number, type I has neither
// (draft-foschiano-erspan section 4).
func (d *Decoder) erspan(b []byte, p *Packet, sequence bool) Result {
	if sequence {
		if len(b) < 8 {
			return d.short()
		}
		b = b[8:]
	}
	return d.ethernet(b, p)
}

// erspan3 has a header of 12 bytes and 8 more when its last bit says so; the
// frame type tells an Ethernet frame from a bare IP packet.
func (d *Decoder) erspan3(b []byte, p *Packet) Result {
	const header, subheader, frameIP = 12, 8, 2
	if len(b) < header {
		return d.short()
	}
	kind, n := b[10]>>2&0x1f, header
	if b[11]&1 != 0 {
		n += subheader
	}
	if len(b) < n {
		return d.short()
	}
	if kind == frameIP {
		return d.raw(b[n:], p)
	}
	return d.ethernet(b[n:], p)
}

// etherIP is RFC 3378: version 3 and twelve reserved bits, then a frame.
func (d *Decoder) etherIP(b []byte, p *Packet) Result {
	if len(b) < 2 {
		return d.short()
	}
	if b[0]>>4 != 3 {
		return Malformed
	}
	if !d.deeper() {
		return TooDeep
	}
	d.stats.Tunnelled++
	return d.ethernet(b[2:], p)
}
