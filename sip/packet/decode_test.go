package packet

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func TestDecodeEveryCarrier(t *testing.T) {
	d := NewDecoder(Limits{})
	each(t, func(t *testing.T, _ carrier, in inner, f Frame) {
		var p Packet
		if r := d.Decode(&f, &p); r != Payload {
			t.Errorf("%s: %v, want payload\n%x", in.name, r, f.Data)
			return
		}
		if diff := cmp.Diff(in.packet(), p, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: packet differs (-want +got):\n%s", in.name, diff)
		}
	})
}

// TestDecodeCutAnywhere cuts every frame at every byte: nothing panics, and a
// payload that came out shorter says so.
func TestDecodeCutAnywhere(t *testing.T) {
	d := NewDecoder(Limits{})
	each(t, func(t *testing.T, _ carrier, in inner, f Frame) {
		whole := f.Data
		for n := range whole {
			for _, wire := range []int{n, len(whole)} {
				f.Data, f.WireLen = whole[:n:n], wire
				var p Packet
				r := d.Decode(&f, &p)
				if r == Panicked {
					t.Fatalf("%s: panic at %d of %d bytes: %x", in.name, n, len(whole), f.Data)
				}
				if r == Payload && string(p.Payload) != in.payload && !p.Truncated {
					t.Errorf("%s: cut to %d of %d bytes: payload of %d bytes is not marked as cut", in.name, n, len(whole), len(p.Payload))
				}
				if r == Malformed && wire > n && n > 0 {
					t.Errorf("%s: cut by the snap length to %d bytes: %v, want truncated", in.name, n, r)
				}
			}
		}
	})
}

// TestDecodeAllocations: the common path and the tunnels on it are free.
func TestDecodeAllocations(t *testing.T) {
	d := NewDecoder(Limits{})
	each(t, func(t *testing.T, c carrier, in inner, f Frame) {
		if c.alloc {
			return
		}
		var p Packet
		if n := testing.AllocsPerRun(20, func() { d.Decode(&f, &p) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", in.name, n)
		}
	})
}

func TestDecodeResults(t *testing.T) {
	datagram := func(length int, payload string) []byte {
		return cat(u16(5060), u16(5080), u16(length), u16(0), []byte(payload))
	}
	ip := func(proto layers.IPProtocol, b []byte) []byte {
		return serialize(ip4(proto, mac4a.Addr(), mac4b.Addr()), gopacket.Payload(b))
	}
	set := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	good := ip(layers.IPProtocolUDP, datagram(8+len(body), body))
	toPort := func(port uint16, b []byte) []byte { return outerUDP(port, b) }
	frame := bridged(etherIPv4, good)

	tests := []struct {
		name    string
		link    Link
		data    []byte
		missing int // bytes that the snap length cut
		want    Result
		payload string
		cut     bool
	}{
		{name: "empty", link: LinkEthernet, want: Malformed},
		{name: "arp", link: LinkEthernet, data: bridged(etherARP, zeros(28)), want: NotTransport},
		{name: "pppoe discovery", link: LinkEthernet, data: bridged(0x8863, zeros(28)), want: NotTransport},
		{name: "spanning tree", link: LinkEthernet, data: cat(zeros(12), u16(38), []byte{0x42, 0x42, 3}, zeros(35)), want: NotTransport},
		{name: "netlink monitor", link: LinkSLL, data: cat(u16(4), u16(824), zeros(12), good), want: NotTransport},
		{name: "icmp quotes sip", link: LinkRaw, data: ip(layers.IPProtocolICMPv4, cat([]byte{3, 3, 0, 0, 0, 0, 0, 0}, good)), want: NotTransport},
		{name: "icmpv6 quotes sip", link: LinkRaw, data: outer6(layers.IPProtocolICMPv6, cat([]byte{1, 4, 0, 0, 0, 0, 0, 0}, good)), want: NotTransport},
		{name: "esp", link: LinkRaw, data: ip(layers.IPProtocolESP, zeros(64)), want: NotTransport},
		{name: "no next header", link: LinkRaw, data: outer6(layers.IPProtocolNoNextHeader, nil), want: NotTransport},
		{name: "unknown link", link: 250, data: zeros(64), want: Unsupported},
		{name: "unknown link of our own", link: 1 << 20, data: zeros(64), want: Unsupported},
		{name: "ip version", link: LinkRaw, data: set(good, 0, 0x55), want: Malformed},
		{name: "ipv4 header below its minimum", link: LinkRaw, data: set(good, 0, 0x44), want: Malformed},
		{name: "total below header", link: LinkRaw, data: set(good, 2, 0, 19), want: Malformed},
		{name: "total 0 of an offload", link: LinkRaw, data: set(good, 2, 0, 0), want: Payload, payload: body},
		{name: "total beyond the frame", link: LinkRaw, data: set(good, 2, 0xff), want: Payload, payload: body, cut: true},
		{name: "udp length 0", link: LinkRaw, data: ip(layers.IPProtocolUDP, datagram(0, body)), want: Payload, payload: body, cut: true},
		{name: "udp length 7", link: LinkRaw, data: ip(layers.IPProtocolUDP, datagram(7, body)), want: Malformed},
		{name: "udp length below ip's", link: LinkRaw, data: ip(layers.IPProtocolUDP, datagram(8+3, body)), want: Payload, payload: body[:3]},
		{name: "udp length beyond ip's", link: LinkRaw, data: ip(layers.IPProtocolUDP, datagram(2000, body)), want: Payload, payload: body, cut: true},
		{name: "udp of nothing", link: LinkRaw, data: ip(layers.IPProtocolUDP, datagram(8, "")), want: Payload},
		{name: "udp header cut", link: LinkRaw, data: good[:25], missing: len(good) - 25, want: Truncated},
		{name: "payload cut", link: LinkRaw, data: good[:38], missing: len(good) - 38, want: Payload, payload: body[:10], cut: true},
		{name: "padding cut", link: LinkEthernet, data: frame, missing: 20, want: Payload, payload: body},
		{name: "tcp offset 4", link: LinkRaw, data: ip(layers.IPProtocolTCP, set(zeros(20), 12, 0x40)), want: Malformed},
		{name: "tcp offset beyond", link: LinkRaw, data: ip(layers.IPProtocolTCP, set(zeros(20), 12, 0xf0)), want: Malformed},
		{name: "sctp without data", link: LinkRaw, data: ip(layers.IPProtocolSCTP, cat(zeros(12), []byte{3, 0, 0, 4})), want: NotTransport},
		{name: "sctp chunk of length 0", link: LinkRaw, data: ip(layers.IPProtocolSCTP, cat(zeros(12), zeros(4))), want: Malformed},
		{name: "sctp data in parts", link: LinkRaw, data: ip(layers.IPProtocolSCTP, cat(zeros(12), []byte{0, 2, 0, 20}, zeros(16))), want: NotTransport},
		{name: "gre source route", link: LinkRaw, data: ip(layers.IPProtocolGRE, cat([]byte{0x40, 0, 8, 0}, good)), want: NotTransport},
		{name: "etherip version", link: LinkRaw, data: ip(layers.IPProtocolEtherIP, cat([]byte{0x40, 0}, frame)), want: Malformed},
		{name: "radiotap length", link: 127, data: []byte{0, 0, 3, 0, 0, 0, 0, 0}, want: Malformed},
		{name: "ppi length", link: 192, data: []byte{0, 0, 7, 0, 1, 0, 0, 0, 9}, want: Malformed},
		{name: "ppi beyond", link: 192, data: []byte{0, 0, 9, 0, 1, 0, 0, 0}, want: Malformed},
		{name: "ppi of ppi", link: 192, data: bytes.Repeat([]byte{0, 0, 8, 0, 192, 0, 0, 0}, 40), want: TooDeep},
		{name: "ppi of our own link", link: 192, data: []byte{0, 0, 8, 0, 2, 0, 1, 0, 9}, want: Unsupported},
		{name: "pktap of no packet", link: 258, data: set(zeros(120), 0, 108, 0, 0, 0, 2), want: NotTransport},
		{name: "nflog without packet", link: 239, data: []byte{2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0}, want: NotTransport},
		{name: "nflog length 0", link: 239, data: zeros(12), want: Malformed},
		{name: "nflog part beyond", link: 239, data: []byte{2, 0, 0, 5, 80, 0, 1, 0, 8, 0, 1, 0}, want: Malformed},
		{name: "wifi beacon", link: 105, data: set(zeros(40), 0, 0x80), want: NotTransport},
		{name: "wifi encrypted", link: 105, data: set(zeros(40), 0, 0x08, 0x41), want: NotTransport},
		{name: "extension header cut", link: LinkRaw, data: outer6(layers.IPProtocolIPv6HopByHop, []byte{17, 3, 0, 0, 0, 0, 0, 0}), want: Malformed},
		{name: "nine extension headers", link: LinkRaw, data: outer6(layers.IPProtocolIPv6HopByHop, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0}, 9)), want: TooDeep},

		// Ports of tunnels that carry something else.
		{name: "sip on the vxlan port", link: LinkRaw, data: toPort(4789, []byte(body)), want: Payload, payload: body},
		{name: "sip on the l2tp port", link: LinkRaw, data: toPort(1701, []byte("PRACK"+body[7:])), want: Payload, payload: "PRACK" + body[7:]},
		{name: "rtp on the l2tp port", link: LinkRaw, data: toPort(1701, []byte(rtp)), want: Payload, payload: rtp},
		{name: "l2tp control", link: LinkRaw, data: toPort(1701, []byte{0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}), want: Payload, payload: "\xc8\x02\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00"},
		{name: "l2tp offset beyond", link: LinkRaw, data: toPort(1701, []byte{2, 2, 0, 1, 0, 2, 9, 9}), want: Payload, payload: "\x02\x02\x00\x01\x00\x02\x09\x09"},
		{name: "sip on the tzsp port", link: LinkRaw, data: toPort(37008, []byte(body)), want: Payload, payload: body},
		{name: "tzsp without end", link: LinkRaw, data: toPort(37008, []byte{1, 0, 0, 1, 10, 200, 0}), want: Payload, payload: "\x01\x00\x00\x01\x0a\xc8\x00"},
		{name: "sip on the geneve port", link: LinkRaw, data: toPort(6081, []byte(body)), want: Payload, payload: body},
		{name: "sip on the gtp port", link: LinkRaw, data: toPort(2152, []byte(body)), want: Payload, payload: body},
		{name: "rtp on the vxlan port", link: LinkRaw, data: toPort(8472, []byte(rtp)), want: Payload, payload: rtp},
		{name: "rtp on the geneve port", link: LinkRaw, data: toPort(6081, []byte(rtp)), want: Payload, payload: rtp},
		{name: "rtp on the gtp port", link: LinkRaw, data: toPort(2152, []byte(rtp)), want: Payload, payload: rtp},
		{name: "gtp echo", link: LinkRaw, data: toPort(2152, cat([]byte{0x32, 1, 0, 4}, zeros(8))), want: Payload, payload: "\x32\x01\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00"},
		{name: "vxlan of arp", link: LinkRaw, data: toPort(4789, cat([]byte{8, 0, 0, 0, 0, 0, 1, 0}, bridged(etherARP, zeros(28)))), want: NotTransport},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			var p Packet
			f := Frame{Data: tc.data, WireLen: len(tc.data) + tc.missing, Link: tc.link}
			if r := d.Decode(&f, &p); r != tc.want {
				t.Fatalf("result %v, want %v", r, tc.want)
			}
			if got := d.Stats().Frames[tc.want]; got != 1 {
				t.Errorf("counted %d frames as %v, want 1", got, tc.want)
			}
			if tc.want == Payload && (string(p.Payload) != tc.payload || p.Truncated != tc.cut) {
				t.Errorf("payload %q cut %v, want %q cut %v", p.Payload, p.Truncated, tc.payload, tc.cut)
			}
		})
	}
}

const rtp = "\x80\x00\x12\x34\x00\x00\x01\x00\xde\xad\xbe\xefaudioaudioaudioaudio"

// TestDecodeNesting: every way to put a layer into itself ends.
func TestDecodeNesting(t *testing.T) {
	good := serialize(ip4(layers.IPProtocolUDP, mac4a.Addr(), mac4b.Addr()), udpTo(5060, 5080), gopacket.Payload(body))
	tests := []struct {
		name string
		link Link
		wrap func([]byte) []byte
	}{
		{"ipip", LinkRaw, func(b []byte) []byte { return outer4(layers.IPProtocolIPv4, b) }},
		{"ip in ipv6", LinkRaw, func(b []byte) []byte {
			if b[0]>>4 == 4 {
				return outer6(layers.IPProtocolIPv4, b)
			}
			return outer6(layers.IPProtocolIPv6, b)
		}},
		{"gre", LinkRaw, func(b []byte) []byte { return gre(&layers.GRE{Protocol: etherIPv4}, b) }},
		{"vxlan", LinkRaw, func(b []byte) []byte {
			return outerUDP(4789, cat([]byte{8, 0, 0, 0, 0, 0, 1, 0}, bridged(etherIPv4, b)))
		}},
		{"etherip", LinkRaw, func(b []byte) []byte {
			return outer4(layers.IPProtocolEtherIP, cat([]byte{0x30, 0}, bridged(etherIPv4, b)))
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			for depth, b := 1, good; depth < 40; depth, b = depth+1, tc.wrap(b) {
				var p Packet
				r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: tc.link}, &p)
				if depth <= 5 && r != Payload {
					t.Errorf("%d layers: %v, want payload", depth, r)
				}
				if depth > maxLayers && r != TooDeep {
					t.Errorf("%d layers: %v, want too_deep", depth, r)
				}
			}
		})
	}
	for name, b := range map[string][]byte{
		"labels":         cat(zeros(12), u16(etherMPLS), zeros(4*5000)),
		"tags":           cat(zeros(12), bytes.Repeat([]byte{0x81, 0, 0, 1}, 5000)),
		"snap in snap":   cat(zeros(12), u16(100), bytes.Repeat([]byte{0xaa, 0xaa, 3, 0, 0, 0, 0, 100}, 5000)),
		"labels, frames": cat(zeros(12), u16(etherMPLS), bytes.Repeat(cat([]byte{0, 1, 1, 64}, zeros(16), u16(etherMPLS)), 5000)),
	} {
		d := NewDecoder(Limits{})
		var p Packet
		if r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkEthernet}, &p); r != TooDeep {
			t.Errorf("%s: %v, want too_deep", name, r)
		}
	}
}

// TestDecodeSurvivesAPanic makes a fault where a decoder of gopacket could
// have one: a frame that is counted and lost, and nothing else.
func TestDecodeSurvivesAPanic(t *testing.T) {
	const link = 200
	layers.LinkTypeMetadata[link] = layers.EnumMetadata{DecodeWith: gopacket.DecodeFunc(
		func(b []byte, _ gopacket.PacketBuilder) error { return fmt.Errorf("%d", b[len(b)]) })}
	defer func() { layers.LinkTypeMetadata[link] = layers.EnumMetadata{} }()
	d := NewDecoder(Limits{})
	var p Packet
	if r := d.Decode(&Frame{Data: zeros(30), WireLen: 30, Link: link}, &p); r != Panicked {
		t.Errorf("result %v, want panicked", r)
	}
	b := bridged(etherIPv4, inners()[0].ip)
	if r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkEthernet}, &p); r != Payload {
		t.Errorf("the frame after it: %v, want payload", r)
	}
	if s := d.Stats(); s.Frames[Panicked] != 1 || s.Frames[Payload] != 1 {
		t.Errorf("counted %v", s.Frames)
	}
}

func TestDecodeCounts(t *testing.T) {
	d := NewDecoder(Limits{})
	var p Packet
	for _, b := range [][]byte{
		outer4(layers.IPProtocolIPv4, gre(&layers.GRE{Protocol: etherIPv4}, inners()[0].ip)),
		inners()[4].ip, // SCTP with a part of a message and two whole ones
	} {
		if r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkRaw}, &p); r != Payload {
			t.Fatalf("result %v", r)
		}
	}
	if s := d.Stats(); s.Tunnelled != 2 || s.Bundled != 1 || s.Split != 1 {
		t.Errorf("tunnelled %d, bundled %d, split %d; want 2, 1, 1", s.Tunnelled, s.Bundled, s.Split)
	}
}

// TestDecodeSLL2Iface: the interface in the header tells two sightings apart.
func TestDecodeSLL2Iface(t *testing.T) {
	d := NewDecoder(Limits{})
	b := cat(u16(etherIPv4), zeros(2), u32(17), zeros(12), inners()[0].ip)
	var p Packet
	if r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkSLL2, Iface: 1}, &p); r != Payload || p.Iface != 17 {
		t.Errorf("%v, interface %d; want payload, 17", r, p.Iface)
	}
}

func TestResultNames(t *testing.T) {
	seen := map[string]bool{}
	for r := Result(1); int(r) < Results; r++ {
		name := r.String()
		if name == "invalid" || seen[name] {
			t.Errorf("result %d has no name of its own: %q", r, name)
		}
		seen[name] = true
	}
	if got := Result(0).String(); got != "invalid" {
		t.Errorf("zero result is %q, want invalid", got)
	}
}
