package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// busy is a table with n announced endpoints, and one packet of each one's
// stream in random order.
func busy(tb testing.TB, n int) (*Table, []*packet.Packet) {
	tb.Helper()
	table := NewTable(Options{})
	packets := make([]*packet.Packet, n)
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for i := range n {
		dst := packet.EndpointFrom(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 14), 1}), uint16(10000+2*(i&0x3FFF))))
		src := packet.EndpointFrom(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 14), 1}), uint16(10000+2*(i&0x3FFF))))
		if !table.Open(dst, spec(uint64(i+1), Caller), 0) {
			tb.Fatal("refused")
		}
		packets[order[i]] = rtp{src: src, dst: dst, ssrc: uint32(i), payload: make([]byte, 160)}.packet()
	}
	return table, packets
}

// advance makes p the next packet of its stream.
func advance(p *packet.Packet) {
	b := p.Payload
	binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+1)
	binary.BigEndian.PutUint32(b[4:], binary.BigEndian.Uint32(b[4:])+160)
	p.Time += 20 * ms
}

func TestPacketDoesNotAllocate(t *testing.T) {
	table, packets := busy(t, 100)
	event := key(packets[0].Src, packets[0].Dst, 0, 800, 5)[0]
	stranger := voice(nat, carrier, 1, 1, 1)[0]
	reverse := voice(packets[0].Dst, nat, 1, 1, 1)[0]
	all := append(packets, event, stranger, reverse)
	feed(table, all)
	allocs := testing.AllocsPerRun(100, func() {
		for _, p := range all {
			advance(p)
			table.Packet(p)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d packets", allocs, len(all))
	}
}

// TestMemoryOfAnEndpoint bounds what an announced endpoint with one stream
// costs, so that 100,000 calls with two each fit beside their dialogs.
func TestMemoryOfAnEndpoint(t *testing.T) {
	const n = 50_000
	_, packets := busy(t, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(Options{})
	for i, p := range packets {
		table.Open(p.Dst, spec(uint64(i+1), Caller), 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	announced := (after.HeapAlloc - before.HeapAlloc) / n
	feed(table, packets)
	runtime.GC()
	runtime.ReadMemStats(&after)
	streaming := (after.HeapAlloc - before.HeapAlloc) / n
	runtime.KeepAlive(packets)
	runtime.KeepAlive(table)
	t.Logf("%d bytes announced, %d with a stream", announced, streaming)
	if announced > 400 || streaming > 700 {
		t.Errorf("an endpoint costs %d bytes, %d with a stream", announced, streaming)
	}
}

// benchmark hands the packets in, each the next one of its stream. A decoder
// has just written a packet when the table gets it, so all go through one that
// stays in the processor's cache; what is measured is the table's own memory.
func benchmark(b *testing.B, table *Table, packets []*packet.Packet) {
	type header struct {
		src, dst packet.Endpoint
		ssrc     uint32
	}
	headers := make([]header, len(packets))
	for i, p := range packets {
		headers[i] = header{p.Src, p.Dst, binary.BigEndian.Uint32(p.Payload[8:])}
	}
	p := *packets[0]
	p.Payload = append([]byte(nil), p.Payload...)
	next := func(i int) {
		h := &headers[i%len(headers)]
		p.Src, p.Dst = h.src, h.dst
		round := i / len(headers)
		binary.BigEndian.PutUint16(p.Payload[2:], uint16(round))
		binary.BigEndian.PutUint32(p.Payload[4:], uint32(round)*160)
		binary.BigEndian.PutUint32(p.Payload[8:], h.ssrc)
		p.Time = int64(round) * 20 * ms
		table.Packet(&p)
	}
	for i := range headers {
		next(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		next(i + len(headers))
	}
}

func BenchmarkHit(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000, 200_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			table, packets := busy(b, n)
			benchmark(b, table, packets)
		})
	}
}

func BenchmarkMiss100k(b *testing.B) {
	table, packets := busy(b, 100_000)
	for _, p := range packets {
		p.Dst.Port++
	}
	benchmark(b, table, packets)
}

func BenchmarkReverse100k(b *testing.B) {
	table, packets := busy(b, 100_000)
	for _, p := range packets {
		p.Src, p.Dst = p.Dst, p.Src
	}
	benchmark(b, table, packets)
}

func BenchmarkEvent100k(b *testing.B) {
	table, packets := busy(b, 100_000)
	for i, p := range packets {
		packets[i] = key(p.Src, p.Dst, 1, 800, 5)[0]
	}
	packets[0].Payload = append(packets[0].Payload[:12], 5, 10, 0, 160)
	benchmark(b, table, packets)
}

func BenchmarkOpenClose(b *testing.B) {
	table, packets := busy(b, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p := packets[i%len(packets)]
		table.Open(p.Src, spec(1, Callee), 0)
		table.Close(p.Src, 1)
	}
}
