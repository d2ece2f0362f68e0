package capture

import (
	"fmt"
	"net"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// AnyInterface is the name in LiveConfig.Interfaces that means all of them.
const AnyInterface = "any"

// loopbackIndex is the index of the loopback interface in every network
// namespace; the kernel insists on it.
const loopbackIndex = 1

// link is an interface of the host.
type link struct {
	name  string
	index int
	up    bool
}

// listLinks lists the interfaces of the calling thread's network namespace.
func listLinks() ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing the network interfaces: %w", err)
	}
	links := make([]link, 0, len(all))
	for i := range all {
		links = append(links, link{all[i].Name, all[i].Index, all[i].Flags&net.FlagUp != 0})
	}
	return links, nil
}

// matchLinks returns the links that a pattern names, and the patterns that
// name none. Patterns are those of path.Match and have been checked.
func matchLinks(links []link, patterns []string) (matched []link, missing []string) {
	seen := map[string]bool{}
	for _, pattern := range patterns {
		found := false
		for _, l := range links {
			if ok, _ := path.Match(pattern, l.name); !ok {
				continue
			}
			found = true
			if !seen[l.name] {
				seen[l.name] = true
				matched = append(matched, l)
			}
		}
		if !found {
			missing = append(missing, pattern)
		}
	}
	return matched, missing
}

// openLinkWatch opens a netlink socket that becomes readable when an interface
// appears, vanishes or changes.
func openLinkWatch() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, os.NewSyscallError("socket(AF_NETLINK)", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("bind(AF_NETLINK)", err)
	}
	return fd, nil
}

// drainLinkWatch reads away what is pending. What the messages say does not
// matter, nor that some were lost: the interfaces are listed anew.
func drainLinkWatch(fd int) {
	var b [8 << 10]byte
	for {
		if _, err := unix.Read(fd, b[:]); err != nil && err != unix.EINTR && err != unix.ENOBUFS {
			return
		}
	}
}
