package packet

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// The frames of these tests: every carrier (link type, tags, tunnels) around
// every inner packet. What gopacket can write, it writes, so that our idea of
// a header is not checked against itself.

const body = "OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func u16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

func zeros(n int) []byte { return make([]byte, n) }

// serialize writes layers with gopacket, lengths and checksums filled in.
func serialize(ls ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, ls...); err != nil {
		panic(err)
	}
	return slices.Clone(b.Bytes())
}

var (
	mac4a = netip.MustParseAddrPort("192.0.2.10:5060")
	mac4b = netip.MustParseAddrPort("198.51.100.20:5080")
	end6a = netip.MustParseAddrPort("[2001:db8::10]:5060")
	end6b = netip.MustParseAddrPort("[2001:db8:1::20]:5080")
)

func ip4(proto layers.IPProtocol, src, dst netip.Addr) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 0x1234, Protocol: proto,
		SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

func ip6(next layers.IPProtocol, src, dst netip.Addr) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

func udpTo(src, dst uint16) *layers.UDP {
	return &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
}

func ethTo(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: t}
}

// outer4 wraps b in IPv4 between two tunnel ends.
func outer4(proto layers.IPProtocol, b []byte) []byte {
	return serialize(ip4(proto, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")), gopacket.Payload(b))
}

func outer6(next layers.IPProtocol, b []byte) []byte {
	return serialize(ip6(next, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")), gopacket.Payload(b))
}

// outerUDP wraps b in UDP to a tunnel's port.
func outerUDP(port uint16, b []byte) []byte {
	return outer4(layers.IPProtocolUDP, serialize(udpTo(40000, port), gopacket.Payload(b)))
}

// inner is a packet from its IP header on, and what must be read from it.
type inner struct {
	name      string
	etherType uint16
	ip        []byte
	src, dst  netip.AddrPort
	transport Transport
	payload   string
	seq       uint32
	flags     TCPFlags
	ipid      uint16
	whole     bool
}

func inners() []inner {
	v4 := func(name string, ip []byte) inner {
		return inner{name: name, etherType: etherIPv4, ip: ip, src: mac4a, dst: mac4b, transport: UDP, payload: body, ipid: 0x1234}
	}
	v6 := func(name string, ip []byte) inner {
		return inner{name: name, etherType: etherIPv6, ip: ip, src: end6a, dst: end6b, transport: UDP, payload: body}
	}
	datagram := serialize(udpTo(5060, 5080), gopacket.Payload(body))
	plain4 := serialize(ip4(layers.IPProtocolUDP, mac4a.Addr(), mac4b.Addr()), gopacket.Payload(datagram))

	withOptions := ip4(layers.IPProtocolUDP, mac4a.Addr(), mac4b.Addr())
	withOptions.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}

	segment := serialize(&layers.TCP{SrcPort: 5060, DstPort: 5080, Seq: 0xdeadbeef, SYN: true, FIN: true, ACK: true,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}}}},
		gopacket.Payload(body))
	tcp4 := v4("ipv4 tcp", serialize(ip4(layers.IPProtocolTCP, mac4a.Addr(), mac4b.Addr()), gopacket.Payload(segment)))
	tcp4.transport, tcp4.seq, tcp4.flags = TCP, 0xdeadbeef, SYN|FIN

	reset := v6("ipv6 tcp reset", serialize(ip6(layers.IPProtocolTCP, end6a.Addr(), end6b.Addr()),
		gopacket.Payload(serialize(&layers.TCP{SrcPort: 5060, DstPort: 5080, Seq: 7, RST: true}))))
	reset.transport, reset.seq, reset.flags, reset.payload = TCP, 7, RST, ""

	hop := func(next uint8) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }
	routing := func(next uint8) []byte { return cat([]byte{next, 2, 0, 0, 0, 0, 0, 0}, zeros(16)) }
	ah := func(next uint8) []byte { return cat([]byte{next, 4, 0, 0}, zeros(20)) }
	extended := serialize(ip6(layers.IPProtocolIPv6HopByHop, end6a.Addr(), end6b.Addr()),
		gopacket.Payload(cat(hop(protoDestOpts), hop(protoRouting), routing(protoAH), ah(protoDestOpts), hop(protoUDP), datagram)))
	atomic := serialize(ip6(layers.IPProtocolIPv6Fragment, end6a.Addr(), end6b.Addr()),
		gopacket.Payload(cat([]byte{protoUDP, 0, 0, 0, 1, 2, 3, 4}, datagram)))

	chunk := func(kind, flags uint8, header int, payload string) []byte {
		b := cat([]byte{kind, flags}, u16(header+len(payload)), u32(99), zeros(header-8), []byte(payload))
		return cat(b, zeros(-len(b)&3))
	}
	association := func(chunks ...[]byte) []byte {
		return serialize(ip4(layers.IPProtocolSCTP, mac4a.Addr(), mac4b.Addr()),
			gopacket.Payload(cat(u16(5060), u16(5080), zeros(8), cat(chunks...))))
	}
	sctp := v4("ipv4 sctp", association(chunk(3, 0, 16, ""), chunk(0, 1, 16, "part"), chunk(0, 3, 16, body), chunk(0, 3, 16, "next")))
	sctp.transport, sctp.whole, sctp.seq = SCTP, true, 99
	idata := v4("ipv4 sctp i-data", association(chunk(64, 3, 20, body)))
	idata.transport, idata.whole, idata.seq = SCTP, true, 99

	return []inner{
		v4("ipv4 udp", plain4),
		v4("ipv4 options", serialize(withOptions, gopacket.Payload(datagram))),
		v4("ipv4 ah", serialize(ip4(layers.IPProtocolAH, mac4a.Addr(), mac4b.Addr()), gopacket.Payload(cat(ah(protoUDP), datagram)))),
		tcp4,
		sctp,
		idata,
		v6("ipv6 udp", serialize(ip6(layers.IPProtocolUDP, end6a.Addr(), end6b.Addr()), gopacket.Payload(datagram))),
		v6("ipv6 extensions", extended),
		v6("ipv6 atomic fragment", atomic),
		reset,
	}
}

// carrier wraps an IP packet into a frame.
type carrier struct {
	name  string
	link  Link
	ether uint16 // of the frame, for LinkNetwork; 0: the inner packet's
	wrap  func(etherType uint16, ip []byte) []byte
	only  uint16 // the one EtherType that it can carry, 0 for both
	alloc bool   // may allocate
}

func bridged(t uint16, ip []byte) []byte {
	return serialize(ethTo(layers.EthernetType(t)), gopacket.Payload(ip))
}

func pppProto(t uint16) layers.PPPType {
	if t == etherIPv6 {
		return layers.PPPTypeIPv6
	}
	return layers.PPPTypeIPv4
}

func ipProto(t uint16) layers.IPProtocol {
	if t == etherIPv6 {
		return layers.IPProtocolIPv6
	}
	return layers.IPProtocolIPv4
}

func onEthernet(f func(uint16, []byte) []byte) func(uint16, []byte) []byte {
	return func(t uint16, ip []byte) []byte { return bridged(etherIPv4, f(t, ip)) }
}

func gre(g *layers.GRE, b []byte) []byte {
	return outer4(layers.IPProtocolGRE, serialize(g, gopacket.Payload(b)))
}

func carriers() []carrier {
	same := func(_ uint16, ip []byte) []byte { return ip }
	vlans := func(tpids ...layers.EthernetType) func(uint16, []byte) []byte {
		return func(t uint16, ip []byte) []byte {
			ls := []gopacket.SerializableLayer{ethTo(tpids[0])}
			for i := range tpids {
				next := layers.EthernetType(t)
				if i+1 < len(tpids) {
					next = tpids[i+1]
				}
				ls = append(ls, &layers.Dot1Q{VLANIdentifier: uint16(100 + i), Type: next})
			}
			return serialize(append(ls, gopacket.Payload(ip))...)
		}
	}
	mpls := func(labels int) func(uint16, []byte) []byte {
		return func(_ uint16, ip []byte) []byte {
			ls := []gopacket.SerializableLayer{ethTo(layers.EthernetTypeMPLSUnicast)}
			for i := range labels {
				ls = append(ls, &layers.MPLS{Label: uint32(1000 + i), StackBottom: i == labels-1, TTL: 64})
			}
			return serialize(append(ls, gopacket.Payload(ip))...)
		}
	}
	snap := func(t uint16) []byte { return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(int(t))) }
	wifi := func(qos bool, fourth bool) func(uint16, []byte) []byte {
		return func(t uint16, ip []byte) []byte {
			h := zeros(24)
			h[0] = 0x08
			tail := []byte{}
			if fourth {
				h[1] = 0x03
				tail = append(tail, zeros(6)...)
			}
			if qos {
				h[0] |= 0x80
				h[1] |= 0x80
				tail = append(tail, zeros(6)...)
			}
			return cat(h, tail, snap(t), ip)
		}
	}
	fcs := zeros(4)

	cs := []carrier{
		{name: "ethernet", link: LinkEthernet, wrap: bridged},
		{name: "ethernet padded", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte { return cat(bridged(t, ip), []byte("padding of the switch")) }},
		{name: "vlan", link: LinkEthernet, wrap: vlans(etherVLAN)},
		{name: "qinq 8100 8100", link: LinkEthernet, wrap: vlans(etherVLAN, etherVLAN)},
		{name: "qinq 88a8 8100", link: LinkEthernet, wrap: vlans(etherQinQ, etherVLAN)},
		{name: "qinq 9100 8100", link: LinkEthernet, wrap: vlans(etherQinQOld, etherVLAN)},
		{name: "five tags", link: LinkEthernet, wrap: vlans(etherQinQ, etherVLAN, etherVLAN, etherVLAN, etherVLAN)},
		{name: "llc snap", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte {
			return cat(zeros(12), u16(8+len(ip)), snap(t), ip)
		}},
		{name: "network", link: LinkNetwork, wrap: same},
		{name: "network vlan", link: LinkNetwork, ether: etherVLAN, wrap: func(t uint16, ip []byte) []byte { return cat(u16(7), u16(int(t)), ip) }},
		{name: "sll", link: LinkSLL, wrap: func(t uint16, ip []byte) []byte { return cat(zeros(14), u16(int(t)), ip) }},
		{name: "sll vlan", link: LinkSLL, wrap: func(t uint16, ip []byte) []byte {
			return cat(zeros(14), u16(etherVLAN), u16(9), u16(int(t)), ip)
		}},
		{name: "sll2", link: LinkSLL2, wrap: func(t uint16, ip []byte) []byte { return cat(u16(int(t)), zeros(2), u32(3), zeros(12), ip) }},
		{name: "raw", link: LinkRaw, wrap: same},
		{name: "raw 12", link: 12, wrap: same},
		{name: "raw 14", link: 14, wrap: same},
		{name: "ipv4", link: 228, wrap: same, only: etherIPv4},
		{name: "ipv6", link: 229, wrap: same, only: etherIPv6},
		{name: "null little", link: LinkNull, only: etherIPv4, wrap: func(_ uint16, ip []byte) []byte { return cat([]byte{2, 0, 0, 0}, ip) }},
		{name: "null big", link: LinkNull, only: etherIPv4, wrap: func(_ uint16, ip []byte) []byte { return cat([]byte{0, 0, 0, 2}, ip) }},
		{name: "loop", link: 108, only: etherIPv6, wrap: func(_ uint16, ip []byte) []byte { return cat(u32(24), ip) }},
		{name: "mpls link", link: 219, wrap: func(_ uint16, ip []byte) []byte { return cat([]byte{0, 1, 0x01, 64}, ip) }},
		{name: "cisco hdlc", link: 104, wrap: func(t uint16, ip []byte) []byte { return cat([]byte{0x0f, 0}, u16(int(t)), ip) }},
		{name: "ppp", link: 9, wrap: func(t uint16, ip []byte) []byte { return cat([]byte{0xff, 3}, u16(int(pppProto(t))), ip) }},
		{name: "ppp compressed", link: 50, wrap: func(t uint16, ip []byte) []byte { return cat([]byte{byte(pppProto(t))}, ip) }},
		{name: "ppp with direction", link: 204, wrap: func(t uint16, ip []byte) []byte { return cat([]byte{1, 0xff, 3}, u16(int(pppProto(t))), ip) }},
		{name: "pppoe link", link: 51, wrap: func(t uint16, ip []byte) []byte {
			return cat([]byte{0x11, 0, 0, 1}, u16(len(ip)+2), u16(int(pppProto(t))), ip)
		}},
		{name: "pppoe", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte {
			return serialize(ethTo(layers.EthernetTypePPPoESession), &layers.PPPoE{Version: 1, Type: 1, SessionId: 7},
				&layers.PPP{PPPType: pppProto(t)}, gopacket.Payload(ip))
		}},
		{name: "vlan pppoe", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte {
			return serialize(ethTo(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypePPPoESession},
				&layers.PPPoE{Version: 1, Type: 1, SessionId: 7}, &layers.PPP{PPPType: pppProto(t)}, gopacket.Payload(ip))
		}},
		{name: "mpls", link: LinkEthernet, wrap: mpls(1)},
		{name: "mpls three labels", link: LinkEthernet, wrap: mpls(3)},
		{name: "mpls pseudowire", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte { return mpls(2)(t, bridged(t, ip)) }},
		{name: "mpls pseudowire to a MAC like ipv4", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte {
			b := bridged(t, ip)
			copy(b, []byte{0x44, 0x38, 0x39, 1, 2, 3})
			return mpls(1)(t, b)
		}},
		{name: "mpls pseudowire control word", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte { return mpls(2)(t, cat(zeros(4), bridged(t, ip))) }},
		{name: "wifi", link: 105, wrap: func(t uint16, ip []byte) []byte { return cat(wifi(false, false)(t, ip), fcs) }},
		{name: "wifi qos four addresses", link: 105, wrap: wifi(true, true)},
		{name: "radiotap", link: 127, wrap: func(t uint16, ip []byte) []byte {
			return cat([]byte{0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4}, wifi(true, false)(t, ip), fcs)
		}},
		{name: "ppi", link: 192, alloc: true, wrap: func(t uint16, ip []byte) []byte {
			return cat([]byte{0, 0, 12, 0, 105, 0, 0, 0, 1, 2, 3, 4}, wifi(true, false)(t, ip), fcs)
		}},
		{name: "pktap", link: 258, alloc: true, wrap: func(t uint16, ip []byte) []byte {
			return cat([]byte{112, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, zeros(100), bridged(t, ip))
		}},
		{name: "nflog", link: 239, alloc: true, wrap: func(_ uint16, ip []byte) []byte {
			return cat([]byte{2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, 0, 0, 0, 0, byte(len(ip) + 4), byte((len(ip) + 4) >> 8), 9, 0}, ip, zeros(3))
		}},
		{name: "fddi by gopacket", link: 10, alloc: true, wrap: func(t uint16, ip []byte) []byte { return cat([]byte{0x50}, zeros(12), snap(t), ip) }},

		{name: "ipip", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte { return outer4(ipProto(t), ip) })},
		{name: "ip in ipv6", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte { return bridged(etherIPv6, outer6(ipProto(t), ip)) }},
		{name: "mpls in ip", link: LinkRaw, wrap: func(_ uint16, ip []byte) []byte {
			return outer4(layers.IPProtocolMPLSInIP, cat([]byte{0, 1, 0x01, 64}, ip))
		}},
		{name: "etherip", link: LinkRaw, wrap: func(t uint16, ip []byte) []byte {
			return outer4(layers.IPProtocolEtherIP, cat([]byte{0x30, 0}, bridged(t, ip)))
		}},
		{name: "gre", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: layers.EthernetType(t)}, ip)
		})},
		{name: "gre key sequence checksum", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: layers.EthernetType(t), KeyPresent: true, SeqPresent: true, ChecksumPresent: true, Key: 5, Seq: 6}, ip)
		})},
		{name: "gre bridging", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: layers.EthernetTypeTransparentEthernetBridging, KeyPresent: true}, bridged(t, ip))
		})},
		{name: "gre mpls", link: LinkRaw, wrap: func(_ uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: layers.EthernetTypeMPLSUnicast}, cat([]byte{0, 1, 0x01, 64}, ip))
		}},
		{name: "pptp", link: LinkRaw, wrap: func(t uint16, ip []byte) []byte {
			return outer4(layers.IPProtocolGRE, cat([]byte{0x30, 0x81, 0x88, 0x0b}, u16(len(ip)+2), u16(1), u32(1), u32(2), u16(int(pppProto(t))), ip))
		}},
		{name: "erspan i", link: LinkRaw, wrap: func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: layers.EthernetTypeERSPAN}, bridged(t, ip))
		}},
		{name: "erspan ii", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			b := serialize(&layers.ERSPANII{Version: 1, SessionID: 3}, gopacket.Payload(bridged(t, ip)))
			return gre(&layers.GRE{Protocol: layers.EthernetTypeERSPAN, SeqPresent: true, Seq: 1}, b)
		})},
		{name: "erspan iii", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: greERSPAN3, SeqPresent: true}, cat([]byte{0x20}, zeros(11), bridged(t, ip)))
		})},
		{name: "erspan iii subheader vlan", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: greERSPAN3, SeqPresent: true}, cat([]byte{0x20}, zeros(10), []byte{1}, zeros(8), vlans(etherVLAN)(t, ip)))
		})},
		{name: "erspan iii ip", link: LinkRaw, wrap: func(_ uint16, ip []byte) []byte {
			return gre(&layers.GRE{Protocol: greERSPAN3, SeqPresent: true}, cat([]byte{0x20}, zeros(9), []byte{2 << 2, 0}, ip))
		}},
		{name: "vxlan", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(4789, serialize(&layers.VXLAN{ValidIDFlag: true, VNI: 42}, gopacket.Payload(bridged(t, ip))))
		})},
		{name: "vxlan linux port vlan", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(8472, serialize(&layers.VXLAN{ValidIDFlag: true, VNI: 42}, gopacket.Payload(vlans(etherVLAN)(t, ip))))
		})},
		{name: "vxlan group policy", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(4789, serialize(&layers.VXLAN{ValidIDFlag: true, VNI: 42, GBPExtension: true, GBPGroupPolicyID: 9}, gopacket.Payload(bridged(t, ip))))
		})},
		{name: "geneve", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(6081, cat([]byte{0, 0}, u16(etherTEB), []byte{0, 0, 7, 0}, bridged(t, ip)))
		})},
		{name: "geneve options ip", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(6081, cat([]byte{2, 0x40}, u16(int(t)), []byte{0, 0, 7, 0}, []byte{1, 2, 3, 1}, zeros(4), ip))
		})},
		{name: "gtp-u", link: LinkEthernet, wrap: onEthernet(func(_ uint16, ip []byte) []byte {
			return outerUDP(2152, cat([]byte{0x30, 255}, u16(len(ip)), u32(77), ip))
		})},
		{name: "gtp-u sequence", link: LinkEthernet, wrap: onEthernet(func(_ uint16, ip []byte) []byte {
			return outerUDP(2152, serialize(&layers.GTPv1U{Version: 1, ProtocolType: 1, SequenceNumberFlag: true, MessageType: 255, TEID: 7}, gopacket.Payload(ip)))
		})},
		{name: "gtp-u extensions", link: LinkEthernet, wrap: onEthernet(func(_ uint16, ip []byte) []byte {
			return outerUDP(2152, cat([]byte{0x34, 255}, u16(len(ip)+16), u32(77), []byte{0, 0, 0, 0x85},
				[]byte{1, 0x10, 9, 0x85}, []byte{2, 0, 0, 0, 0, 0, 0, 0}, ip))
		})},
		{name: "tzsp", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(37008, cat([]byte{1, 0, 0, 1, 0, 10, 1, 0xd0, 1}, bridged(t, ip)))
		})},
		{name: "l2tp", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(1701, cat([]byte{0, 2, 0, 1, 0, 2}, []byte{0xff, 3, 0, map[uint16]byte{etherIPv4: 0x21, etherIPv6: 0x57}[t]}, ip))
		})},
		{name: "l2tp length sequence offset, short protocol", link: LinkEthernet, wrap: onEthernet(func(t uint16, ip []byte) []byte {
			return outerUDP(1701, cat([]byte{0x4a, 2, 0, 99, 0, 1, 0, 2, 0, 5, 0, 6, 0, 3, 9, 9, 9}, []byte{map[uint16]byte{etherIPv4: 0x21, etherIPv6: 0x57}[t]}, ip))
		})},
		{name: "vxlan in ipip in qinq", link: LinkEthernet, wrap: func(t uint16, ip []byte) []byte {
			x := outerUDP(4789, serialize(&layers.VXLAN{ValidIDFlag: true, VNI: 42}, gopacket.Payload(bridged(t, ip))))
			return vlans(etherQinQ, etherVLAN)(etherIPv4, outer4(layers.IPProtocolIPv4, x))
		}},
	}
	return cs
}

// each calls f for every inner packet in every carrier.
func each(t *testing.T, f func(t *testing.T, c carrier, in inner, frame Frame)) {
	t.Helper()
	for _, c := range carriers() {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			for _, in := range inners() {
				if c.only == 0 || c.only == in.etherType {
					f(t, c, in, c.frame(in))
				}
			}
		})
	}
}

func (c *carrier) frame(in inner) Frame {
	b := c.wrap(in.etherType, in.ip)
	f := Frame{Time: 1e18, Data: b, WireLen: len(b), Link: c.link, Iface: 3}
	if c.link == LinkNetwork {
		f.EtherType = in.etherType
		if c.ether != 0 {
			f.EtherType = c.ether
		}
	}
	return f
}

func (in *inner) packet() Packet {
	return Packet{Time: 1e18, Src: EndpointFrom(in.src), Dst: EndpointFrom(in.dst), Payload: []byte(in.payload),
		Seq: in.seq, Iface: 3, IPID: in.ipid, Flags: in.flags, Transport: in.transport, Whole: in.whole}
}
