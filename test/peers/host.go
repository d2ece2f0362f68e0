package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
)

// Host is one network namespace. Its loopback interface is up.
type Host struct {
	Name string
	ns   string
	lab  *Lab
}

// Host makes a host of that name, which has to be unique in the lab.
func (l *Lab) Host(ctx context.Context, name string) (*Host, error) {
	h := &Host{Name: name, ns: fmt.Sprintf("%s%d-%d-%s", namespacePrefix, os.Getpid(), l.id, name), lab: l}
	if err := run(ctx, "ip", "netns", "add", h.ns); err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	return h, h.ip(ctx, "link", "set", "lo", "up")
}

// ip runs iproute2's ip inside the namespace.
func (h *Host) ip(ctx context.Context, args ...string) error {
	return run(ctx, "ip", append([]string{"-n", h.ns}, args...)...)
}

// Run executes a command on the host and waits for its end.
func (h *Host) Run(ctx context.Context, name string, args ...string) error {
	return run(ctx, "ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
}

// Command prepares a command that will run on the host.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
}

// End is one end of a cable.
type End struct {
	Host      *Host
	Interface string
	Addresses []netip.Prefix
}

// Connect lays a cable (a veth pair) between two hosts.
func (l *Lab) Connect(ctx context.Context, a, b End) error {
	// The names of the pair only matter until its ends are moved.
	n := links.Add(1)
	tmpA, tmpB := fmt.Sprintf("swt%da%d", os.Getpid()%100000, n), fmt.Sprintf("swt%db%d", os.Getpid()%100000, n)
	if err := run(ctx, "ip", "link", "add", tmpA, "type", "veth", "peer", "name", tmpB); err != nil {
		return err
	}
	if err := a.attach(ctx, tmpA); err != nil {
		return err
	}
	return b.attach(ctx, tmpB)
}

// attach moves a link into the end's host, and gives it its name and addresses.
func (e End) attach(ctx context.Context, link string) error {
	if err := run(ctx, "ip", "link", "set", link, "netns", e.Host.ns, "name", e.Interface); err != nil {
		return err
	}
	// Duplicate detection of the link-local address would hold IPv6 traffic up
	// for seconds, and nobody answers a router solicitation here.
	conf := "net.ipv6.conf." + e.Interface
	if err := e.Host.Run(ctx, "sysctl", "-qw", conf+".accept_dad=0", conf+".router_solicitations=0"); err != nil {
		return err
	}
	for _, p := range e.Addresses {
		args := []string{"addr", "add", p.String(), "dev", e.Interface}
		if p.Addr().Is6() {
			args = append(args, "nodad") // usable at once: nobody else can have it
		}
		if err := e.Host.ip(ctx, args...); err != nil {
			return err
		}
	}
	return e.Host.ip(ctx, "link", "set", e.Interface, "up")
}

// Route sends everything without a better route to the router.
func (h *Host) Route(ctx context.Context, routers ...netip.Addr) error {
	for _, r := range routers {
		if err := h.ip(ctx, "route", "add", "default", "via", r.String()); err != nil {
			return err
		}
	}
	return nil
}

// Forward makes the host a router for IPv4 and IPv6.
func (h *Host) Forward(ctx context.Context) error {
	return h.Run(ctx, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
}

// MTU sets the largest packet of an interface, in bytes.
func (h *Host) MTU(ctx context.Context, iface string, bytes int) error {
	return h.ip(ctx, "link", "set", iface, "mtu", fmt.Sprint(bytes))
}
