package netfilter

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// inNamespace runs the rest of the test in a process of its own, with a network
// of its own: every goroutine and every program that it starts is in there. It
// reports whether this is that process.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const inside = "SIPWARD_TEST_NAMESPACE"
	if os.Getenv(inside) == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("makes a network namespace with netfilter rules: run it as root")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if s := string(out); strings.Contains(s, "--- SKIP") {
		_, why, _ := strings.Cut(s, "--- SKIP")
		t.Skip(why)
	}
	t.Logf("%s", out)
	return false
}

// Addresses of the switch in the lab; everybody else is behind the cable.
var (
	switch4 = netip.MustParseAddr("192.0.2.1")
	switch6 = netip.MustParseAddr("2001:db8::1")
)

// lab is a switch on a cable whose other end is in the hands of the test.
type lab struct {
	t      *testing.T
	wire   int // packet socket on the far end
	mac    net.HardwareAddr
	frames testkit.Frames
}

func newLab(t *testing.T) *lab {
	t.Helper()
	up := func(name string) netlink.Link {
		l, err := netlink.LinkByName(name)
		check(t, err)
		check(t, netlink.LinkSetUp(l))
		return l
	}
	up("lo")
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "far"}, PeerName: "near"}))
	for _, name := range []string{"far", "near"} {
		for key, v := range map[string]string{
			"ipv4/conf/" + name + "/rp_filter": "0", "ipv6/conf/" + name + "/accept_dad": "0",
			"ipv6/conf/" + name + "/router_solicitations": "0",
		} {
			check(t, os.WriteFile("/proc/sys/net/"+key, []byte(v), 0o644))
		}
	}
	near, err := netlink.LinkByName("near")
	check(t, err)
	check(t, netlink.LinkSetARPOff(near)) // nobody answers there, and everybody is there
	near, far := up("near"), up("far")
	for _, a := range []string{"192.0.2.1/32", "2001:db8::1/128"} {
		addr, err := netlink.ParseAddr(a)
		check(t, err)
		addr.Flags = unix.IFA_F_NODAD
		check(t, netlink.AddrAdd(near, addr))
	}
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		_, dst, err := net.ParseCIDR(all)
		check(t, err)
		check(t, netlink.RouteAdd(&netlink.Route{LinkIndex: near.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_UNIVERSE}))
	}
	l := &lab{t: t, mac: near.Attrs().HardwareAddr}
	l.wire, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	check(t, unix.Bind(l.wire, &unix.SockaddrLinklayer{Protocol: 3 << 8, Ifindex: far.Attrs().Index})) // ETH_P_ALL
	check(t, unix.SetsockoptInt(l.wire, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
	t.Cleanup(func() { _ = unix.Close(l.wire) })
	l.frames = testkit.Frames{W: testkit.FrameFunc(func(f *packet.Frame) error {
		copy(f.Data, l.mac)
		_, err := unix.Write(l.wire, f.Data)
		return err
	})}
	return l
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// send sends a datagram from wherever.
func (l *lab) send(from, to netip.AddrPort, payload string) {
	l.t.Helper()
	check(l.t, l.frames.Send(&testkit.Packet{Src: from, Dst: to, Payload: []byte(payload)}))
}

// datagram is what came out of the switch.
type datagram struct {
	from, to netip.AddrPort
	payload  string
	frame    []byte
}

// receive returns the next UDP datagram that leaves the switch, or false after
// a time in which none does.
func (l *lab) receive(wait time.Duration) (datagram, bool) {
	l.t.Helper()
	b := make([]byte, 1<<16)
	d := packet.NewDecoder(packet.Limits{})
	for until := time.Now().Add(wait); ; {
		left := time.Until(until)
		if left <= 0 {
			return datagram{}, false
		}
		tv := unix.NsecToTimeval(int64(left))
		check(l.t, unix.SetsockoptTimeval(l.wire, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
		n, from, err := unix.Recvfrom(l.wire, b, 0)
		if err != nil {
			continue
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue // our own
		}
		var p packet.Packet
		f := packet.Frame{Data: b[:n], WireLen: n, Link: packet.LinkEthernet}
		if d.Decode(&f, &p) == packet.Payload && p.Transport == packet.UDP {
			return datagram{p.Src.AddrPort(), p.Dst.AddrPort(), string(p.Payload), b[:n]}, true
		}
	}
}

// phone is a socket of the switch: what reaches it has passed the guard.
type phone struct {
	t    *testing.T
	conn *net.UDPConn
}

func newSwitch(t *testing.T, at netip.AddrPort) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	check(t, err)
	check(t, conn.SetReadBuffer(16<<20))
	t.Cleanup(func() { _ = conn.Close() })
	return &phone{t, conn}
}

func (p *phone) read(wait time.Duration) (string, bool) {
	b := make([]byte, 1<<16)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := p.conn.ReadFromUDPAddrPort(b)
	return string(b[:n]), err == nil
}

// judgeFunc is a Judge.
type judgeFunc func(q *register.Request, p *packet.Packet, m *parse.Message) register.Verdict

func (f judgeFunc) Judge(q *register.Request, p *packet.Packet, m *parse.Message) register.Verdict {
	return f(q, p, m)
}

// byNumber refuses what is broken, and numbers that begin with 9.
var byNumber = judgeFunc(func(q *register.Request, _ *packet.Packet, _ *parse.Message) register.Verdict {
	switch {
	case q.Broken:
		return register.Verdict{Reason: register.Malformed}
	case strings.HasPrefix(q.To.User, "9"):
		return register.Verdict{Reason: register.OutsideBlocks}
	}
	return register.Verdict{Reason: register.Allowed}
})

func testConfig(j Judge) Config {
	return Config{Ports: []uint16{5060, 5062}, Queue: 77, Queues: 2, Firewall: IPTables, Answers: 1000, Judge: j}
}

// start runs a guard until the test ends or stop is called.
func start(t *testing.T, cfg Config, h host) (g *Guard, stop func()) {
	t.Helper()
	g, err := New(cfg)
	check(t, err)
	g.host = h
	g.bans.host = h
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	select {
	case <-g.Ready():
	case err := <-ended:
		t.Fatalf("Run: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("not ready within 20 s")
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return g, stop
}

// registration is a REGISTER for a number.
func registration(number string, from netip.AddrPort, more ...string) string {
	return fmt.Sprintf("REGISTER sip:switch.example SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\n"+
		"From: <sip:%s@switch.example>;tag=f1\r\nTo: <sip:%[2]s@switch.example>\r\nCall-ID: c%[2]s\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: <sip:%[2]s@%[1]s>\r\nExpires: 600\r\n%[4]sContent-Length: 0\r\n\r\n", from, number, number, strings.Join(more, ""))
}

// run runs a program in the lab and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

type judgePanics struct{}

func (judgePanics) Judge(*register.Request, *packet.Packet, *parse.Message) register.Verdict {
	panic("on purpose")
}
