package netfilter

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// raw sends IP packets that the generator does not make.
func (l *lab) raw(b []byte) {
	l.t.Helper()
	frame := append(append([]byte(nil), l.mac...), 2, 0, 0, 0, 0, 9, 0x08, 0)
	if b[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	_, err := unix.Write(l.wire, append(frame, b...))
	check(l.t, err)
}

// withOptions puts IPv4 options (n words of no-operation) into a packet.
func withOptions(p []byte, n int) []byte {
	b := append([]byte(nil), p[:20]...)
	b[0] = 0x40 | byte(5+n)
	b = append(b, bytes.Repeat([]byte{1}, 4*n)...)
	b = append(b, p[20:]...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return sum4(b)
}

// sum4 fills in the checksum of an IPv4 header.
func sum4(b []byte) []byte {
	header := int(b[0]&15) * 4
	b[10], b[11] = 0, 0
	sum := addWords(0, b[:header])
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

// withExtensions puts n headers of a kind between IPv6 and UDP.
func withExtensions(p []byte, kind byte, n int) []byte {
	b := append([]byte(nil), p[:40]...)
	next := &b[6]
	for range n {
		*next = kind
		b = append(b, unix.IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0) // PadN of four
		next = &b[len(b)-8]
	}
	b = append(b, p[40:]...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// ids tells datagrams in fragments apart.
var ids uint16

// fragments4 cuts a packet after so many bytes of UDP, in the order given.
func fragments4(p []byte, at int, backwards bool) [][]byte {
	ids++
	first, second := append([]byte(nil), p[:20+at]...), append(append([]byte(nil), p[:20]...), p[20+at:]...)
	for i, b := range [][]byte{first, second} {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[4:], ids)
		field := uint16(0x2000)
		if i == 1 {
			field = uint16(at / 8)
		}
		binary.BigEndian.PutUint16(b[6:], field)
		sum4(b)
	}
	if backwards {
		return [][]byte{second, first}
	}
	return [][]byte{first, second}
}

func fragments6(p []byte, at int, backwards bool) [][]byte {
	ids++
	var out [][]byte
	for i, part := range [][]byte{p[40 : 40+at], p[40+at:]} {
		b := append([]byte(nil), p[:40]...)
		field := uint16(1)
		if i == 1 {
			field = uint16(at)
		}
		b = append(b, b[6], 0, byte(field>>8), byte(field), 0, 0, byte(ids>>8), byte(ids))
		b[6] = unix.IPPROTO_FRAGMENT
		b = append(b, part...)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		out = append(out, b)
	}
	if backwards {
		out[0], out[1] = out[1], out[0]
	}
	return out
}

func one(p []byte) func() [][]byte { return func() [][]byte { return [][]byte{p} } }

// Nothing that IP can do to a datagram takes a REGISTER round the guard.
func TestEvasions(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from4, from6 := netip.MustParseAddrPort("198.51.100.7:5070"), netip.MustParseAddrPort("[2001:db8:7::7]:5070")
	to4, to6 := netip.AddrPortFrom(switch4, 5060), netip.AddrPortFrom(switch6, 5060)
	bad4 := appendIPv4(nil, from4, to4, []byte(registration("9000", from4)))
	bad4 = sum4(withOptions(bad4, 0))
	bad6 := appendIPv6(nil, from6, to6, []byte(registration("9000", from6)))
	tests := []struct {
		name    string
		packets func() [][]byte
		silent  bool // no answer
	}{
		{"plain 4", one(bad4), false},
		{"plain 6", one(bad6), false},
		{"one option", one(withOptions(bad4, 1)), false},
		{"all options", one(withOptions(bad4, 10)), false},
		{"destination options", one(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 1)), false},
		{"many destination options", one(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 7)), false},
		{"more than are read", one(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 20)), true},
		{"hop by hop", one(withExtensions(bad6, 0, 1)), false},
		{"cut behind the UDP header 4", func() [][]byte { return fragments4(bad4, 8, false) }, false},
		{"cut in the method 4", func() [][]byte { return fragments4(bad4, 16, false) }, false},
		{"cut in the method, backwards 4", func() [][]byte { return fragments4(bad4, 16, true) }, false},
		{"cut behind the UDP header 6", func() [][]byte { return fragments6(bad6, 8, false) }, false},
		{"cut in the method 6", func() [][]byte { return fragments6(bad6, 16, false) }, false},
		{"cut in the method, backwards 6", func() [][]byte { return fragments6(bad6, 16, true) }, false},
		{"options in the fragments 6", func() [][]byte { return fragments6(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 1), 16, false) }, false},
		// The kernel drops it: the first fragment must have all headers (RFC 7112).
		{"UDP in the second fragment 6", func() [][]byte { return fragments6(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 1), 8, false) }, true},
	}
	sw4, sw6 := newSwitch(t, to4), newSwitch(t, to6)
	for _, variant := range variants {
		cfg := testConfig(byNumber)
		g, stop := start(t, cfg, host{variant: variant})
		for _, tc := range tests {
			for _, p := range tc.packets() {
				l.raw(p)
			}
			wait := soon
			if tc.silent {
				wait = quiet
			}
			if d, ok := l.receive(wait); ok == tc.silent || ok && !strings.HasPrefix(d.payload, "SIP/2.0 403") {
				t.Errorf("%s %s: answer %v %q", variant, tc.name, ok, d.payload)
			}
			for _, sw := range []*phone{sw4, sw6} {
				if got, ok := sw.read(quiet); ok {
					t.Errorf("%s %s: the switch got %q", variant, tc.name, got)
				}
			}
		}
		stop()
		if s := g.Stats(); s.Undecodable != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// A neighbour on the same machine can hand the kernel several datagrams in one
// packet (UDP segmentation offload), the first of which is harmless.
func TestSegments(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from, to := netip.MustParseAddrPort("192.0.2.50:5070"), netip.AddrPortFrom(switch4, 5060)
	sw := newSwitch(t, to)
	fd := neighbour(t, from)
	check(t, unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, 600))
	pad := func(s string) string {
		return strings.Replace(s, "Content-Length", "X: "+strings.Repeat("x", 600-len(s)-5)+"\r\nContent-Length", 1)
	}
	harmless := pad(strings.Replace(registration("1000", from), "REGISTER sip", "OPTIONS sip", 1))
	_ = l
	for _, variant := range variants {
		g, stop := start(t, testConfig(byNumber), host{variant: variant})
		for _, bad := range []string{pad(registration("9000", from)), pad(strings.Replace(registration("9000", from), "REGISTER sip", "register\tsip", 1))} {
			check(t, unix.Sendto(fd, []byte(harmless+bad+harmless), 0, &unix.SockaddrInet4{Port: 5060, Addr: to.Addr().As4()}))
			for range 2 {
				if got, ok := sw.read(soon); !ok || got != harmless {
					t.Errorf("%s: the switch got %q", variant, got)
				}
			}
			if got, ok := sw.read(quiet); ok {
				t.Errorf("%s: the switch got %q", variant, got)
			}
		}
		stop()
		if s := g.Stats(); s.Refused != 2 || s.Others != 4 {
			t.Errorf("%s: the packets were not one for the kernel: %+v", variant, s)
		}
	}
}

// neighbour returns a socket in a namespace of its own, on a second cable to the
// switch, that is bound to from.
func neighbour(t *testing.T, from netip.AddrPort) (fd int) {
	t.Helper()
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "door"}, PeerName: "eth9"}))
	door, err := netlink.LinkByName("door")
	check(t, err)
	check(t, os.WriteFile("/proc/sys/net/ipv4/conf/door/rp_filter", []byte("0"), 0o644))
	check(t, netlink.LinkSetUp(door))
	_, dst, err := net.ParseCIDR(from.Addr().String() + "/32")
	check(t, err)
	inner, err := netlink.LinkByName("eth9")
	check(t, err)
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with its namespace; the socket keeps that
		made <- func() error {
			home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			away, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
				return err
			}
			if err := netlink.LinkSetNsFd(inner, away); err != nil {
				return err
			}
			if err := unix.Setns(away, unix.CLONE_NEWNET); err != nil {
				return err
			}
			eth, err := netlink.LinkByName("eth9")
			if err != nil {
				return err
			}
			addr, err := netlink.ParseAddr(from.Addr().String() + "/24")
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(eth, addr); err != nil {
				return err
			}
			if err := netlink.LinkSetUp(eth); err != nil {
				return err
			}
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			return unix.Bind(fd, &unix.SockaddrInet4{Port: int(from.Port()), Addr: from.Addr().As4()})
		}()
	}()
	check(t, <-made)
	check(t, netlink.RouteAdd(&netlink.Route{LinkIndex: door.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}))
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}
