package packet

// tzsp is what wireless access points and routers stream to whoever captures:
// version 1, a received packet, its link type, and tags of one byte (0 padding,
// 1 the last) or with a length. Only Ethernet is entered.
func (d *Decoder) tzsp(b []byte, p *Packet) Result {
	const header, ethernet, padding, last = 4, 1, 0, 1
	if len(b) < header || b[0] != 1 || b[1] != 0 || be16(b[2:]) != ethernet {
		return 0
	}
	for b = b[header:]; len(b) > 1; {
		switch b[0] {
		case last:
			if !plausibleEthernet(b[1:]) {
				return 0
			}
			d.stats.Tunnelled++
			return d.ethernet(b[1:], p)
		case padding:
			b = b[1:]
		default:
			b = b[min(2+int(b[1]), len(b)):]
		}
	}
	return 0
}

// l2tp is RFC 2661 section 3.1: version 2, a data message, reserved bits zero,
// and PPP with an IP packet. What else PPP carries is no affair of ours. SIP
// begins with letters that set reserved bits or another version, RTP with the
// bit of control messages.
func (d *Decoder) l2tp(b []byte, p *Packet) Result {
	const control, length, reserved, sequence, offset, version = 0x8000, 0x4000, 0x34f0, 0x0800, 0x0200, 0x000f
	if len(b) < 6 {
		return 0
	}
	flags := be16(b)
	if flags&(control|reserved) != 0 || flags&version != 2 {
		return 0
	}
	n := 6
	if flags&length != 0 {
		n += 2
	}
	if flags&sequence != 0 {
		n += 4
	}
	if flags&offset != 0 {
		if len(b) < n+2 {
			return 0
		}
		n += 2 + int(be16(b[n:]))
	}
	if len(b) <= n || !pppOfIP(b[n:]) {
		return 0
	}
	d.stats.Tunnelled++
	return d.ppp(b[n:], p)
}

// pppOfIP reports whether b is a PPP frame with an IP packet.
func pppOfIP(b []byte) bool {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	if len(b) > 0 && b[0] == 0 { // a protocol field of two bytes
		b = b[1:]
	}
	return len(b) >= 2 && (b[0] == 0x21 && b[1]>>4 == 4 || b[0] == 0x57 && b[1]>>4 == 6)
}
