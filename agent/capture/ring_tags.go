package capture

import "encoding/binary"

// EtherTypes that matter here.
const (
	etherIPv4  = 0x0800
	etherIPv6  = 0x86dd
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherPPPoE = 0x8864
)

// skipTags moves f to its IP header, past VLAN tags and PPPoE that are still in
// the data, so that what follows need not know them. The outer tag of a
// received packet is metadata and not in the data at all; an inner one is. What
// the kernel names as the protocol is not to be relied upon: depending on its
// version, it is the tag's although the data begins behind the tag, or that of
// the IP header although the data begins with the tag. The data decides.
func skipTags(f *frame) {
	if ipAt(f.data, 0, f.etherType, f.wireLen) {
		return
	}
	etherType, at := findIP(f)
	if etherType == 0 || at > len(f.data) {
		return
	}
	f.etherType = etherType
	f.data = f.data[at:]
	f.wireLen -= at
}

// findIP returns where the IP header is and its type, or type 0.
func findIP(f *frame) (etherType uint16, at int) {
	if f.etherType == etherPPPoE {
		return findPPP(f)
	}
	// A tag is 2 bytes of control information and the type of what follows.
	for at = 4; at <= 8 && at <= len(f.data); at += 4 {
		inner := binary.BigEndian.Uint16(f.data[at-2:])
		if ipAt(f.data, at, inner, f.wireLen) {
			return inner, at
		}
		if inner != etherVLAN && inner != etherQinQ {
			break
		}
	}
	if f.etherType != etherVLAN && f.etherType != etherQinQ {
		return 0, 0
	}
	for _, t := range [2]uint16{etherIPv4, etherIPv6} {
		if ipAt(f.data, 0, t, f.wireLen) {
			return t, 0
		}
	}
	return 0, 0
}

// findPPP looks behind a PPPoE session header (RFC 2516 section 4) and the
// protocol field of PPP.
func findPPP(f *frame) (etherType uint16, at int) {
	const header = 8
	if len(f.data) < header {
		return 0, 0
	}
	switch binary.BigEndian.Uint16(f.data[6:]) {
	case 0x0021:
		return etherIPv4, header
	case 0x0057:
		return etherIPv6, header
	}
	return 0, 0
}

// ipAt reports whether b has an IP header of this type at at whose length fits
// a packet of wire bytes.
func ipAt(b []byte, at int, etherType uint16, wire int) bool {
	if len(b) < at+20 {
		return false
	}
	h := b[at:]
	switch etherType {
	case etherIPv4:
		total := int(binary.BigEndian.Uint16(h[2:]))
		return h[0]>>4 == 4 && h[0]&15 >= 5 && total >= 20 && at+total <= wire
	case etherIPv6:
		return h[0]>>4 == 6 && at+40+int(binary.BigEndian.Uint16(h[4:])) <= wire
	}
	return false
}
