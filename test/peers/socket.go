package peers

import (
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
	// The thread has to come home: programs that it started die with it (Pdeathsig).
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the own namespace: %w", err)
	}
	defer unix.Close(home)
	there, err := unix.Open("/run/netns/"+h.ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the namespace of %s: %w", h.Name, err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter the namespace of %s: %w", h.Name, err)
	}
	conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return nil, errors.Join(err, fmt.Errorf("leave the namespace of %s: %w", h.Name, back)) // and the thread stays locked: nobody else may get it
	}
	runtime.UnlockOSThread()
	return conn, err
}
