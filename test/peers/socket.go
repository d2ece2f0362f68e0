package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"
)

// Listen opens a UDP socket on the host, for what no program can be made to
// send. It stays the host's wherever it is used.
func (h *Host) Listen(at netip.AddrPort) (conn *net.UDPConn, err error) {
	err = h.inside(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	})
	return conn, err
}

// DialTCP connects to an IP address as the host would. Its form is that of
// http.Transport's DialContext.
func (h *Host) DialTCP(ctx context.Context, _, address string) (conn net.Conn, err error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	err = h.inside(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", at.String()) // one address: on this thread
		return err
	})
	return conn, err
}

// inside calls open within the host's network.
func (h *Host) inside(open func() error) error {
	// The thread has to come home: programs that it started die with it (Pdeathsig).
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the own namespace: %w", err)
	}
	defer unix.Close(home)
	there, err := unix.Open("/run/netns/"+h.ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the namespace of %s: %w", h.Name, err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the namespace of %s: %w", h.Name, err)
	}
	err = open()
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("leave the namespace of %s: %w", h.Name, back)) // and the thread stays locked: nobody else may get it
	}
	runtime.UnlockOSThread()
	return err
}
