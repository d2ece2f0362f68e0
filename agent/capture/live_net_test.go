package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
)

// testSink is a Sink whose frames the test reads one by one.
type testSink struct {
	full chan *packet.Batch
	mu   sync.Mutex // guards left
	left []packet.Frame
}

func newSink(n int) *testSink { return &testSink{full: make(chan *packet.Batch, n)} }

func (s *testSink) Get() *packet.Batch { return packet.NewBatch(64, 1<<17) }

func (s *testSink) Put(b *packet.Batch) bool {
	select {
	case s.full <- b:
		return true
	default:
		return false
	}
}

// next returns the next frame.
func (s *testSink) next(t *testing.T) packet.Frame {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.left) == 0 {
		select {
		case b := <-s.full:
			s.left = append(s.left, b.Frames...)
		case <-time.After(10 * time.Second):
			t.Fatal("no frame came within 10 s")
		}
	}
	f := s.left[0]
	s.left = s.left[1:]
	return f
}

// inNamespace puts the test's thread, which ends with it, into a new network
// namespace whose loopback is up, and on one CPU, so that packets keep their
// order.
func inNamespace(tb testing.TB) {
	tb.Helper()
	needRoot(tb)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Skipf("cannot make a network namespace: %v", err)
	}
	var one unix.CPUSet
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		tb.Fatal(err)
	}
	setUp(tb, "lo")
}

func addVeth(tb testing.TB, a, b string) {
	tb.Helper()
	v := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a}, PeerName: b}
	addLink(tb, v)
	setUp(tb, a)
	setUp(tb, b)
}

func addLink(tb testing.TB, l netlink.Link) {
	tb.Helper()
	if err := netlink.LinkAdd(l); err != nil {
		tb.Fatalf("adding %s: %v", l.Attrs().Name, err)
	}
}

func linkByName(tb testing.TB, name string) netlink.Link {
	tb.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		tb.Fatalf("link %s: %v", name, err)
	}
	return l
}

func setUp(tb testing.TB, name string) {
	tb.Helper()
	if err := netlink.LinkSetUp(linkByName(tb, name)); err != nil {
		tb.Fatalf("setting %s up: %v", name, err)
	}
}

func linkIndex(tb testing.TB, name string) int { return linkByName(tb, name).Attrs().Index }

// runLive runs a Live in the namespace of the calling thread until the test
// ends, and waits for it to be ready if wait is set.
func runLive(tb testing.TB, cfg LiveConfig, wait bool) *Live {
	tb.Helper()
	ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if cfg.SIPPorts == nil {
		cfg.SIPPorts = []uint16{testSIPPort}
	}
	if cfg.RingBytes == 0 {
		cfg.RingBytes = 2 << 20
	}
	l, err := NewLive(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and the thread ends with its namespace
		defer unix.Close(ns)
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			ended <- err
			return
		}
		ended <- errors.Join(l.Run(ctx), l.Close())
	}()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	if wait {
		awaitReady(tb, l)
	}
	return l
}

func awaitReady(tb testing.TB, l *Live) {
	tb.Helper()
	select {
	case <-l.Ready():
	case <-time.After(10 * time.Second):
		tb.Fatal("not ready within 10 s")
	}
}

// sender sends Ethernet frames on an interface.
type sender struct {
	tb testing.TB
	fd int
}

func newSender(tb testing.TB, name string) *sender {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	to := unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: linkIndex(tb, name)}
	// A protocol of zero: this socket only sends.
	to.Protocol = 0
	if err := unix.Bind(fd, &to); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return &sender{tb, fd}
}

// send sends b as a broadcast, behind the given VLAN tags.
func (s *sender) send(etherType uint16, b []byte, tags ...uint16) {
	s.tb.Helper()
	h := []byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1}
	for i, tag := range tags {
		h = binary.BigEndian.AppendUint16(h, tag)
		h = binary.BigEndian.AppendUint16(h, uint16(10+i))
	}
	h = binary.BigEndian.AppendUint16(h, etherType)
	if _, err := unix.Write(s.fd, append(h, b...)); err != nil {
		s.tb.Fatal(err)
	}
}

// mark is a SIP message that tells frames of a test apart.
func mark(n byte) []byte { return udp(sipA, sipB, append([]byte("OPTIONS "), n)) }

func markOf(f packet.Frame) byte { return f.Data[len(f.Data)-1] }

func TestLivePassesWhatIsWanted(t *testing.T) {
	for _, mode := range []Mode{EBPF, Classic} {
		t.Run(mode.String(), func(t *testing.T) {
			inNamespace(t)
			addVeth(t, "v0", "v1")
			sink := newSink(64)
			l := runLive(t, LiveConfig{Interfaces: []string{"v1"}, Sink: sink, Mode: mode}, true)
			out := newSender(t, "v0")
			before := time.Now().UnixNano()
			voice := udp(phone, local, rtp{payload: 160}.bytes())
			event := udp(phone, local, rtp{pt: 101, payload: 4}.bytes())
			if mode == EBPF {
				if err := l.Filter().Open(endpoint(local), media.Spec{Owner: 1, EventsIn: types(101)}); err != nil {
					t.Fatal(err)
				}
			}
			sip6 := udp(sipA6, sipB6, sipMessage)
			type sent struct {
				etherType uint16
				b         []byte
				tags      []uint16
			}
			passing := []sent{
				{etherIPv4, mark('a'), nil},
				{etherIPv6, sip6, nil},
				{etherIPv4, mark('b'), []uint16{etherVLAN}},
				{etherIPv4, mark('c'), []uint16{etherQinQ, etherVLAN}},
				{etherIPv6, sip6, []uint16{etherVLAN, etherVLAN}},
				{etherIPv4, tcp(sipA, sipB, sipMessage), nil},
				{etherIPv4, fragment4(voice, 0, true), nil},
				{etherIPv6, fragment6(udp(phone6, local6, make([]byte, 1000)), 1232, false), nil},
				{etherIPv4, event, nil},
				{etherIPv4, event, []uint16{etherVLAN, etherVLAN}},
			}
			for _, p := range passing {
				out.send(p.etherType, p.b, p.tags...)
				out.send(etherIPv4, voice)
				out.send(etherIPv4, voice, etherVLAN)
				out.send(etherIPv4, voice, etherQinQ, etherVLAN)
			}
			for i, p := range passing {
				f := sink.next(t)
				if string(f.Data) != string(p.b) || f.EtherType != p.etherType {
					t.Errorf("frame %d: type %#x\n got %x\nwant %x", i, f.EtherType, f.Data, p.b)
				}
				if f.WireLen != len(p.b) || f.Link != packet.LinkNetwork || f.Iface != uint32(linkIndex(t, "v1")) {
					t.Errorf("frame %d: %d bytes on the wire, link %d, interface %d", i, f.WireLen, f.Link, f.Iface)
				}
				if now := time.Now().UnixNano(); f.Time < before || f.Time > now {
					t.Errorf("frame %d: time %d is not from %d to %d", i, f.Time, before, now)
				}
			}
			s := l.Stats()
			if s.Received != uint64(len(passing)) || s.Mode != mode || s.KernelDropped != 0 {
				t.Errorf("stats %+v", s)
			}
			if mode == Classic {
				return
			}
			if c := s.Filter; c.Media != 32 || c.Events != 2 || passed(&c.FilterCounters) != s.Received {
				t.Errorf("filter counters %+v", c)
			}
			flows, ok := l.Filter().Read(endpoint(local), nil)
			if !ok || len(flows) != 1 || flows[0].Packets != 32 {
				t.Errorf("flows %+v", flows)
			}
		})
	}
}

// On loopback a packet is seen going out and coming in; it must be taken once.
func TestLiveLoopbackOnce(t *testing.T) {
	for _, mode := range []Mode{EBPF, Classic} {
		for _, name := range []string{"lo", AnyInterface} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				inNamespace(t)
				sink := newSink(64)
				l := runLive(t, LiveConfig{Interfaces: []string{name}, Sink: sink, Mode: mode}, true)
				c, err := net.Dial("udp", "127.0.0.1:5060")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				for i := range byte(20) {
					// The port is closed: ICMP makes every other write fail.
					for {
						if _, err := c.Write(append([]byte("OPTIONS "), i)); err == nil {
							break
						}
					}
				}
				for i := range byte(20) {
					if f := sink.next(t); markOf(f) != i {
						t.Fatalf("frame %d is %d", i, markOf(f))
					}
				}
				if s := l.Stats(); s.Received != 20 || name == AnyInterface && mode == EBPF && s.Filter.Loopback < 20 {
					t.Errorf("stats %+v", s)
				}
			})
		}
	}
}

func TestLiveWaitsForInterfaces(t *testing.T) {
	inNamespace(t)
	sink := newSink(64)
	l := runLive(t, LiveConfig{Interfaces: []string{"tel*", "v1"}, Sink: sink}, false)
	waitState(t, l, "tel*", LinkMissing)
	select {
	case <-l.Ready():
		t.Fatal("ready without an interface")
	default:
	}
	addVeth(t, "tel0", "x0")
	awaitReady(t, l)
	waitState(t, l, "tel0", LinkCapturing)
	waitState(t, l, "v1", LinkMissing)
	newSender(t, "x0").send(etherIPv4, mark('a'))
	if f := sink.next(t); markOf(f) != 'a' {
		t.Errorf("got %q", f.Data)
	}

	// Down and up again.
	if err := netlink.LinkSetDown(linkByName(t, "tel0")); err != nil {
		t.Fatal(err)
	}
	waitState(t, l, "tel0", LinkDown)
	setUp(t, "tel0")
	waitState(t, l, "tel0", LinkCapturing)
	newSender(t, "x0").send(etherIPv4, mark('b'))
	if f := sink.next(t); markOf(f) != 'b' {
		t.Errorf("got %q", f.Data)
	}

	// Gone, and there again with another index.
	if err := netlink.LinkDel(linkByName(t, "tel0")); err != nil {
		t.Fatal(err)
	}
	waitState(t, l, "tel*", LinkMissing)
	addVeth(t, "tel0", "x0")
	addVeth(t, "v1", "v0")
	waitState(t, l, "tel0", LinkCapturing)
	waitState(t, l, "v1", LinkCapturing)
	newSender(t, "x0").send(etherIPv4, mark('c'))
	if f := sink.next(t); markOf(f) != 'c' {
		t.Errorf("got %q", f.Data)
	}
	newSender(t, "v0").send(etherIPv4, mark('d'))
	if f := sink.next(t); markOf(f) != 'd' {
		t.Errorf("got %q", f.Data)
	}
}

// waitState waits until Stats says that name is in the state.
func waitState(t *testing.T, l *Live, name string, want LinkState) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for {
		for _, s := range l.Stats().Interfaces {
			if s.Name == name && s.State == want {
				return
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s is not %v within 10 s: %+v", name, want, l.Stats().Interfaces)
		}
	}
}

// Bridge and member both show the stream; it counts once.
func TestLiveBridgeOnce(t *testing.T) {
	inNamespace(t)
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
		t.Skipf("no bridges in this kernel: %v", err)
	}
	addVeth(t, "v0", "v1")
	setUp(t, "br0")
	if err := netlink.LinkSetMaster(linkByName(t, "v1"), linkByName(t, "br0")); err != nil {
		t.Fatal(err)
	}
	sinkOnce(t, "v0", "br0", nil)
}

// A VLAN device and its parent both show the stream; it counts once.
func TestLiveVLANOnce(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	v := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "v1.10", ParentIndex: linkIndex(t, "v1")}, VlanId: 10}
	if err := netlink.LinkAdd(v); err != nil {
		t.Skipf("no VLAN devices in this kernel: %v", err)
	}
	setUp(t, "v1.10")
	sinkOnce(t, "v0", "v1.10", []uint16{etherVLAN})
}

// sinkOnce sends events into from; they show on v1 and on second.
func sinkOnce(t *testing.T, from, second string, tags []uint16) {
	t.Helper()
	sink := newSink(256)
	l := runLive(t, LiveConfig{Interfaces: []string{"v1", second}, Sink: sink}, true)
	waitState(t, l, "v1", LinkCapturing)
	waitState(t, l, second, LinkCapturing)
	if err := l.Filter().Open(endpoint(local), media.Spec{Owner: 1, EventsIn: types(101)}); err != nil {
		t.Fatal(err)
	}
	out := newSender(t, from)
	for i := range 100 {
		out.send(etherIPv4, udp(phone, local, rtp{pt: 101, seq: uint16(i), ssrc: 1, payload: 4}.bytes()), tags...)
	}
	// SIP passes on both: user space drops the copy. It is the mark that all
	// before it were seen.
	out.send(etherIPv4, mark('z'), tags...)
	events, marks := 0, map[uint32]bool{}
	for len(marks) < 2 {
		if f := sink.next(t); markOf(f) == 'z' {
			marks[f.Iface] = true
		} else {
			events++
		}
	}
	flows, _ := l.Filter().Read(endpoint(local), nil)
	if len(flows) != 1 || flows[0].Packets != 100 || flows[0].Lost != 0 || events != 100 {
		t.Errorf("%d events passed; flows %+v", events, flows)
	}
	if s := l.Stats(); s.Filter.Twice != 100 {
		t.Errorf("%d packets were seen on a second interface, want 100", s.Filter.Twice)
	}
}

// A full sink loses frames, which are counted; capture goes on.
func TestLiveCountsWhatTheSinkRefuses(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	sink := newSink(1)
	l := runLive(t, LiveConfig{Interfaces: []string{"v1"}, Sink: sink}, true)
	out := newSender(t, "v0")
	const n = 1000
	for range n {
		out.send(etherIPv4, mark('x'))
	}
	awaitReceived(t, l, n)
	s := l.Stats()
	if s.QueueDropped == 0 || s.QueueDropped+s.Delivered != n || s.Delivered == 0 {
		t.Errorf("delivered %d and dropped %d of %d", s.Delivered, s.QueueDropped, n)
	}
}

// awaitReceived waits until n frames were read or lost in the kernel.
func awaitReceived(tb testing.TB, l *Live, n uint64) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for {
		s := l.Stats()
		if s.Received+s.KernelDropped >= n {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("not all of %d frames came: %+v", n, s)
		}
	}
}

// What a stalled reader loses in the kernel is counted exactly.
func TestLiveCountsKernelDrops(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	sink := &stallingSink{testSink: newSink(1 << 12), stalled: make(chan struct{}), resume: make(chan struct{})}
	l := runLive(t, LiveConfig{Interfaces: []string{"v1"}, Sink: sink, RingBytes: 1 << 20}, true)
	out := newSender(t, "v0")
	big := udp(sipA, sipB, make([]byte, 1400))
	out.send(etherIPv4, big)
	<-sink.stalled
	const n = 3000 // 4 MB into a ring of 1 MB
	for range n {
		out.send(etherIPv4, big)
	}
	close(sink.resume)
	awaitReceived(t, l, n+1)
	if s := l.Stats(); s.KernelDropped == 0 || s.Frozen == 0 || s.Received+s.KernelDropped != n+1 {
		t.Errorf("received %d and dropped %d of %d", s.Received, s.KernelDropped, n+1)
	}
}

// stallingSink blocks the reader at its first hand-over until told otherwise,
// which no real sink does.
type stallingSink struct {
	*testSink
	once            sync.Once
	stalled, resume chan struct{}
}

func (s *stallingSink) Put(b *packet.Batch) bool {
	s.once.Do(func() { close(s.stalled); <-s.resume })
	return s.testSink.Put(b)
}

// Starting and stopping leaves nothing behind.
func TestLiveEnds(t *testing.T) {
	inNamespace(t)
	leaks := goleak.IgnoreCurrent()
	before := openFiles(t)
	for range 3 {
		t.Run("", func(t *testing.T) {
			inNamespace(t)
			l := runLive(t, LiveConfig{Interfaces: []string{"lo"}, Sink: newSink(1)}, true)
			if err := l.Filter().Open(endpoint(local), media.Spec{Owner: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	goleak.VerifyNone(t, leaks)
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestLiveConfigErrors(t *testing.T) {
	good := LiveConfig{Interfaces: []string{"eth*"}, SIPPorts: []uint16{5060}, Sink: newSink(1)}
	if _, err := NewLive(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*LiveConfig){
		"no sink":            func(c *LiveConfig) { c.Sink = nil },
		"no interface":       func(c *LiveConfig) { c.Interfaces = nil },
		"any and another":    func(c *LiveConfig) { c.Interfaces = []string{"any", "eth0"} },
		"bad pattern":        func(c *LiveConfig) { c.Interfaces = []string{"eth["} },
		"empty name":         func(c *LiveConfig) { c.Interfaces = []string{""} },
		"no port":            func(c *LiveConfig) { c.SIPPorts = nil },
		"too many ports":     func(c *LiveConfig) { c.SIPPorts = make([]uint16, MaxSIPPorts+1) },
		"ring too large":     func(c *LiveConfig) { c.RingBytes = MaxRingBytes + 1 },
		"negative ring":      func(c *LiveConfig) { c.RingBytes = -1 },
		"too many endpoints": func(c *LiveConfig) { c.MaxEndpoints = 1<<24 + 1 },
		"unknown mode":       func(c *LiveConfig) { c.Mode = 3 },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewLive(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
