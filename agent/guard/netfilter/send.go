package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// sender sends UDP datagrams from addresses and ports that are not its own: the
// switch has them. It writes the IP header too, and is safe for concurrent use.
type sender struct {
	v4, v6 int // raw sockets; v6 is -1 without IPv6

	mu  sync.Mutex // guards buf
	buf []byte
}

// openSender opens raw sockets for sending. Those of the protocol IPPROTO_RAW
// receive nothing.
func openSender(v6 bool) (*sender, error) {
	s := &sender{v4: -1, v6: -1}
	var err error
	if s.v4, err = openRaw(unix.AF_INET); err != nil {
		return nil, err
	}
	if v6 {
		if s.v6, err = openRaw(unix.AF_INET6); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func openRaw(domain int) (int, error) {
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if errors.Is(err, unix.EPERM) {
		return -1, fmt.Errorf("opening a raw socket for answers: needs CAP_NET_RAW: %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("opening a raw socket for answers: %w", err)
	}
	return fd, nil
}

func (s *sender) close() error {
	var errs []error
	for _, fd := range []int{s.v4, s.v6} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// send sends payload from an address and port of this host. It fails when the
// datagram does not fit into one packet of the interface. A link-local address
// is one of the given interface.
func (s *sender) send(from netip.AddrPort, to netip.Addr, port uint16, iface uint32, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.Is4() {
		s.buf = appendIPv4(s.buf[:0], from, netip.AddrPortFrom(to, port), payload)
		// The port of a raw socket's address means nothing.
		return unix.Sendto(s.v4, s.buf, 0, &unix.SockaddrInet4{Addr: to.As4()})
	}
	if s.v6 < 0 {
		return unix.EAFNOSUPPORT
	}
	s.buf = appendIPv6(s.buf[:0], from, netip.AddrPortFrom(to, port), payload)
	there := unix.SockaddrInet6{Addr: to.As16()}
	if to.IsLinkLocalUnicast() {
		there.ZoneId = iface
	}
	return unix.Sendto(s.v6, s.buf, 0, &there)
}

const (
	udpBytes = 8
	hopLimit = 64
)

// appendIPv4 appends a packet (RFC 791, RFC 768). Routers may fragment it. The
// kernel fills in length, identification and the checksum of the header.
func appendIPv4(b []byte, from, to netip.AddrPort, payload []byte) []byte {
	at := len(b)
	src, dst := from.Addr().As4(), to.Addr().As4()
	b = append(b, 0x45, 0, 0, 0, 0, 0, 0, 0, hopLimit, unix.IPPROTO_UDP, 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[at+2:], uint16(20+udpBytes+len(payload))) // at most maxAnswer
	return appendUDP(b, src[:], dst[:], from.Port(), to.Port(), payload)
}

// appendIPv6 appends a packet (RFC 8200 section 3).
func appendIPv6(b []byte, from, to netip.AddrPort, payload []byte) []byte {
	src, dst := from.Addr().As16(), to.Addr().As16()
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(udpBytes+len(payload))) // at most maxAnswer
	b = append(b, unix.IPPROTO_UDP, hopLimit)
	b = append(append(b, src[:]...), dst[:]...)
	return appendUDP(b, src[:], dst[:], from.Port(), to.Port(), payload)
}

// appendUDP appends a datagram with its checksum, over the addresses too.
func appendUDP(b, src, dst []byte, from, to uint16, payload []byte) []byte {
	at, length := len(b), udpBytes+len(payload)
	b = binary.BigEndian.AppendUint16(b, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint16(b, uint16(length)) // at most maxAnswer
	b = append(append(b, 0, 0), payload...)
	sum := uint32(unix.IPPROTO_UDP) + uint32(length) // at most maxAnswer
	sum = addWords(addWords(addWords(sum, src), dst), b[at:])
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	check := ^uint16(sum) // folded
	if check == 0 {
		check = 0xffff // 0 means that there is none
	}
	binary.BigEndian.PutUint16(b[at+6:], check)
	return b
}

// addWords adds the 16-bit words of b, at most 64 KiB; a last odd byte is the
// upper half of one.
func addWords(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func isBroadcast(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) }
