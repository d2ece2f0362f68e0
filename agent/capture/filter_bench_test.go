package capture

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
)

// benchEndpoints is how many endpoints are open while the filter is measured:
// enough for the map not to fit the caches.
const benchEndpoints = 20000

func benchEndpoint(i int) packet.Endpoint {
	ep := endpoint(local)
	ep.IP[14], ep.IP[15] = byte(i>>8>>4), byte(i>>4)
	ep.Port = uint16(10000 + i&15*2)
	return ep
}

func openMany(tb testing.TB, f *Filter) {
	tb.Helper()
	for i := range benchEndpoints {
		if err := f.Open(benchEndpoint(i), media.Spec{Owner: uint64(i + 1), EventsIn: types(101), ClockHz: 8000}); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkFilterProgram runs the program on one packet again and again: the
// cost with everything in the caches.
func BenchmarkFilterProgram(b *testing.B) {
	voice := rtp{seq: 1, ts: 1, ssrc: 1, payload: 160}.bytes()
	for _, bc := range []struct {
		name   string
		kind   uint16
		packet []byte
	}{
		{"hit", etherIPv4, udp(phone, local, voice)},
		{"hit IPv6", etherIPv6, udp(phone6, local6, voice)},
		{"hit reverse", etherIPv4, udp(local, nat, voice)},
		{"event", etherIPv4, udp(phone, local, rtp{pt: 101, payload: 4}.bytes())},
		{"miss", etherIPv4, udp(phone, "198.51.100.1:30002", voice)},
		{"sip", etherIPv4, udp(sipA, sipB, sipMessage)},
		{"arp", 0x0806, make([]byte, 28)},
		{"tcp", etherIPv4, tcp("192.0.2.1:1", "192.0.2.2:443", voice)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			k := loadKernel(b, nil)
			openTestEndpoints(k)
			openMany(b, k.Filter)
			_, each, err := k.kernel.SipwardFilter.Benchmark(frameOf(bc.kind, bc.packet), max(b.N, 1000), b.ResetTimer)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(each.Nanoseconds()), "ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFilterLive sends G.711 over a veth pair to endpoints by turns, and
// reports what the filter takes for each packet by the kernel's own statistics.
// Those include reading the clock twice. With many endpoints each packet finds
// its entry in none of the caches.
func BenchmarkFilterLive(b *testing.B) {
	for _, n := range []int{1, 10, 100, 2000, benchEndpoints} {
		b.Run(fmt.Sprintf("hit of %d", n), func(b *testing.B) {
			benchLive(b, etherIPv4, n, func(i int) []byte {
				return udp(phone, benchEndpoint(i).String(), rtp{ssrc: uint32(i), payload: 160}.bytes())
			}, func(c *FilterCounters) uint64 { return c.Media })
		})
	}
	b.Run("miss", func(b *testing.B) {
		benchLive(b, etherIPv4, 2000, func(i int) []byte {
			ep := benchEndpoint(i)
			ep.Port++
			return udp(phone, ep.String(), rtp{ssrc: uint32(i), payload: 160}.bytes())
		}, func(c *FilterCounters) uint64 { return c.Missed })
	})
	b.Run("arp", func(b *testing.B) {
		benchLive(b, 0x0806, 1, func(i int) []byte { return make([]byte, 46) },
			func(c *FilterCounters) uint64 { return c.Irrelevant })
	})
}

func benchLive(b *testing.B, etherType uint16, n int, packet func(i int) []byte, counter func(*FilterCounters) uint64) {
	inNamespace(b)
	addVeth(b, "v0", "v1")
	l := runLive(b, LiveConfig{Interfaces: []string{"v1"}, Sink: newSink(1)}, true)
	openMany(b, l.Filter())
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer stats.Close()
	out := newSender(b, "v0")
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = packet(i)
	}
	b.ResetTimer()
	for i := range b.N {
		f := frames[i%len(frames)]
		f[20+8+3] = byte(i / len(frames)) // sequence number
		out.send(etherType, f)
	}
	b.StopTimer()
	s, err := l.filter.kernel.SipwardFilter.Stats()
	if err != nil {
		b.Fatal(err)
	}
	c := l.Stats()
	if got := counter(&c.Filter.FilterCounters); got < uint64(b.N) || c.Received != 0 {
		b.Fatalf("%d of %d packets are what was to be measured: %+v", got, b.N, c)
	}
	b.ReportMetric(float64(s.Runtime.Nanoseconds())/float64(s.RunCount), "ns/packet")
}

func BenchmarkFilterRead(b *testing.B) {
	k := loadKernel(b, nil)
	openMany(b, k.Filter)
	openTestEndpoints(k)
	k.run(etherIPv4, udp(phone, local, rtp{payload: 160}.bytes()), 1)
	var flows []media.Observed
	ep := endpoint(local)
	b.ReportAllocs()
	for b.Loop() {
		if flows, _ = k.Read(ep, flows[:0]); len(flows) != 1 {
			b.Fatal("no flow")
		}
	}
}

func BenchmarkFilterOpenClose(b *testing.B) {
	k := loadKernel(b, nil)
	ep := endpoint(local)
	spec := media.Spec{Owner: 1, ClockHz: 8000}
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Open(ep, spec); err != nil {
			b.Fatal(err)
		}
		k.Close(ep)
	}
}

func BenchmarkFilterReopen(b *testing.B) {
	k := loadKernel(b, nil)
	ep := endpoint(local)
	spec := media.Spec{Owner: 1, ClockHz: 8000}
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Open(ep, spec); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRing sends SIP over a veth pair: the cost of a frame from the ring to
// the sink, with the sender on the same CPU.
func BenchmarkRing(b *testing.B) {
	inNamespace(b)
	addVeth(b, "v0", "v1")
	sink := &countingSink{batch: packet.NewBatch(512, 1<<20)}
	l := runLive(b, LiveConfig{Interfaces: []string{"v1"}, Sink: sink, RingBytes: 64 << 20}, true)
	out := newSender(b, "v0")
	message := udp(sipA, sipB, make([]byte, 700))
	b.ResetTimer()
	for range b.N {
		out.send(etherIPv4, message)
	}
	awaitReceived(b, l, uint64(b.N))
	s := l.Stats()
	b.ReportMetric(float64(s.Wakeups)/float64(b.N), "wakeups/op")
	b.ReportMetric(float64(s.KernelDropped), "dropped")
}

// countingSink takes everything at once.
type countingSink struct{ batch *packet.Batch }

func (s *countingSink) Get() *packet.Batch       { return s.batch }
func (s *countingSink) Put(b *packet.Batch) bool { b.Reset(); return true }
