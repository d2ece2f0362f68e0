package store

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDialer: what the kernel was told of a connection, and that a unix socket needs none of it.
func TestDialer(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := dialer().DialContext(ctx, network, l.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		defer c.Close()
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			continue
		}
		raw, err := tcp.SyscallConn()
		must(t, err)
		for option, want := range map[int]int{unix.TCP_USER_TIMEOUT: 30_000, unix.TCP_KEEPIDLE: 10, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 4} {
			var got int
			must(t, raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) }))
			if must(t, err); got != want {
				t.Errorf("option %d is %d, want %d", option, got, want)
			}
		}
	}
}
