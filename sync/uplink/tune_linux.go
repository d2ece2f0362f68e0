package uplink

import (
	"context"
	"syscall"
)

// Of linux/tcp.h.
const (
	tcpUserTimeout  = 18
	tcpNotSentLowat = 25
)

// tune keeps what is not yet sent short, so that the figures of this second do
// not queue in the kernel behind a backlog; and ends a connection whose peer has
// not confirmed anything for 15 s. Where the kernel refuses, it works without.
func tune(_ context.Context, _, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, 16<<10)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, 15_000)
	})
}
