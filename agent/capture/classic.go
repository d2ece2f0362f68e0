package capture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A telephone-event packet is 24 bytes of UDP: its header, 12 of RTP, 4 of the
// event. Redundancy (RFC 2198), CSRCs and a header extension make it larger;
// a voice packet of 20 ms G.711 has 180. What lies between passes.
const (
	classicMinUDP = 20
	classicMaxUDP = 60
)

// Offsets of what is not packet data (linux/filter.h).
const (
	adProtocol = 0
	adPktType  = 4
	adIfindex  = 8

	packetOutgoing = 4
)

// IP protocols and IPv6 extension headers.
const (
	protoHopOpts  = 0
	protoIPIP     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoDstOpts  = 60
)

// Well-known ports of tunnels.
const (
	portGTPU     = 2152
	portVXLAN    = 4789
	portVXLANOld = 8472
)

// classicFilter assembles the filter for hosts that refuse eBPF. It passes SIP
// ports, fragments, and UDP that may be a telephone event, and keeps to the
// order of bpf/filter.c as far as classic BPF can.
func classicFilter(cfg *LiveConfig) ([]unix.SockFilter, error) {
	a := &assembler{at: map[string]int{}}
	a.classicStart()
	a.classicTags()
	a.classicIPv4()
	a.classicIPv6()
	a.classicTransport(cfg)
	a.label("pass")
	a.ret(0xffffffff)
	a.label("drop")
	a.ret(0)
	return a.assemble()
}

// X holds the offset of the header at hand from here on, M[0] the protocol.
func (a *assembler) classicStart() {
	a.loadAncillary(adPktType)
	a.jump(unix.BPF_JEQ, packetOutgoing, "", "type")
	a.loadAncillary(adIfindex)
	a.jump(unix.BPF_JEQ, loopbackIndex, "to drop", "")
	a.label("type")
	a.setX(0)
	a.loadAncillary(adProtocol)
	a.jump(unix.BPF_JEQ, etherIPv4, "to ipv4", "")
	a.jump(unix.BPF_JEQ, etherIPv6, "to ipv6", "")
	a.jump(unix.BPF_JEQ, etherVLAN, "tag", "")
	a.jump(unix.BPF_JEQ, etherQinQ, "tag", "")
	a.jump(unix.BPF_JEQ, etherPPPoE, "ppp", "")
	a.label("to drop")
	a.always("drop")
	a.label("to ipv4")
	a.always("ipv4")
	a.label("to ipv6")
	a.always("ipv6")
}

// Tags that are still in the data, and PPPoE. A tag may also be named where the
// data begins behind it; see skipTags.
func (a *assembler) classicTags() {
	a.label("tag")
	for _, at := range []uint32{4, 8} {
		more := fmt.Sprint("tag after ", at)
		a.setX(at)
		a.load(unix.BPF_H|unix.BPF_ABS, at-2)
		a.jump(unix.BPF_JEQ, etherIPv4, "ipv4 tagged", "")
		a.jump(unix.BPF_JEQ, etherIPv6, "ipv6 tagged", "")
		a.jump(unix.BPF_JEQ, etherVLAN, more, "")
		a.jump(unix.BPF_JEQ, etherQinQ, more, "untagged")
		a.label(more)
	}
	a.always("untagged")
	a.label("ipv4 tagged")
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	a.alu(unix.BPF_RSH, 4)
	a.jump(unix.BPF_JEQ, 4, "ipv4", "untagged")
	a.label("ipv6 tagged")
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	a.alu(unix.BPF_RSH, 4)
	a.jump(unix.BPF_JEQ, 6, "to ipv6 again", "untagged")
	a.label("ppp")
	a.setX(8)
	a.load(unix.BPF_H|unix.BPF_ABS, 6)
	a.jump(unix.BPF_JEQ, 0x0021, "ipv4", "")
	a.jump(unix.BPF_JEQ, 0x0057, "to ipv6 again", "")
	a.always("drop")
	a.label("to ipv6 again")
	a.always("ipv6")
	a.label("untagged")
	a.setX(0)
	a.load(unix.BPF_B|unix.BPF_ABS, 0)
	a.alu(unix.BPF_RSH, 4)
	a.jump(unix.BPF_JEQ, 6, "to ipv6 again 2", "")
	a.jump(unix.BPF_JEQ, 4, "ipv4", "")
	a.always("drop")
	a.label("to ipv6 again 2")
	a.always("ipv6")
}

func (a *assembler) classicIPv4() {
	a.label("ipv4")
	a.load(unix.BPF_H|unix.BPF_IND, 6)
	a.jump(unix.BPF_JSET, 0x3fff, "", "ipv4 whole") // MF or an offset
	a.load(unix.BPF_B|unix.BPF_IND, 9)
	a.jump(unix.BPF_JEQ, protoUDP, "pass fragment", "")
	a.jump(unix.BPF_JEQ, protoTCP, "pass fragment", "")
	a.always("drop")
	a.label("pass fragment")
	a.always("pass")
	a.label("ipv4 whole")
	a.load(unix.BPF_B|unix.BPF_IND, 9)
	a.store(0)
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	a.alu(unix.BPF_AND, 15)
	a.alu(unix.BPF_LSH, 2)
	a.advance()
	a.always("transport")
}

// classicExtensions is how many IPv6 extension headers are walked; there are
// no loops in classic BPF.
const classicExtensions = 3

func (a *assembler) classicIPv6() {
	a.label("ipv6")
	a.load(unix.BPF_B|unix.BPF_IND, 6)
	a.store(0)
	a.setA(40)
	a.advance()
	for i := range classicExtensions {
		a.classicExtension(fmt.Sprint(" ", i))
	}
	a.always("transport")
}

// classicExtension steps over the header at X if M[0] says that it is one.
func (a *assembler) classicExtension(n string) {
	a.loadStored(0)
	a.jump(unix.BPF_JEQ, protoFragment, "fragment"+n, "")
	a.jump(unix.BPF_JEQ, protoHopOpts, "options"+n, "")
	a.jump(unix.BPF_JEQ, protoRouting, "options"+n, "")
	a.jump(unix.BPF_JEQ, protoDstOpts, "options"+n, "over"+n)
	a.label("fragment" + n)
	a.load(unix.BPF_H|unix.BPF_IND, 2)
	a.jump(unix.BPF_JSET, 0xfff9, "fragment passes"+n, "")
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	a.store(0)
	a.setA(8)
	a.advance()
	a.always("over" + n)
	a.label("fragment passes" + n)
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	for _, next := range []uint32{protoUDP, protoTCP, protoDstOpts, protoRouting} {
		a.jump(unix.BPF_JEQ, next, "fragment wanted"+n, "")
	}
	a.always("drop")
	a.label("fragment wanted" + n)
	a.always("pass")
	a.label("options" + n)
	a.load(unix.BPF_B|unix.BPF_IND, 0)
	a.store(0)
	a.load(unix.BPF_B|unix.BPF_IND, 1)
	a.alu(unix.BPF_ADD, 1)
	a.alu(unix.BPF_LSH, 3)
	a.advance()
	a.label("over" + n)
}

func (a *assembler) classicTransport(cfg *LiveConfig) {
	a.label("transport")
	a.loadStored(0)
	a.jump(unix.BPF_JEQ, protoUDP, "ports", "")
	a.jump(unix.BPF_JEQ, protoTCP, "ports", "")
	if cfg.Tunnels {
		for _, p := range []uint32{protoIPIP, protoIPv6, protoGRE} {
			a.jump(unix.BPF_JEQ, p, "pass tunnel", "")
		}
	}
	a.always("drop")
	a.label("pass tunnel")
	a.always("pass")
	a.label("ports")
	for _, at := range []uint32{0, 2} {
		a.load(unix.BPF_H|unix.BPF_IND, at)
		for _, port := range cfg.SIPPorts {
			a.jump(unix.BPF_JEQ, uint32(port), "sip", "")
		}
	}
	a.loadStored(0)
	a.jump(unix.BPF_JEQ, protoUDP, "udp", "")
	a.always("drop")
	a.label("sip")
	a.loadStored(0)
	a.jump(unix.BPF_JEQ, protoUDP, "", "sip passes")
	a.load(unix.BPF_H|unix.BPF_IND, 4)
	a.jump(unix.BPF_JGT, 12, "", "keep-alive") // RFC 5626 section 3.5.1
	a.label("sip passes")
	a.always("pass")
	a.label("keep-alive")
	a.always("drop")
	a.classicUDP(cfg)
}

func (a *assembler) classicUDP(cfg *LiveConfig) {
	a.label("udp")
	if cfg.Tunnels {
		a.load(unix.BPF_H|unix.BPF_IND, 2)
		for _, port := range []uint32{portVXLAN, portVXLANOld, portGTPU} {
			a.jump(unix.BPF_JEQ, port, "pass", "")
		}
	}
	a.load(unix.BPF_H|unix.BPF_IND, 8)
	a.alu(unix.BPF_AND, 0xc0e0)
	// Version 2; 110xxxxx in the second byte is RTCP (RFC 5761 section 4).
	a.jump(unix.BPF_JEQ, 0x80c0, "rtcp", "")
	a.alu(unix.BPF_AND, 0xc000)
	a.jump(unix.BPF_JEQ, 0x8000, "", "drop")
	a.load(unix.BPF_H|unix.BPF_IND, 4)
	a.jump(unix.BPF_JGT, classicMaxUDP, "drop", "")
	a.jump(unix.BPF_JGE, classicMinUDP, "pass", "drop")
	a.label("rtcp")
	if !cfg.RTCP {
		a.always("drop")
	}
}
