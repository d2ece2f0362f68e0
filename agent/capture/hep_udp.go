package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/packet"
)

const (
	// hepMax is the longest HEP packet: its length field has 16 bits.
	hepMax = 1<<16 - 1
	// hepBurst is how many datagrams are read before ctx and the kernel's
	// drop counter are looked at.
	hepBurst = 1024
)

// receiveBuffer makes the kernel hold what arrives while we are busy. Above
// net.core.rmem_max that takes CAP_NET_ADMIN; without it the kernel gives what
// it allows, and its drops are counted.
func (h *HEP) receiveBuffer(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err == nil {
		forced := errors.New("not tried")
		err = raw.Control(func(fd uintptr) {
			forced = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, h.cfg.Receive)
		})
		if err == nil {
			err = forced
		}
	}
	if err != nil {
		_ = conn.SetReadBuffer(h.cfg.Receive) // a smaller buffer is no reason to stop
	}
}

// serveUDP reads datagrams until the socket is closed. It reads all that are
// there at each wake-up, without their senders' addresses, which nobody needs
// and which would cost an allocation each.
func (h *HEP) serveUDP(ctx context.Context, conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("read HEP from udp %s: %w", conn.LocalAddr(), err)
	}
	u := &hepUDP{hepReceiver: newHEPReceiver(h), buf: make([]byte, hepMax+1)}
	read := u.read // one allocation here instead of one a wake-up
	for {
		err := raw.Read(read)
		u.put()
		if err == nil {
			err = u.err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the socket was closed because we are to stop
		}
		if err != nil {
			return fmt.Errorf("read HEP from udp %s: %w", conn.LocalAddr(), err)
		}
	}
}

type hepUDP struct {
	hepReceiver
	buf   []byte
	err   error
	drops uint32
}

// read reads a burst of datagrams; it reports false to be called again when
// there are some.
func (u *hepUDP) read(fd uintptr) bool {
	now := int64(0)
	for range hepBurst {
		n, err := unix.Read(int(fd), u.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			u.kernelDrops(fd)
			return now != 0
		case err != nil:
			u.err = err
			return true
		}
		if now == 0 {
			now = time.Now().UnixNano() // a burst is microseconds long
		}
		u.datagram(u.buf[:n], now)
	}
	u.kernelDrops(fd)
	return true
}

// datagram takes the HEP packet in b. Versions 1 and 2 have no length and no
// key; the decoder knows what to do with them.
func (u *hepUDP) datagram(b []byte, now int64) {
	length := packet.HEPLength(b)
	old := len(b) > 0 && (b[0] == 1 || b[0] == 2)
	switch {
	case length > 0 && length <= len(b):
		u.take(b[:length], now)
	case old:
		u.take(b, now)
	default:
		u.h.stats.malformed.Add(1)
	}
}

// kernelDrops adds what the kernel dropped since the last call.
func (u *hepUDP) kernelDrops(fd uintptr) {
	drops, err := hepSocketDrops(int(fd))
	if err != nil {
		return // a kernel before 4.12
	}
	u.h.stats.kernelDrops.Add(uint64(drops - u.drops))
	u.drops = drops
}

// hepSocketDrops returns the socket's own drop counter (SO_MEMINFO).
func hepSocketDrops(fd int) (uint32, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}
