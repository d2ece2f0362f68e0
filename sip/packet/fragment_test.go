package packet

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// text returns n bytes that differ enough to tell where each belongs.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return string(b)
}

// split4 cuts the IPv4 packet b into fragments of at most size bytes of
// payload, a multiple of 8.
func split4(b []byte, size int) [][]byte {
	header, payload := b[:20], b[20:]
	var out [][]byte
	for off := 0; off < len(payload); off += size {
		part := payload[off:min(off+size, len(payload))]
		f := cat(header, part)
		copy(f[2:], u16(20+len(part)))
		frag := off / 8
		if off+size < len(payload) {
			frag |= 0x2000
		}
		copy(f[6:], u16(frag))
		out = append(out, f)
	}
	return out
}

// split6 does the same to an IPv6 packet without extension headers.
func split6(b []byte, id, size int) [][]byte {
	header, payload := b[:40], b[40:]
	var out [][]byte
	for off := 0; off < len(payload); off += size {
		part := payload[off:min(off+size, len(payload))]
		frag := off
		if off+size < len(payload) {
			frag |= 1
		}
		f := cat(header, []byte{b[6], 0}, u16(frag), u32(id), part)
		f[6] = protoFragment
		copy(f[4:], u16(8+len(part)))
		out = append(out, f)
	}
	return out
}

func big4(payload string) []byte {
	return serialize(ip4(layers.IPProtocolUDP, mac4a.Addr(), mac4b.Addr()), udpTo(5060, 5080), gopacket.Payload(payload))
}

func big6(payload string) []byte {
	return serialize(ip6(layers.IPProtocolUDP, end6a.Addr(), end6b.Addr()), udpTo(5060, 5080), gopacket.Payload(payload))
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for at := range n {
			out = append(out, slices.Insert(slices.Clone(p), at, n-1))
		}
	}
	return out
}

// TestFragmentsInAnyOrder: five fragments in each of the 120 orders, plain and
// inside tunnels, both families. Only the last one to arrive gives the packet,
// with its own time.
func TestFragmentsInAnyOrder(t *testing.T) {
	payload := text(5*64 - 8 - 13)
	tunnel := func(fs [][]byte, wrap func([]byte) []byte) [][]byte {
		out := make([][]byte, 0, len(fs))
		for _, f := range fs {
			out = append(out, wrap(f))
		}
		return out
	}
	vxlan := func(t uint16) func([]byte) []byte {
		return func(b []byte) []byte { return outerUDP(4789, cat([]byte{8, 0, 0, 0, 0, 0, 1, 0}, bridged(t, b))) }
	}
	four, six := split4(big4(payload), 64), split6(big6(payload), 0x01020304, 64)
	greOf4 := gre(&layers.GRE{Protocol: etherIPv4}, big4(payload))
	tests := []struct {
		name      string
		fragments [][]byte
		src       Endpoint
		ipid      uint16
	}{
		{"ipv4", four, EndpointFrom(mac4a), 0x1234},
		{"ipv6", six, EndpointFrom(end6a), 0},
		{"ipv4 in vxlan", tunnel(four, vxlan(etherIPv4)), EndpointFrom(mac4a), 0x1234},
		{"ipv6 in vxlan", tunnel(six, vxlan(etherIPv6)), EndpointFrom(end6a), 0},
		{"tunnel packet in fragments", split4(greOf4, 80), EndpointFrom(mac4a), 0x1234},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			for i, order := range permutations(len(tc.fragments)) {
				// Beyond what is remembered of the datagram before, whose
				// identification is the same.
				start := int64(i) * 1e9
				for n, k := range order {
					b := tc.fragments[k]
					f := Frame{Time: start + int64(n), Data: b, WireLen: len(b), Link: LinkRaw, Iface: uint32(n)}
					var p Packet
					r := d.Decode(&f, &p)
					if n < len(order)-1 {
						if r != Incomplete {
							t.Fatalf("order %v: fragment %d: %v, want incomplete", order, n, r)
						}
						continue
					}
					if r != Payload || string(p.Payload) != payload || p.Truncated || p.Transport != UDP ||
						p.Src != tc.src || p.IPID != tc.ipid || p.Time != f.Time || p.Iface != f.Iface {
						t.Fatalf("order %v: %v %+v", order, r, p)
					}
				}
			}
			s := d.Stats().Fragments
			if s.Reassembled != 120 || s.Pending != 0 || s.Bytes != 0 || s.Kept != 600 || s.Fragments != 600 {
				t.Errorf("counters %+v", s)
			}
		})
	}
}

// TestFragmentOfFragments: an outer datagram in fragments carries fragments of
// an inner one; both are put together.
func TestFragmentOfFragments(t *testing.T) {
	payload := text(300)
	d := NewDecoder(Limits{})
	var p Packet
	var last Result
	for i, part := range split4(big4(payload), 160) {
		outer := outer4(layers.IPProtocolIPv4, part)
		copy(outer[4:], u16(100+i))
		for _, b := range split4(outer, 64) {
			last = d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkRaw}, &p)
		}
	}
	if last != Payload || string(p.Payload) != payload {
		t.Errorf("%v, %d bytes", last, len(p.Payload))
	}
}

func TestFragmentsTwice(t *testing.T) {
	payload := text(150)
	fs := split4(big4(payload), 64)
	for name, order := range map[string][]int{
		"each twice":               {0, 0, 1, 1, 2, 2},
		"the whole twice":          {0, 1, 2, 0, 1, 2},
		"the second backwards":     {0, 1, 2, 2, 1, 0},
		"twice before the last":    {0, 1, 0, 1, 2, 2},
		"the last one twice first": {2, 2, 1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			var got int
			for i, k := range order {
				var p Packet
				if d.Decode(&Frame{Time: int64(i), Data: fs[k], WireLen: len(fs[k]), Link: LinkRaw}, &p) == Payload {
					got++
					if string(p.Payload) != payload {
						t.Errorf("payload differs")
					}
				}
			}
			if s := d.Stats(); got != 1 || s.Fragments.Duplicates != 3 || s.Fragments.Pending != 0 || s.Frames[Discarded] != 3 {
				t.Errorf("%d datagrams, %+v", got, s.Fragments)
			}
		})
	}
}

// TestFragmentIDReused: the same identification soon after a datagram that was
// never finished, or after a finished one, does not mix the two.
func TestFragmentIDReused(t *testing.T) {
	one, two := text(150), string(bytes.Repeat([]byte("x"), 150))
	a, b := split4(big4(one), 64), split4(big4(two), 64)
	d := NewDecoder(Limits{})
	var p Packet
	decode := func(at int64, f []byte) Result {
		return d.Decode(&Frame{Time: at, Data: f, WireLen: len(f), Link: LinkRaw}, &p)
	}
	decode(0, a[0])
	for i, f := range b {
		if r := decode(31e9+int64(i), f); i == len(b)-1 && (r != Payload || string(p.Payload) != two) {
			t.Errorf("after an unfinished one: %v, payload right: %v", r, string(p.Payload) == two)
		}
	}
	for i, f := range a {
		if r := decode(31e9+300e6+int64(i), f); i == len(a)-1 && (r != Payload || string(p.Payload) != one) {
			t.Errorf("after a finished one: %v, payload right: %v", r, string(p.Payload) == one)
		}
	}
	if s := d.Stats().Fragments; s.Expired != 1 || s.Reassembled != 2 {
		t.Errorf("counters %+v", s)
	}
}

// op is one fragment for the tests of the reassembler itself.
type op struct {
	off  int
	data string
	more bool
	want Result
}

func TestReassembler(t *testing.T) {
	tests := []struct {
		name  string
		ops   []op
		want  string
		stats FragmentStats
	}{
		{"overlap: first wins", []op{
			{0, "aaaaaaaaaaaaaaaa", true, Incomplete},
			{8, "bbbbbbbbbbbbbbbb", true, Incomplete},
			{24, "cc", false, Payload},
		}, "aaaaaaaaaaaaaaaabbbbbbbbcc", FragmentStats{Kept: 3, Overlaps: 1, Reassembled: 1}},
		{"overlap from the left", []op{
			{8, "bbbbbbbbbbbbbbbb", true, Incomplete},
			{0, "aaaaaaaaaaaaaaaa", true, Incomplete},
			{24, "cc", false, Payload},
		}, "aaaaaaaabbbbbbbbbbbbbbbbcc", FragmentStats{Kept: 3, Overlaps: 1, Reassembled: 1}},
		{"one over many", []op{
			{8, "bbbbbbbb", true, Incomplete},
			{24, "dddddddd", true, Incomplete},
			{0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, Incomplete},
			{40, "e", false, Payload},
		}, "aaaaaaaabbbbbbbbaaaaaaaaddddddddaaaaaaaae", FragmentStats{Kept: 4, Overlaps: 1, Reassembled: 1}},
		{"end inside what is there", []op{
			{0, "aaaaaaaaaaaaaaaa", true, Incomplete},
			{8, "bbbb", false, Discarded},
			{16, "cccc", false, Payload},
		}, "aaaaaaaaaaaaaaaacccc", FragmentStats{Kept: 2, Conflicts: 1, Reassembled: 1}},
		{"a last one that only names the end", []op{
			{0, "aaaaaaaaaaaaaaaa", true, Incomplete},
			{8, "bbbbbbbb", false, Payload},
		}, "aaaaaaaaaaaaaaaa", FragmentStats{Kept: 2, Overlaps: 1, Reassembled: 1}},
		{"two ends", []op{
			{16, "cccc", false, Incomplete},
			{16, "cccccc", false, Discarded},
			{16, "cccccccc", true, Discarded},
			{0, "aaaaaaaaaaaaaaaa", true, Payload},
		}, "aaaaaaaaaaaaaaaacccc", FragmentStats{Kept: 2, Conflicts: 2, Reassembled: 1}},
		{"not a multiple of 8", []op{{0, "aaa", true, Malformed}}, "", FragmentStats{Malformed: 1}},
		{"empty", []op{{8, "", false, Malformed}}, "", FragmentStats{Malformed: 1}},
		{"beyond 65535", []op{{65528, "aaaaaaaa", false, Malformed}}, "", FragmentStats{Malformed: 1}},
		{"up to 65535", []op{{65528, "aaaaaaa", false, Incomplete}}, "", FragmentStats{Kept: 1}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var r reassembler
			var s FragmentStats
			r.init(Limits{}.withDefaults(), &s)
			var got string
			for i, o := range tc.ops {
				b, proto, res := r.add(&fragment{off: o.off, data: []byte(o.data), more: o.more, proto: uint8(o.off)})
				if res != o.want {
					t.Errorf("fragment %d: %v, want %v", i, res, o.want)
				}
				if res == Payload {
					got = string(b)
					if proto != 0 {
						t.Errorf("protocol %d is not that of the first fragment", proto)
					}
				}
			}
			if got != tc.want {
				t.Errorf("datagram %q, want %q", got, tc.want)
			}
			s.Pending, s.Bytes = 0, 0
			if s != tc.stats {
				t.Errorf("counters %+v\nwant     %+v", s, tc.stats)
			}
		})
	}
}

func TestReassemblerBounds(t *testing.T) {
	eight := text(8)
	open := func(r *reassembler, id uint32, size int, now int64) {
		r.add(&fragment{key: fragmentKey{id: id}, data: []byte(text(size)), more: true, now: now})
	}
	t.Run("flows", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{FragmentFlows: 10}.withDefaults(), &s)
		for id := range uint32(1000) {
			open(&r, id, 8, int64(id))
		}
		if s.Pending != 10 || len(r.flows) != 10 || s.Evicted != 990 {
			t.Errorf("%d flows, counters %+v", len(r.flows), s)
		}
		if _, _, res := r.add(&fragment{key: fragmentKey{id: 999}, off: 8, data: []byte(eight)}); res != Payload {
			t.Errorf("the youngest was not kept: %v", res)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{FragmentBytes: 100_000}.withDefaults(), &s)
		for id := range uint32(1000) {
			open(&r, id, 1480, int64(id))
			if s.Bytes > 100_000 {
				t.Fatalf("%d bytes held", s.Bytes)
			}
		}
		if s.Pending < 10 || uint64(s.Pending)+s.Evicted != 1000 {
			t.Errorf("counters %+v", s)
		}
		var held int
		for _, f := range r.flows {
			held += cap(f.buf)
		}
		if held > s.Bytes {
			t.Errorf("%d bytes of buffers, %d accounted for", held, s.Bytes)
		}
	})
	t.Run("less than one", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{FragmentBytes: 100}.withDefaults(), &s)
		open(&r, 1, 1480, 0)
		if s.Pending != 0 || s.Bytes != 0 || s.Evicted != 1 || len(r.flows) != 0 {
			t.Errorf("counters %+v", s)
		}
	})
	t.Run("age", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{FragmentAge: 5e9}.withDefaults(), &s)
		for i := range uint32(10) {
			open(&r, i, 8, int64(i)*1e9)
		}
		if s.Pending != 6 || s.Expired != 4 {
			t.Errorf("counters %+v", s)
		}
		open(&r, 100, 8, 1e9) // a clock that went back
		if s.Pending != 7 || s.Expired != 4 {
			t.Errorf("after a clock that went back: %+v", s)
		}
	})
	t.Run("pieces", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{}.withDefaults(), &s)
		for i := range 1000 {
			r.add(&fragment{off: i * 16, data: []byte(eight), more: true})
		}
		if s.Kept != maxPieces || s.TooMany != 1000-maxPieces {
			t.Errorf("counters %+v", s)
		}
	})
	t.Run("finished ones", func(t *testing.T) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{}.withDefaults(), &s)
		for id := range uint32(10_000) {
			open(&r, id, 8, 0)
			r.add(&fragment{key: fragmentKey{id: id}, off: 8, data: []byte(eight)})
		}
		if len(r.flows) != maxDone || r.done.len != maxDone || s.Reassembled != 10_000 || s.Bytes != 0 {
			t.Errorf("%d flows remembered, counters %+v", len(r.flows), s)
		}
		open(&r, 1, 8, 1e9)
		if len(r.flows) != 1 {
			t.Errorf("%d flows after a second", len(r.flows))
		}
	})
}

// TestFragmentsCut: the first fragment still gives what the snap length left
// of it, later ones only count.
func TestFragmentsCut(t *testing.T) {
	for name, fs := range map[string][][]byte{
		"ipv4": split4(big4(text(300)), 160), "ipv6": split6(big6(text(300)), 1, 160),
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			var got []string
			for _, b := range fs {
				var p Packet
				r := d.Decode(&Frame{Data: b[:100], WireLen: len(b), Link: LinkRaw}, &p)
				got = append(got, fmt.Sprint(r, p.Truncated, r == Payload && string(p.Payload) == text(300)[:len(p.Payload)]))
			}
			if want := []string{"payload true true", "discarded true false"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if s := d.Stats().Fragments; s.Cut != 1 || s.Pending != 0 {
				t.Errorf("counters %+v", s)
			}
		})
	}
}

// TestFragmentsOfOthers: fragments that lead nowhere take no memory.
func TestFragmentsOfOthers(t *testing.T) {
	d := NewDecoder(Limits{})
	for _, b := range split4(outer4(layers.IPProtocolICMPv4, zeros(200)), 64) {
		var p Packet
		if r := d.Decode(&Frame{Data: b, WireLen: len(b), Link: LinkRaw}, &p); r != NotTransport {
			t.Errorf("%v, want not_transport", r)
		}
	}
	if s := d.Stats().Fragments; s != (FragmentStats{}) {
		t.Errorf("counters %+v", s)
	}
}

// FuzzReassembler compares with a model that keeps every byte by itself.
func FuzzReassembler(f *testing.F) {
	f.Add([]byte{0, 2, 1, 1, 2, 0, 2, 1, 0})
	f.Add([]byte{4, 3, 1, 0, 9, 1, 9, 1, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var r reassembler
		var s FragmentStats
		r.init(Limits{}.withDefaults(), &s)
		var model [65536]int // value + 1
		total, fill := -1, byte(0)
		for ; len(ops) >= 3; ops = ops[3:] {
			fill++
			off, more := int(ops[0])*8, ops[2]&1 != 0
			size := int(ops[1])
			if more {
				size *= 8
			}
			end := off + size
			data := bytes.Repeat([]byte{fill}, size)
			b, _, res := r.add(&fragment{off: off, data: data, more: more})
			if res == Incomplete || res == Payload {
				if !more {
					total = end
				}
				for i := off; i < end; i++ {
					if model[i] == 0 {
						model[i] = int(fill) + 1
					}
				}
			}
			whole := total > 0
			for i := 0; whole && i < total; i++ {
				whole = model[i] != 0
			}
			if whole != (res == Payload) {
				t.Fatalf("result %v, the model says whole: %v", res, whole)
			}
			if whole {
				want := make([]byte, total)
				for i := range want {
					want[i] = byte(model[i] - 1)
				}
				if !bytes.Equal(b, want) {
					t.Fatalf("datagram %x, want %x", b, want)
				}
				return
			}
		}
	})
}

func BenchmarkFragments(b *testing.B) {
	fs := split4(big4(text(2800)), 1480)
	d := NewDecoder(Limits{})
	var p Packet
	var now int64
	b.ReportAllocs()
	for b.Loop() {
		now += 1e9
		for i, data := range fs {
			r := d.Decode(&Frame{Time: now, Data: data, WireLen: len(data), Link: LinkRaw}, &p)
			if (r == Payload) != (i == len(fs)-1) {
				b.Fatal(r)
			}
		}
	}
}
