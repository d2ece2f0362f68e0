package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
)

// capabilities is a set of them, as the kernel writes it: one bit each.
type capabilities uint64

const (
	capNetAdmin capabilities = 1 << unix.CAP_NET_ADMIN
	capNetRaw   capabilities = 1 << unix.CAP_NET_RAW
	capBPF      capabilities = 1 << unix.CAP_BPF
)

// String names those that the agent may have.
func (c capabilities) String() string {
	var names []string
	for _, k := range []struct {
		bit  capabilities
		name string
	}{{capNetRaw, "CAP_NET_RAW"}, {capBPF, "CAP_BPF"}, {capNetAdmin, "CAP_NET_ADMIN"}} {
		if c&k.bit != 0 {
			names = append(names, k.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " ")
}

// needed returns what the agent still needs once all its parts are ready. Sockets
// of interfaces by name are opened anew when the interface comes back; that of any
// interface stays. nfqueue changes bans and takes its rules away at the end. The
// programs and maps of eBPF are loaded once, but until Linux 5.19 even their use
// needs CAP_BPF where it is closed to others (kernel.unprivileged_bpf_disabled).
func needed(cfg *configs.Agent, filter capture.Mode, release string) (keep capabilities) {
	c := &cfg.Capture
	if len(c.Interfaces) > 0 && (len(c.Interfaces) != 1 || c.Interfaces[0] != capture.AnyInterface) {
		keep |= capNetRaw
	}
	if filter == capture.EBPF && before(release, 5, 19) {
		keep |= capBPF
	}
	if cfg.Guard.Mode == configs.NFQueue {
		keep |= capNetRaw | capNetAdmin
	}
	return keep
}

// before reports whether a kernel's release, as 6.1.0-18-amd64, is older than that.
// One that cannot be read is.
func before(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return true
	}
	return a < major || a == major && b < minor
}

// giveUp takes from this process, for good, what it no longer needs, and returns
// what is left. Root keeps all: files of root are enough to get everything back.
func (a *agent) giveUp() (capabilities, error) {
	have, err := permitted()
	if err != nil || os.Geteuid() == 0 || have == 0 {
		return have, err
	}
	var filter capture.Mode
	if a.live != nil {
		filter = a.live.Mode()
	}
	keep := have & needed(a.cfg, filter, kernelRelease())
	if err := limit(keep); err != nil {
		return have, err
	}
	return keep, nil
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// permitted returns what this process may use.
func permitted() (capabilities, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	return capabilities(data[0].Permitted) | capabilities(data[1].Permitted)<<32, nil
}

// limit leaves every thread with these capabilities and no more; children get
// them too, as before.
func limit(keep capabilities) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		bits := uint32(keep >> (32 * i))
		data[i] = unix.CapUserData{Effective: bits, Permitted: bits, Inheritable: bits}
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("giving up capabilities: %w", errno)
	}
	return nil
}

// mayQueue says what mode nfqueue lacks, before firewalls say it in their words.
func mayQueue(mode configs.GuardMode) error {
	if mode != configs.NFQueue {
		return nil
	}
	have, err := permitted()
	if err != nil || have&capNetAdmin != 0 {
		return err
	}
	return program.NeedsHand(errors.New("guard.mode nfqueue: CAP_NET_ADMIN is missing; the drop-in /usr/share/doc/sipward-agent/examples/nfqueue.conf gives it to the service, and says where it belongs"))
}
