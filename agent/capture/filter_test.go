package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

func needRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: loads eBPF, opens packet sockets and makes network namespaces")
	}
}

// kernel is a loaded filter without sockets.
type kernel struct {
	*Filter
	tb testing.TB
}

func loadKernel(tb testing.TB, change func(*LiveConfig)) *kernel {
	tb.Helper()
	needRoot(tb)
	cfg := LiveConfig{Interfaces: []string{AnyInterface}, SIPPorts: []uint16{testSIPPort, 5080}, Sink: newSink(1)}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.check(); err != nil {
		tb.Fatal(err)
	}
	objects, err := loadKernelFilter(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	k := &kernel{newFilter(cfg.MaxEndpoints), tb}
	if err := k.load(objects); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := k.load(nil); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// frameOf is what the test interface of the kernel takes: an Ethernet header,
// of which it keeps the type.
func frameOf(etherType uint16, b []byte) []byte {
	h := make([]byte, 14, 14+len(b))
	binary.BigEndian.PutUint16(h[12:], etherType)
	return append(h, b...)
}

// run puts one packet through the program, as if it came in on ifindex, and
// reports whether it passed.
func (k *kernel) run(etherType uint16, b []byte, ifindex uint32) bool {
	k.tb.Helper()
	context := make([]uint32, 48)
	context[10] = ifindex // __sk_buff.ifindex
	verdict, err := k.kernel.SipwardFilter.Run(&ebpf.RunOptions{Data: frameOf(etherType, b), Context: context})
	if err != nil {
		k.tb.Fatal(err)
	}
	if verdict != 0 && verdict != 0xffffffff {
		k.tb.Fatalf("verdict %#x cuts the packet", verdict)
	}
	return verdict != 0
}

func (k *kernel) open(ep string, s media.Spec) {
	k.tb.Helper()
	if err := k.Open(endpoint(ep), s); err != nil {
		k.tb.Fatal(err)
	}
}

func types(pts ...uint8) (s parse.PayloadTypes) {
	for _, pt := range pts {
		s.Add(pt)
	}
	return s
}

const (
	phone  = "192.0.2.10:40000"
	nat    = "203.0.113.9:61234"
	local  = "198.51.100.1:30000"
	phone6 = "[2001:db8::10]:40000"
	local6 = "[2001:db8::1]:30000"
	sipA   = "192.0.2.10:5060"
	sipB   = "198.51.100.1:5060"
	sipA6  = "[2001:db8::10]:5060"
	sipB6  = "[2001:db8::1]:5060"
)

var sipMessage = []byte("OPTIONS sip:198.51.100.1 SIP/2.0\r\n\r\n")

// filterCase is a packet and what must become of it. Both filters run the same
// table.
type filterCase struct {
	name      string
	etherType uint16
	packet    []byte
	pass      bool
	counter   func(*FilterCounters) uint64 // which one must be 1
	classic   bool                         // passes the classic filter, which knows no endpoints
	tunnels   bool                         // run with tunnels and RTCP passing
}

func filterCases() []filterCase {
	type c = FilterCounters
	var (
		sipUDP    = func(c *c) uint64 { return c.PassedUDP }
		sipTCP    = func(c *c) uint64 { return c.PassedTCP }
		fragments = func(c *c) uint64 { return c.Fragments }
		tunnels   = func(c *c) uint64 { return c.Tunnels }
		events    = func(c *c) uint64 { return c.Events }
		hit       = func(c *c) uint64 { return c.Media }
		reverse   = func(c *c) uint64 { return c.Reverse }
		rtcp      = func(c *c) uint64 { return c.RTCP }
		other     = func(c *c) uint64 { return c.Other }
		missed    = func(c *c) uint64 { return c.Missed }
		keepAlive = func(c *c) uint64 { return c.KeepAlives }
		unwanted  = func(c *c) uint64 { return c.Irrelevant }
		malformed = func(c *c) uint64 { return c.Malformed }
	)
	const v4, v6 = etherIPv4, etherIPv6
	msg4, msg6 := udp(sipA, sipB, sipMessage), udp(sipA6, sipB6, sipMessage)
	voice := rtp{pt: 0, seq: 1, ssrc: 7, payload: 160}.bytes()
	event := rtp{pt: 101, seq: 1, ssrc: 7, payload: 4}.bytes()
	red := rtp{pt: 102, seq: 1, ssrc: 7, payload: 13}.bytes()
	a, b := ap(sipA).Addr(), ap(sipB).Addr()
	cut := func(b []byte, n int) []byte { return b[:n] }
	long := make([]byte, 1200)
	copy(long, sipMessage)
	return []filterCase{
		{"sip", v4, msg4, true, sipUDP, true, false},
		{"sip from the port only", v4, udp(sipA, "198.51.100.1:1024", sipMessage), true, sipUDP, true, false},
		{"sip to a second port", v4, udp("192.0.2.10:1024", "198.51.100.1:5080", long), true, sipUDP, true, false},
		{"sip with options", v4, withOptions(msg4, 10), true, sipUDP, true, false},
		{"sip over IPv6", v6, msg6, true, sipUDP, true, false},
		{"sip over TCP", v4, tcp(sipA, "198.51.100.1:33000", sipMessage), true, sipTCP, true, false},
		{"sip over TCP over IPv6", v6, tcp("[2001:db8::10]:33000", sipB6, sipMessage), true, sipTCP, true, false},
		{"http", v4, tcp("192.0.2.10:33000", "198.51.100.1:80", sipMessage), false, unwanted, false, false},
		{"double CRLF keep-alive", v4, udp(sipA, sipB, []byte("\r\n\r\n")), false, keepAlive, false, false},
		{"empty keep-alive", v6, udp(sipA6, sipB6, nil), false, keepAlive, false, false},
		{"five bytes are no keep-alive", v4, udp(sipA, sipB, []byte("hello")), true, sipUDP, true, false},
		{"icmp", v4, ip(1, a, b, make([]byte, 64)), false, unwanted, false, false},
		{"arp", 0x0806, make([]byte, 28), false, unwanted, false, false},

		{"first fragment", v4, fragment4(udp(phone, local, long), 0, true), true, fragments, true, false},
		{"last fragment", v4, fragment4(udp(phone, local, long), 1480, false), true, fragments, true, false},
		{"fragment of icmp", v4, fragment4(ip(1, a, b, long), 1480, false), false, unwanted, false, false},
		{"do not fragment", v4, fragment4(msg4, 0x4000*8%0x10000, false), true, sipUDP, true, false},
		{"first fragment IPv6", v6, fragment6(udp(phone6, local6, long), 0, true), true, fragments, true, false},
		{"last fragment IPv6", v6, fragment6(udp(phone6, local6, long), 1232, false), true, fragments, true, false},
		{"fragment IPv6 after options", v6, withExtensions(fragment6(udp(phone6, local6, long), 1232, false), 16, protoHopOpts), true, fragments, true, false},
		{"fragment IPv6 of unknown", v6, fragment6(withExtensions(udp(phone6, local6, long), 8, protoDstOpts), 1232, false), true, fragments, true, false},
		{"fragment IPv6 of icmp", v6, fragment6(ip(58, ap(sipA6).Addr(), ap(sipB6).Addr(), long), 1232, false), false, unwanted, false, false},
		{"atomic fragment", v6, fragment6(msg6, 0, false), true, sipUDP, true, false},
		{"atomic fragment of media", v6, fragment6(udp(phone6, local6, voice), 0, false), false, hit, false, false},

		{"one extension", v6, withExtensions(msg6, 8, protoHopOpts), true, sipUDP, true, false},
		{"three extensions", v6, withExtensions(msg6, 24, protoHopOpts, protoRouting, protoDstOpts), true, sipUDP, true, false},
		{"six extensions", v6, withExtensions(msg6, 8, protoHopOpts, protoDstOpts, protoDstOpts, protoDstOpts, protoDstOpts, protoDstOpts), true, sipUDP, false, false},
		{"seven extensions", v6, withExtensions(msg6, 8, protoHopOpts, protoDstOpts, protoDstOpts, protoDstOpts, protoDstOpts, protoDstOpts, protoDstOpts), false, malformed, false, false},
		{"extension cut off", v6, cut(withExtensions(msg6, 8, protoHopOpts), 42), false, malformed, false, false},

		{"inner tag", etherVLAN, tagged(v4, msg4, etherVLAN), true, sipUDP, true, false},
		{"inner tag IPv6", etherVLAN, tagged(v6, msg6, etherVLAN), true, sipUDP, true, false},
		{"two tags", etherQinQ, tagged(v4, msg4, etherQinQ, etherVLAN), true, sipUDP, true, false},
		{"tag named, data behind it", etherVLAN, msg4, true, sipUDP, true, false},
		{"tag named, data behind it, IPv6", etherVLAN, msg6, true, sipUDP, true, false},
		{"tagged media", etherVLAN, tagged(v4, udp(phone, local, voice), etherVLAN), false, hit, false, false},
		{"tagged arp", etherVLAN, tagged(0x0806, make([]byte, 28), etherVLAN), false, unwanted, false, false},
		{"tag cut off", etherVLAN, []byte{0, 1, 8}, false, unwanted, false, false},
		{"pppoe", etherPPPoE, pppoe(0x0021, msg4), true, sipUDP, true, false},
		{"pppoe IPv6", etherPPPoE, pppoe(0x0057, msg6), true, sipUDP, true, false},
		{"pppoe control", etherPPPoE, pppoe(0xc021, msg4), false, unwanted, false, false},

		{"voice", v4, udp(phone, local, voice), false, hit, false, false},
		{"voice IPv6", v6, udp(phone6, local6, voice), false, hit, false, false},
		{"voice with options", v4, withOptions(udp(phone, local, voice), 3), false, hit, false, false},
		{"voice back to a NAT", v4, udp(local, nat, voice), false, reverse, false, false},
		{"event", v4, udp(phone, local, event), true, events, true, false},
		{"event with marker", v4, udp(phone, local, rtp{pt: 101, marker: true, payload: 4}.bytes()), true, events, true, false},
		{"event IPv6", v6, udp(phone6, local6, event), true, events, true, false},
		{"redundant event", v4, udp(phone, local, red), true, events, true, false},
		{"event type of the other direction", v4, udp(local, nat, event), false, hit, true, false},
		{"event of this direction", v4, udp(local, nat, rtp{pt: 96, payload: 4}.bytes()), true, events, true, false},
		{"encrypted event", v4, udp(phone, "198.51.100.1:30010", event), false, func(c *c) uint64 { return c.Encrypted }, true, false},
		{"nobody's voice", v4, udp(phone, "198.51.100.1:30002", voice), false, missed, false, false},
		{"nobody's event", v4, udp(phone, "198.51.100.1:30002", event), false, missed, true, false},
		{"stun at an endpoint", v4, udp(phone, local, append([]byte{0, 1}, make([]byte, 18)...)), false, other, false, false},
		{"rtp cut short", v4, udp(phone, local, voice[:11]), false, other, false, false},
		{"one byte", v4, udp(phone, local, voice[:1]), false, other, false, false},
		{"rtcp", v4, udp(phone, local, rtcpReport()), false, rtcp, false, false},
		{"rtcp passes", v4, udp(phone, local, rtcpReport()), true, rtcp, true, true},

		{"ip in ip", v4, ip(protoIPIP, a, b, msg4), false, unwanted, false, false},
		{"ip in ip passes", v4, ip(protoIPIP, a, b, msg4), true, tunnels, true, true},
		{"gre passes", v6, ip(protoGRE, ap(sipA6).Addr(), ap(sipB6).Addr(), msg4), true, tunnels, true, true},
		{"vxlan", v4, udp("192.0.2.10:50000", "198.51.100.1:4789", long), false, missed, false, false},
		{"vxlan passes", v4, udp("192.0.2.10:50000", "198.51.100.1:4789", long), true, tunnels, true, true},
		{"gtp-u passes", v4, udp("192.0.2.10:50000", "198.51.100.1:2152", long), true, tunnels, true, true},

		{"no IPv4 header", etherPPPoE, pppoe(0x0021, cut(msg4, 19)), false, malformed, false, false},
		{"IPv4 without ports", v4, cut(msg4, 23), false, malformed, false, false},
		{"IPv4 header length 4", v4, append([]byte{0x44}, msg4[1:]...), false, malformed, false, false},
		{"IPv6 named IPv4", v4, msg6, false, malformed, false, false},
		{"no IPv6 header", etherPPPoE, pppoe(0x0057, cut(msg6, 39)), false, malformed, false, false},
		{"UDP length below 8", v4, func() []byte { b := udp(phone, local, voice); b[25] = 7; b[24] = 0; return b }(), false, malformed, false, false},
		{"TCP without ports", v4, cut(tcp(sipA, sipB, nil), 21), false, malformed, false, false},
	}
}

func openTestEndpoints(k *kernel) {
	spec := media.Spec{EventsIn: types(101), RedundantIn: types(102), EventsOut: types(96), ClockHz: 8000}
	k.open(local, spec)
	k.open(local6, spec)
	spec.Encrypted = true
	k.open("198.51.100.1:30010", spec)
}

// passed is the number of packets that reached user space.
func passed(c *FilterCounters) uint64 {
	return c.PassedUDP + c.PassedTCP + c.Fragments + c.Events + c.PassedRTCP + c.Tunnels
}

func TestFilterDecides(t *testing.T) {
	for _, tc := range filterCases() {
		t.Run(tc.name, func(t *testing.T) {
			k := loadKernel(t, func(c *LiveConfig) { c.Tunnels, c.RTCP = tc.tunnels, tc.tunnels })
			openTestEndpoints(k)
			if got := k.run(tc.etherType, tc.packet, 1); got != tc.pass {
				t.Errorf("passed %t, want %t", got, tc.pass)
			}
			s := k.stats()
			if got := tc.counter(&s.FilterCounters); got != 1 {
				t.Errorf("its counter is %d, want 1: %+v", got, s.FilterCounters)
			}
			if s.Seen != 1 {
				t.Errorf("seen %d packets, want 1", s.Seen)
			}
			if got, want := passed(&s.FilterCounters), uint64(bit(tc.pass)); got != want {
				t.Errorf("counters say that %d passed, want %d", got, want)
			}
			sum := passed(&s.FilterCounters) - s.Events - s.PassedRTCP + s.Media + s.RTCP + s.Other + s.Twice +
				s.Missed + s.KeepAlives + s.Loopback + s.Irrelevant + s.Malformed
			if sum != 1 {
				t.Errorf("the packet is in %d counters that exclude one another: %+v", sum, s.FilterCounters)
			}
		})
	}
}

// The structs that Go reads must be those that C writes.
func TestFilterLayout(t *testing.T) {
	spec, err := loadFilter()
	if err != nil {
		t.Fatal(err)
	}
	m, more, c := spec.Maps[filterMapMedia], spec.Maps[filterMapMore], spec.Maps[filterMapCounters]
	for _, s := range []struct {
		name      string
		inC, inGo uintptr
	}{
		{"endpoint", uintptr(m.KeySize), unsafe.Sizeof(mapEndpoint{})},
		{"media", uintptr(m.ValueSize), unsafe.Sizeof(mapMedia{})},
		{"endpoint of more", uintptr(more.KeySize), unsafe.Sizeof(mapEndpoint{})},
		{"more", uintptr(more.ValueSize), unsafe.Sizeof(mapMore{})},
		{"counters", uintptr(c.MaxEntries), uintptr(outcomes)},
	} {
		if s.inC != s.inGo {
			t.Errorf("struct %s: %d bytes in C, %d in Go", s.name, s.inC, s.inGo)
		}
	}
	// Before the value there is the kernel's own header of 56 bytes, and the key.
	const header, line = 56, 64
	value := header + unsafe.Sizeof(mapEndpoint{})
	var f mapFlow
	flow := value + unsafe.Offsetof(mapMedia{}.Flow)
	for _, s := range []struct {
		name      string
		size, max uintptr
	}{
		{"an element of media", value + unsafe.Sizeof(mapMedia{}), 256},
		{"an element of more", value + unsafe.Sizeof(mapMore{}), 512},
		{"all up to the key of the flow", flow + unsafe.Offsetof(f.Packets), 2 * line},
		{"all up to the counters of the flow", flow + unsafe.Offsetof(f.First), 3 * line},
	} {
		if s.size > s.max {
			t.Errorf("%s ends at %d, beyond the %d that it is made for", s.name, s.size, s.max)
		}
	}
}

func (k *kernel) read(ep string) []media.Observed {
	k.tb.Helper()
	flows, ok := k.Read(endpoint(ep), nil)
	if !ok {
		k.tb.Fatalf("%s is not open", ep)
	}
	return flows
}

func TestFilterFlows(t *testing.T) {
	k := loadKernel(t, nil)
	openTestEndpoints(k)
	before := time.Now().UnixNano()
	for i := range 10 {
		k.run(etherIPv4, udp(phone, local, rtp{seq: uint16(i), ts: uint32(160 * i), ssrc: 1, payload: 160}.bytes()), 1)
	}
	for i := range 4 {
		k.run(etherIPv4, udp(local, nat, rtp{seq: uint16(i), ssrc: 2, payload: 20}.bytes()), 1)
	}
	k.run(etherIPv4, udp(phone, local, rtp{pt: 101, seq: 10, ssrc: 1, payload: 4}.bytes()), 1)
	k.run(etherIPv4, udp(phone, local, rtcpReport()), 1)
	k.run(etherIPv4, udp(phone, local, []byte{0, 1, 2, 3}), 1)
	after := time.Now().UnixNano()
	flows := k.read(local)
	if len(flows) != 3 {
		t.Fatalf("%d flows, want 3: %+v", len(flows), flows)
	}
	for i, want := range []media.Observed{
		{Peer: endpoint(phone), SSRC: 1, Counters: media.Counters{Packets: 11, Bytes: 10*172 + 16}},
		{OtherLast: flows[1].OtherLast},
		{Peer: endpoint(nat), SSRC: 2, Reverse: true, Counters: media.Counters{Packets: 4, Bytes: 4 * 32}},
	} {
		got := flows[i]
		if got.OtherLast != 0 && (got.OtherLast < before-1e6 || got.OtherLast > after+1e6) || (got.OtherLast == 0) != (got.Packets > 0) {
			t.Errorf("flow %d: no RTP at %d, not within %d and %d", i, got.OtherLast, before, after)
		}
		if got.Packets > 0 && (got.First < before-1e6 || got.Last > after+1e6 || got.First > got.Last) {
			t.Errorf("flow %d: from %d to %d, not within %d and %d", i, got.First, got.Last, before, after)
		}
		got.First, got.Last, got.Jitter = 0, 0, 0
		if got != want {
			t.Errorf("flow %d:\n got %+v\nwant %+v", i, got, want)
		}
	}
}

// The same table of packets through the kernel and through the table of
// sip/media must give the same counters.
func TestFilterCountsAsUserSpaceDoes(t *testing.T) {
	seqs := func(ssrc uint32, n ...int) (out []rtp) {
		for _, s := range n {
			out = append(out, rtp{seq: uint16(s), ts: uint32(s) * 160, ssrc: ssrc, payload: 20})
		}
		return out
	}
	span := func(ssrc uint32, from, to int) (out []rtp) {
		for s := from; s < to; s++ {
			out = append(out, seqs(ssrc, s)...)
		}
		return out
	}
	stride := func(ssrc uint32, from, to, by int) (out []rtp) {
		for s := from; s < to; s += by {
			out = append(out, seqs(ssrc, s)...)
		}
		return out
	}
	join := func(parts ...[]rtp) (out []rtp) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	tests := []struct {
		name     string
		packets  []rtp
		lost     uint64
		restarts uint64
	}{
		{"in order", span(1, 0, 200), 0, 0},
		{"wraps", span(1, 65000, 65536+500), 0, 0},
		{"wraps three times", stride(1, 65000, 4*65536, 2999), 65 * 2998, 0},
		{"one lost", join(span(1, 0, 10), span(1, 11, 20)), 1, 0},
		{"two gaps", seqs(1, 1, 2, 5, 6, 7, 10), 4, 0},
		{"lost across the wrap", seqs(1, 65534, 65535, 2, 3), 2, 0},
		{"swapped", seqs(1, 1, 3, 2, 4), 0, 0},
		{"late by 63", join(seqs(1, 0), span(1, 2, 65), seqs(1, 1)), 0, 0},
		{"late by 64", join(seqs(1, 0), span(1, 2, 66), seqs(1, 1)), 1, 0},
		{"duplicates hide no loss", seqs(1, 1, 2, 2, 2, 4, 4, 5), 1, 0},
		{"end packets of one number", seqs(1, 1, 2, 3, 3, 3, 4), 0, 0},
		{"late, then again", seqs(1, 1, 3, 2, 2, 2, 5), 1, 0},
		{"before the first", seqs(1, 10, 9, 8, 11), 0, 0},
		{"2999 ahead is loss", seqs(1, 1, 3000), 2998, 0},
		{"3000 ahead is a jump", seqs(1, 1, 3001, 3002, 3003), 0, 1},
		{"100 behind is a jump", seqs(1, 1000, 900, 890, 891), 0, 1},
		{"99 behind is late", seqs(1, 1000, 901, 1001), 0, 0},
		{"one stray", seqs(1, 1, 2, 40000, 3, 4), 0, 0},
		{"two strays", seqs(1, 1, 2, 40000, 3, 50000, 4, 40001, 5), 0, 0},
		{"jump after a loss", seqs(1, 1, 3, 40000, 40001, 40003), 2, 1},
		{"two jumps", seqs(1, 1, 40000, 40001, 10, 11, 12), 0, 2},
		{"backwards", seqs(1, 50000, 20000, 20001), 0, 1},
		{"new SSRC", join(span(1, 0, 20), span(9, 7000, 7020)), 0, 1},
		{"SSRCs by turns", join(seqs(1, 1, 2), seqs(9, 70, 71), seqs(1, 3, 4), seqs(9, 73)), 1, 1},
		{"two changes", join(seqs(1, 1, 2), seqs(2, 5, 6), seqs(3, 8, 9)), 0, 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			k := loadKernel(t, nil)
			openTestEndpoints(k)
			want := userSpace(tc.packets)
			for _, p := range tc.packets {
				k.run(etherIPv4, udp(phone, local, p.bytes()), 1)
			}
			var got, ref media.Counters
			for _, f := range k.read(local) {
				got.Packets += f.Packets
				got.Bytes += f.Bytes
				got.Lost += f.Lost
				got.Restarts += f.Restarts
			}
			for _, f := range want {
				ref.Packets += f.Packets
				ref.Bytes += f.Bytes
				ref.Lost += f.Lost
				ref.Restarts += f.Restarts
			}
			if got != ref {
				t.Errorf("\nkernel     %+v\nuser space %+v", got, ref)
			}
			if got.Lost != tc.lost || got.Restarts != tc.restarts {
				t.Errorf("lost %d, restarts %d; want %d and %d", got.Lost, got.Restarts, tc.lost, tc.restarts)
			}
		})
	}
}

// userSpace puts packets through the table of sip/media, 20 ms apart.
func userSpace(packets []rtp) []*media.Flow {
	table := media.NewTable(media.Options{})
	table.Open(endpoint(local), media.Spec{Owner: 1, EventsIn: types(101), ClockHz: 8000}, 1)
	for i, p := range packets {
		table.Packet(&packet.Packet{
			Time:      int64(i+1) * 20e6,
			Src:       endpoint(phone),
			Dst:       endpoint(local),
			Payload:   p.bytes(),
			Transport: packet.UDP,
		})
	}
	return table.Close(endpoint(local), 1)
}

func TestFilterOpensAgain(t *testing.T) {
	k := loadKernel(t, func(c *LiveConfig) { c.MaxEndpoints = 2 })
	press := udp(phone, local, rtp{pt: 101, seq: 1, payload: 4}.bytes())
	k.open(local, media.Spec{})
	if k.run(etherIPv4, press, 1) {
		t.Error("an event type that was not announced passed")
	}
	k.open(local, media.Spec{EventsIn: types(101)})
	if !k.run(etherIPv4, press, 1) {
		t.Error("the new settings are not in force")
	}
	if f := k.read(local); len(f) != 1 || f[0].Packets != 2 {
		t.Errorf("the counters are gone: %+v", f)
	}
	k.open(local, media.Spec{Owner: 6, EventsIn: types(100)}) // another call's
	if k.run(etherIPv4, press, 1) {
		t.Error("the last settings are in force")
	}
	if f := k.read(local); len(f) != 1 || f[0].Packets != 3 {
		t.Errorf("the counters of those who are there are gone: %+v", f)
	}
	k.open("198.51.100.1:30002", media.Spec{})
	err := k.Open(endpoint("198.51.100.1:30004"), media.Spec{})
	if !errors.Is(err, ErrFilterFull) {
		t.Errorf("third endpoint of two: %v, want %v", err, ErrFilterFull)
	}
	if s := k.stats(); s.Endpoints != 2 || s.Full != 1 || s.MaxEndpoints != 2 || s.Failed != 0 {
		t.Errorf("stats %+v", s)
	}
	k.Close(endpoint(local))
	k.Close(endpoint(local))
	if _, ok := k.Read(endpoint(local), nil); ok {
		t.Error("a closed endpoint can be read")
	}
	if s := k.stats(); s.Endpoints != 1 || s.Failed != 0 {
		t.Errorf("stats after Close: %+v", s)
	}
	k.open(local, media.Spec{})
	if f := k.read(local); len(f) != 0 {
		t.Errorf("counters outlived Close: %+v", f)
	}
	if err := k.Open(packet.Endpoint{}, media.Spec{}); err == nil {
		t.Error("an endpoint without address was opened")
	}
}

// A relay gives a port to the next call while the last one settles, and twice
// more: each gets what passed in its time, through a fold of the kernel's too.
func TestFilterCountsForEachCall(t *testing.T) {
	k := loadKernel(t, nil)
	table := media.NewTable(media.Options{})
	ep := endpoint(local)
	announce := func(owner uint64) {
		before, ok := k.Read(ep, nil)
		if ok {
			table.Observe(ep, before)
		}
		table.Open(ep, media.Spec{Owner: owner, Side: media.Callee, EventsIn: types(101), ClockHz: 8000}, 1)
		s, _ := table.Joined(ep)
		k.open(local, s)
	}
	want := []uint64{300, 50, 7, 20}
	for i, n := range want {
		announce(uint64(i + 1))
		for seq := range n {
			k.run(etherIPv4, udp(phone, local, rtp{seq: uint16(seq), ssrc: uint32(i), payload: 160}.bytes()), 1)
		}
		k.age(local, 3*time.Second)
	}
	seen, _ := k.Read(ep, nil)
	table.Observe(ep, seen)
	if len(seen) != mapFlows+1 {
		t.Errorf("%d flows in the kernel, want %d and the sum of others", len(seen), mapFlows)
	}
	for i, n := range want {
		var got media.Counters
		for _, f := range table.Close(ep, uint64(i+1)) {
			got.Packets += f.Packets
			got.Bytes += f.Bytes
			got.Lost += f.Lost
		}
		if got != (media.Counters{Packets: n, Bytes: n * 172}) {
			t.Errorf("call %d: %+v, want %d packets", i+1, got, n)
		}
	}
}

func TestFilterInactive(t *testing.T) {
	f := newFilter(1)
	if err := f.Open(endpoint(local), media.Spec{Owner: 1}); !errors.Is(err, ErrNoFilter) {
		t.Errorf("Open: %v, want %v", err, ErrNoFilter)
	}
	if _, ok := f.Read(endpoint(local), nil); ok || f.Active() {
		t.Error("an inactive filter knows an endpoint")
	}
	f.Close(endpoint(local))
}

// A stream seen on a second interface is not counted twice, nor do its events
// pass twice. Interfaces 1 and 2 exist in the namespace.
func TestFilterSecondInterface(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	k := loadKernel(t, nil)
	openTestEndpoints(k)
	second := uint32(linkIndex(t, "v0"))
	for i := range 50 {
		p := udp(phone, local, rtp{pt: 101, seq: uint16(i), ssrc: 1, payload: 4}.bytes())
		if !k.run(etherIPv4, p, 1) || k.run(etherIPv4, p, second) {
			t.Fatalf("packet %d did not pass exactly once", i)
		}
	}
	if f := k.read(local); len(f) != 1 || f[0].Packets != 50 || f[0].Lost != 0 {
		t.Errorf("flows %+v, want one of 50 packets", f)
	}
	if s := k.stats(); s.Twice != 50 {
		t.Errorf("%d packets on the second interface, want 50", s.Twice)
	}
	// The first interface falls silent: age the flow by rewriting the entry.
	k.age(local, 3*time.Second)
	if p := udp(phone, local, rtp{pt: 101, seq: 50, ssrc: 1, payload: 4}.bytes()); !k.run(etherIPv4, p, second) {
		t.Error("the second interface is ignored although the first is silent")
	}
}

// age makes what was counted at ep older.
func (k *kernel) age(ep string, by time.Duration) {
	k.tb.Helper()
	older := func(flows ...*mapFlow) {
		for _, f := range flows {
			if f.Used != 0 {
				f.First -= uint64(by)
				f.Last -= uint64(by)
			}
		}
	}
	key := mapKey(endpoint(ep))
	var v mapMedia
	if err := k.kernel.Media.Lookup(&key, &v); err != nil {
		k.tb.Fatal(err)
	}
	older(&v.Flow)
	if err := k.kernel.Media.Put(&key, &v); err != nil {
		k.tb.Fatal(err)
	}
	for key.Side = range mapSides {
		var m mapMore
		if v.More[key.Side] == 0 {
			continue
		}
		if err := k.kernel.More.Lookup(&key, &m); err != nil {
			k.tb.Fatal(err)
		}
		older(&m.Flow[0], &m.Flow[1], &m.Flow[2])
		if err := k.kernel.More.Put(&key, &m); err != nil {
			k.tb.Fatal(err)
		}
	}
}

// entries counts the entries of a map.
func (k *kernel) entries(m *ebpf.Map) (n int) {
	k.tb.Helper()
	var key mapEndpoint
	value := make([]byte, m.ValueSize())
	all := m.Iterate()
	for all.Next(&key, &value) {
		n++
	}
	if err := all.Err(); err != nil {
		k.tb.Fatal(err)
	}
	return n
}

// The rest of an endpoint is made when it is needed, survives new settings, and
// goes when the endpoint is closed. Where it cannot be made that is counted.
func TestFilterRest(t *testing.T) {
	k := loadKernel(t, func(c *LiveConfig) { c.MaxEndpoints = 2 })
	const second = "198.51.100.1:30002"
	spec := media.Spec{EventsIn: types(101)}
	k.open(local, spec)
	k.open(second, spec)
	send := func(src, dst string, ssrc uint32) {
		k.run(etherIPv4, udp(src, dst, rtp{seq: 1, ssrc: ssrc, payload: 160}.bytes()), 1)
	}
	expect := func(step string, rests, crowded int) {
		t.Helper()
		if n := k.entries(k.kernel.More); n != rests {
			t.Errorf("%s: %d rests, want %d", step, n, rests)
		}
		if s := k.stats(); s.Crowded != uint64(crowded) || s.Failed != 0 {
			t.Errorf("%s: crowded %d, failed %d; want %d and none", step, s.Crowded, s.Failed, crowded)
		}
	}
	send(phone, local, 1)
	send(phone, second, 1)
	expect("one flow", 0, 0)
	send(phone, local, 2)
	expect("a second flow", 1, 0)
	send(local, nat, 3)
	expect("the other direction", 2, 0)
	k.open(local, media.Spec{EventsIn: types(100)})
	if f := k.read(local); len(f) != 3 || f[0].SSRC != 1 || f[1].SSRC != 2 || f[2].SSRC != 3 || !f[2].Reverse {
		t.Errorf("flows after new settings: %+v", f)
	}
	send(phone, second, 2)
	expect("a third endpoint's worth", 2, 1)
	k.run(etherIPv4, udp(second, nat, []byte("not RTP at all")), 1)
	if f := k.read(second); len(f) != 1 || f[0].SSRC != 1 {
		t.Errorf("flows where there was no room: %+v", f)
	}
	k.Close(endpoint(local))
	expect("closed", 0, 1)
	send(phone, second, 2)
	expect("room again", 1, 1)
	if f := k.read(second); len(f) != 2 || f[1].SSRC != 2 {
		t.Errorf("flows when there is room again: %+v", f)
	}
	k.open(local, spec)
	if f := k.read(local); len(f) != 0 {
		t.Errorf("what was counted outlived Close: %+v", f)
	}
}

// Endpoints that come and go under traffic leave nothing behind, whenever the
// filter makes the rest.
func TestFilterRestUnderTraffic(t *testing.T) {
	k := loadKernel(t, nil)
	const calls = 20000
	var packet atomic.Pointer[[]byte] // by turns of two flows to the endpoint that is open
	var wg sync.WaitGroup
	packet.Store(new(frameOf(etherIPv4, udp(phone, local, rtp{}.bytes()))))
	wg.Go(func() {
		for {
			data := packet.Load()
			if data == nil {
				return
			}
			if _, err := k.kernel.SipwardFilter.Run(&ebpf.RunOptions{Data: *data}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	made := 0
	for i := range calls {
		ep := endpoint(local)
		ep.Port = uint16(1024 + i)
		k.open(ep.String(), media.Spec{})
		k.run(etherIPv4, udp(phone, ep.String(), rtp{ssrc: 1}.bytes()), 1)
		packet.Store(new(frameOf(etherIPv4, udp(phone, ep.String(), rtp{ssrc: 2}.bytes()))))
		for range i % 8 { // some time, not always the same
			if f := k.read(ep.String()); len(f) > 1 {
				made++
			}
		}
		k.Close(ep)
	}
	packet.Store(nil)
	wg.Wait()
	if n := k.entries(k.kernel.More); n != 0 || made == 0 {
		t.Errorf("%d rests are left; they were seen %d times", n, made)
	}
	if s := k.stats(); s.Failed != 0 || s.Endpoints != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestFilterMakesRoom(t *testing.T) {
	k := loadKernel(t, nil)
	openTestEndpoints(k)
	send := func(ssrc uint32, seqs ...int) {
		for _, s := range seqs {
			k.run(etherIPv4, udp(phone, local, rtp{pt: 101, seq: uint16(s), ssrc: ssrc, payload: 8}.bytes()), 1)
		}
	}
	for ssrc := uint32(1); ssrc <= mapFlows; ssrc++ {
		send(ssrc, 1, 2, 4)
	}
	send(99, 1, 2) // all flows are busy
	s := k.stats()
	if s.Crowded != 2 || s.Events != 3*mapFlows+2 {
		t.Errorf("crowded %d, events %d", s.Crowded, s.Events)
	}
	k.age(local, 3*time.Second)
	send(2, 5) // all but this one are silent
	send(100, 1, 2, 3)
	flows := k.read(local)
	got := map[uint32]uint64{}
	var total, lost, restarts uint64
	for _, f := range flows {
		key := f.SSRC
		if f.Peer.IsZero() {
			key = 0
		}
		got[key] += f.Packets
		total += f.Packets
		lost += f.Lost
		restarts += f.Restarts
	}
	want := map[uint32]uint64{0: 5, 2: 4, 3: 3, 100: 3}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("packets by SSRC %v, want %v", got, want)
	}
	if total != 15 || lost != mapFlows || restarts != mapFlows {
		t.Errorf("in all %d packets, %d lost, %d restarts; want 15, %d, %d", total, lost, restarts, mapFlows, mapFlows)
	}
}

// Two CPUs may count one flow at once; no packet is lost over it.
func TestFilterOnTwoCPUs(t *testing.T) {
	k := loadKernel(t, nil)
	openTestEndpoints(k)
	const n = 20000
	var wg sync.WaitGroup
	for i := range 2 {
		data := frameOf(etherIPv4, udp(phone, local, rtp{seq: uint16(i), ssrc: 1, payload: 20}.bytes()))
		wg.Go(func() {
			for range 10 {
				if _, err := k.kernel.SipwardFilter.Run(&ebpf.RunOptions{Data: data, Repeat: n / 10}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f := k.read(local)
	// A run may be repeated in part when a signal interrupts it.
	if len(f) != 1 || f[0].Packets < 2*n || f[0].Packets != k.stats().Media || f[0].Bytes != 32*f[0].Packets || f[0].Lost != 0 {
		t.Errorf("flows %+v of %d packets", f, k.stats().Media)
	}
}

func TestBootClock(t *testing.T) {
	var c bootClock
	a := c.offset()
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		t.Fatal(err)
	}
	if d := time.Now().UnixNano() - boot.Nano() - a; d > 1e7 || d < -1e7 {
		t.Errorf("off by %d ns", d)
	}
	c.checked = c.checked.Add(-time.Minute)
	if b := c.offset(); b != a {
		t.Errorf("the offset moved from %d to %d without a change of the clock", a, b)
	}
	c.diff += int64(time.Hour)
	c.checked = c.checked.Add(-time.Minute)
	if b := c.offset(); b-a > 1e7 || a-b > 1e7 {
		t.Errorf("a change of the clock is not followed: off by %d", b-a)
	}
}
