package packet

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const register = "REGISTER sip:example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"

// chunk is one HEPv3 chunk; value is a byte slice, a string or a sized number.
func chunk(vendor, kind int, value any) []byte {
	var v []byte
	switch x := value.(type) {
	case []byte:
		v = x
	case string:
		v = []byte(x)
	default:
		var err error
		if v, err = binary.Append(nil, binary.BigEndian, x); err != nil {
			panic(err)
		}
	}
	return cat(u16(vendor), u16(kind), u16(6+len(v)), v)
}

func hep3(chunks ...[]byte) []byte {
	b := cat(chunks...)
	return cat([]byte("HEP3"), u16(6+len(b)), b)
}

var (
	src4, dst4 = netip.MustParseAddrPort("192.0.2.10:5060"), netip.MustParseAddrPort("198.51.100.20:5061")
	src6, dst6 = netip.MustParseAddrPort("[2001:db8::10]:5060"), netip.MustParseAddrPort("[2001:db8::20]:5061")
)

// common are the chunks that every agent sends.
func common(proto, kind uint8) []byte {
	return cat(chunk(0, 1, uint8(2)), chunk(0, 2, proto),
		chunk(0, 3, src4.Addr().AsSlice()), chunk(0, 4, dst4.Addr().AsSlice()),
		chunk(0, 7, src4.Port()), chunk(0, 8, dst4.Port()),
		chunk(0, 9, uint32(1700000000)), chunk(0, 10, uint32(123456)),
		chunk(0, 11, kind), chunk(0, 12, uint32(2001)))
}

func common6(proto uint8) []byte {
	return cat(chunk(0, 1, uint8(10)), chunk(0, 2, proto),
		chunk(0, 5, src6.Addr().AsSlice()), chunk(0, 6, dst6.Addr().AsSlice()),
		chunk(0, 7, src6.Port()), chunk(0, 8, dst6.Port()),
		chunk(0, 9, uint32(1700000000)), chunk(0, 10, uint32(123456)),
		chunk(0, 11, uint8(1)), chunk(0, 12, uint32(2001)))
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

// hep12 is a packet of version 1 or 2, the time as x86 hosts write it.
func hep12(version, proto uint8, src, dst netip.AddrPort, length int) []byte {
	family := uint8(2)
	if src.Addr().Is6() {
		family = 10
	}
	b := cat([]byte{version, byte(length), family, proto}, u16(int(src.Port())), u16(int(dst.Port())),
		src.Addr().AsSlice(), dst.Addr().AsSlice())
	if version == 2 {
		b = binary.LittleEndian.AppendUint32(b, 1700000000)
		b = binary.LittleEndian.AppendUint32(b, 123456)
		b = binary.LittleEndian.AppendUint16(b, 2001)
		b = append(b, 0, 0)
	}
	return append(b, register...)
}

// asteriskHEP has the chunks in the order of Asterisk 22 with capture_name.
func asteriskHEP(payload string) []byte {
	return hep3(chunk(0, 1, uint8(2)), chunk(0, 2, uint8(17)),
		chunk(0, 7, src4.Port()), chunk(0, 8, dst4.Port()),
		chunk(0, 9, uint32(1700000000)), chunk(0, 10, uint32(123456)),
		chunk(0, 11, uint8(1)), chunk(0, 12, uint32(1234)),
		chunk(0, 3, src4.Addr().AsSlice()), chunk(0, 4, dst4.Addr().AsSlice()),
		chunk(0, 0x0e, "foo"), chunk(0, 0x11, "call-1"), chunk(0, 0x13, "pbx1"), chunk(0, 0x0f, payload))
}

// sngrepHEP2 is a packet of version 2 as sngrep 1.6.0 sends it: the length is
// the high byte of the whole packet's, and the last two bytes before the
// payload are not set.
func sngrepHEP2(src, dst netip.AddrPort) []byte {
	b := hep12(2, 17, src, dst, 0)
	b[1] = byte(len(b) >> 8)
	at := len(b) - len(register)
	b[at-2], b[at-1] = 0xd3, 0xad
	return b
}

// hep12as is a packet of one version with the number of another.
func hep12as(says, is uint8) []byte {
	b := hep12(is, 17, src4, dst4, 0)
	b[0] = says
	return b
}

const hepSeen, frameSeen = 1700000000_123456000, 1700000001_000000000

func TestHEP(t *testing.T) {
	sip := func(tr Transport) Packet {
		return Packet{Time: hepSeen, Src: EndpointFrom(src4), Dst: EndpointFrom(dst4), Transport: tr, Whole: true,
			Payload: []byte(register), Iface: 4}
	}
	sip6 := func(tr Transport) Packet {
		p := sip(tr)
		p.Src, p.Dst = EndpointFrom(src6), EndpointFrom(dst6)
		return p
	}
	at := func(p Packet, when int64) Packet { p.Time = when; return p }
	media := func(payload string) Packet {
		p := sip(UDP)
		p.Whole, p.Payload = false, []byte(payload)
		return p
	}
	rtcp := "\x80\xc8\x00\x06" + string(zeros(24))
	payload := chunk(0, 0x0f, register)

	tests := []struct {
		name string
		data []byte
		want Result
		pkt  Packet
	}{
		// Kamailio siptrace: correlation and key before the payload.
		{"kamailio udp", hep3(common(17, 1), chunk(0, 0x11, "call-1"), chunk(0, 0x0e, "secret"), payload), Payload, sip(UDP)},
		{"kamailio tcp", hep3(common(6, 1), payload), Payload, sip(TCP)},
		{"kamailio tls, ws, wss", hep3(common(22, 1), payload), Payload, sip(TLS)},
		{"kamailio log", hep3(common(17, 100), chunk(0, 0x11, "call-1"), chunk(0, 0x0f, "a line of a log")), NotTransport, Packet{}},
		// OpenSIPS: addresses after the fixed part, payload before correlation, compressed on request.
		{"opensips compressed", hep3(common6(17), chunk(0, 0x10, deflated(register)), chunk(0, 0x11, "call-1")), Payload, sip6(UDP)},
		{"websocket", hep3(common(50, 1), payload), Payload, sip(WS)},
		{"opensips xlog", hep3(common(6, 0x56), chunk(0, 0x0f, "{}")), NotTransport, Packet{}},
		// Asterisk: protocol, ports, times first; RTCP as JSON.
		{"asterisk ipv6", hep3(common6(6), chunk(0, 0x0e, "secret"), chunk(0, 0x11, "call-1"), payload), Payload, sip6(TCP)},
		{"asterisk 22 with a name", asteriskHEP(register), Payload, sip(UDP)},
		{"asterisk rtcp", hep3(common(17, 5), chunk(0, 0x0f, `{"ssrc":1}`)), NotTransport, Packet{}},
		// heplify: node name, vendor chunks, MAC addresses.
		{"heplify", hep3(common(17, 1), chunk(0, 0x0e, "myhep"), payload, chunk(0, 0x12, uint16(7)), chunk(0, 0x13, "node1"), chunk(0, 0x14, zeros(6)), chunk(3, 0x0f, "another vendor's")), Payload, sip(UDP)},
		// sngrep: the agent's number in the host's byte order, the payload last.
		{"sngrep", hep3(common(17, 1), chunk(0, 12, []byte{0x07, 0xd2, 0, 0}), payload), Payload, sip(UDP)},
		{"rtpengine rtcp", hep3(common(17, 5), chunk(0, 0x11, "call-1"), chunk(0, 0x0f, `{ "sender_information":{"packets":9},"ssrc":7,"type":200}`)), NotTransport, Packet{}},
		{"sctp", hep3(common(132, 1), payload), Payload, sip(SCTP)},
		{"no protocol", hep3(chunk(0, 3, src4.Addr().AsSlice()), chunk(0, 4, dst4.Addr().AsSlice()), chunk(0, 7, src4.Port()), chunk(0, 8, dst4.Port()), payload), Payload, at(sip(UDP), frameSeen)},
		{"time of zero", hep3(common(17, 1), chunk(0, 9, uint32(0)), payload), Payload, at(sip(UDP), frameSeen)},
		{"microseconds of more than a second", hep3(common(17, 1), chunk(0, 10, uint32(4e9)), payload), Payload, at(sip(UDP), 1700000000e9)},
		{"time past 2038", hep3(common(17, 1), chunk(0, 9, uint32(4294967295)), payload), Payload, at(sip(UDP), frameSeen)}, // the clock is off: see TestHEPClocks
		{"gzip", hep3(common(17, 1), chunk(0, 0x10, gzipped(register))), Payload, sip(UDP)},
		{"rtp", hep3(common(17, 4), chunk(0, 0x0f, rtp)), Payload, media(rtp)},
		{"rtp compressed", hep3(common(17, 4), chunk(0, 0x10, deflated(rtp))), Payload, media(rtp)},
		{"rtcp", hep3(common(17, 5), chunk(0, 0x0f, rtcp)), Payload, media(rtcp)},
		{"mos report", hep3(common(17, 34), chunk(0, 0x0f, "{}")), NotTransport, Packet{}},
		{"no payload", hep3(common(17, 1)), NotTransport, Packet{}},
		{"trailing bytes", cat(hep3(common(17, 1), payload), []byte("junk")), Payload, sip(UDP)},
		// FreeSWITCH speaks version 1 unless told otherwise.
		{"version 1", hep12(1, 17, src4, dst4, 16), Payload, at(sip(UDP), frameSeen)},
		{"version 1 ipv6 tls", hep12(1, 22, src6, dst6, 40), Payload, at(sip6(TLS), frameSeen)},
		{"version 2", hep12(2, 6, src4, dst4, 16), Payload, sip(TCP)},
		{"version 2 ipv6", hep12(2, 17, src6, dst6, 40), Payload, sip6(UDP)},
		{"version 2, time counted in", hep12(2, 17, src4, dst4, 28), Payload, sip(UDP)},
		{"sngrep version 2", sngrepHEP2(src4, dst4), Payload, sip(UDP)},
		{"sngrep version 2 ipv6", sngrepHEP2(src6, dst6), Payload, sip6(UDP)},

		{"empty", nil, Malformed, Packet{}},
		{"sip itself", []byte(register), Malformed, Packet{}},
		{"version 1 with version 2's time", hep12as(1, 2), Malformed, Packet{}},
		{"version 2 without its time", hep12as(2, 1), Malformed, Packet{}},
		{"version 1, neither the length nor SIP", cat(hep12(1, 17, src4, dst4, 17)[:16], zeros(40)), Malformed, Packet{}},
		{"version 2, neither the length nor SIP", cat(hep12(2, 17, src4, dst4, 2)[:28], zeros(40)), Malformed, Packet{}},
		{"version 3 length below header", []byte("HEP3\x00\x05"), Malformed, Packet{}},
		{"version 3 longer than the packet", hep3(common(17, 1), payload)[:80], Malformed, Packet{}},
		{"chunk of length 0", hep3(common(17, 1), []byte{0, 0, 0, 15, 0, 0}), Malformed, Packet{}},
		{"chunk beyond the end", hep3(common(17, 1), []byte{0, 0, 0, 15, 0, 99, 'a'}), Malformed, Packet{}},
		{"half a chunk", hep3(common(17, 1), []byte{0, 0, 0}), Malformed, Packet{}},
		{"short address", hep3(common(17, 1), chunk(0, 3, []byte{1, 2, 3}), payload), Malformed, Packet{}},
		{"short port", hep3(common(17, 1), chunk(0, 7, []byte{1}), payload), Malformed, Packet{}},
		{"not compressed", hep3(common(17, 1), chunk(0, 0x10, register)), Malformed, Packet{}},
		{"compressed data cut", hep3(common(17, 1), chunk(0, 0x10, deflated(register)[:30])), Malformed, Packet{}},
		{"compressed garbage", hep3(common(17, 1), chunk(0, 0x10, cat([]byte{0x78, 0x9c}, bytes.Repeat([]byte{0xff}, 40)))), Malformed, Packet{}},
		{"bomb", hep3(common(17, 1), chunk(0, 0x10, deflated(string(zeros(10<<20))))), Malformed, Packet{}},
	}
	d := NewDecoder(Limits{}) // one for all: the inflater is reused after failures too
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var p Packet
			f := Frame{Time: frameSeen, Data: tc.data, WireLen: len(tc.data), Link: LinkHEP, Iface: 4}
			r := d.Decode(&f, &p)
			if r != tc.want {
				t.Fatalf("result %v, want %v", r, tc.want)
			}
			if r != Payload {
				return
			}
			if diff := cmp.Diff(tc.pkt, p, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("packet differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHEPInflateBound(t *testing.T) {
	var i inflater
	for _, n := range []int{0, 1, 65536, maxInflated, maxInflated + 1} {
		b, ok := i.inflate(deflated(text(n)))
		if want := n <= maxInflated; ok != want || ok && string(b) != text(n) {
			t.Errorf("%d bytes: accepted %v, want %v", n, ok, want)
		}
	}
}

func TestHEPFields(t *testing.T) {
	var h HEP
	if !h.Parse(hep3(common(17, 1), chunk(0, 0x0e, "secret"), chunk(0, 0x11, "call-1"), chunk(0, 0x13, "edge-1"), chunk(0, 0x0f, register))) {
		t.Fatal("not parsed")
	}
	want := HEP{Src: EndpointFrom(src4), Dst: EndpointFrom(dst4), Time: hepSeen, AuthKey: []byte("secret"), Node: []byte("edge-1"),
		Correlation: []byte("call-1"), Payload: []byte(register), AgentID: 2001, Version: 3, Proto: 17, Type: HEPSIP}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	// Nothing of one packet is left in the next, the key least of all.
	if !h.Parse(hep12(2, 6, src4, dst4, 16)) {
		t.Fatal("version 2 not parsed")
	}
	want = HEP{Src: EndpointFrom(src4), Dst: EndpointFrom(dst4), Time: hepSeen, Payload: []byte(register), AgentID: 2001, Version: 2, Proto: 6, Type: HEPSIP}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestHEPLength(t *testing.T) {
	whole := hep3(common(17, 1))
	for _, tc := range []struct {
		b    []byte
		want int
	}{
		{nil, 0}, {[]byte("H"), 0}, {[]byte("HEP3\x01"), 0}, {whole, len(whole)}, {whole[:6], len(whole)},
		{[]byte("HTTP"), -1}, {[]byte("HEP2\x00\x20"), -1}, {[]byte("HEP3\x00\x05"), -1}, {[]byte{1, 16}, -1},
	} {
		if got := HEPLength(tc.b); got != tc.want {
			t.Errorf("HEPLength(%q) = %d, want %d", tc.b, got, tc.want)
		}
	}
}

func TestHEPCutAnywhere(t *testing.T) {
	d := NewDecoder(Limits{})
	for _, whole := range [][]byte{
		hep3(common(17, 1), chunk(0, 0x0f, register)), hep3(common6(6), chunk(0, 0x10, deflated(register))),
		hep12(1, 17, src4, dst4, 16), hep12(2, 17, src6, dst6, 40),
	} {
		for n := range whole {
			var p Packet
			r := d.Decode(&Frame{Data: whole[:n:n], WireLen: n, Link: LinkHEP}, &p)
			if r == Panicked || r == Payload && whole[0] == 'H' {
				t.Errorf("cut to %d of %d bytes: %v", n, len(whole), r)
			}
		}
	}
}

func TestHEPAllocations(t *testing.T) {
	d := NewDecoder(Limits{})
	for name, b := range map[string][]byte{
		"sip": hep3(common(17, 1), chunk(0, 0x0e, "secret"), chunk(0, 0x0f, register)),
		"rtp": hep3(common(17, 4), chunk(0, 0x0f, rtp)),
		"v2":  hep12(2, 17, src4, dst4, 16),
	} {
		f := Frame{Data: b, WireLen: len(b), Link: LinkHEP}
		var p Packet
		if n := testing.AllocsPerRun(100, func() { d.Decode(&f, &p) }); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
	}
}

func BenchmarkHEP(b *testing.B) {
	for name, data := range map[string][]byte{
		"plain":      hep3(common(17, 1), chunk(0, 0x0e, "secret"), chunk(0, 0x0f, register)),
		"compressed": hep3(common(17, 1), chunk(0, 0x10, deflated(register))),
	} {
		b.Run(name, func(b *testing.B) {
			d := NewDecoder(Limits{})
			f := Frame{Data: data, WireLen: len(data), Link: LinkHEP}
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if d.Decode(&f, &p) != Payload {
					b.Fatal("no payload")
				}
			}
		})
	}
}
