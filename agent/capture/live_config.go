package capture

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// Mode says which filter the sockets have.
type Mode uint8

// Modes; the zero value is invalid as a state, and means "the best there is" in
// LiveConfig.
const (
	EBPF    Mode = iota + 1 // media is counted in the kernel
	Classic                 // packets are only selected
)

// String returns "ebpf" or "classic".
func (m Mode) String() string {
	switch m {
	case EBPF:
		return "ebpf"
	case Classic:
		return "classic"
	}
	return "invalid"
}

// Defaults and bounds of LiveConfig.
const (
	DefaultRingBytes    = 16 << 20
	MaxRingBytes        = 1 << 30
	DefaultMaxEndpoints = 262144
	MaxSIPPorts         = 64 // classic BPF jumps no further
)

// LiveConfig says what a [Live] captures and where it goes.
type LiveConfig struct {
	Interfaces   []string // names, patterns as in path.Match, or AnyInterface
	SIPPorts     []uint16 // packets from or to these pass
	RingBytes    int      // of each socket; 0 is DefaultRingBytes
	MaxEndpoints int      // bound of each media map, 256 bytes an endpoint in use, 512 for each direction with more than one flow; 0 is DefaultMaxEndpoints
	Tunnels      bool     // pass IP in IP, GRE, VXLAN and GTP-U whole
	RTCP         bool     // pass RTCP of open endpoints
	Promiscuous  bool     // for mirror ports; named interfaces only
	Mode         Mode     // 0: eBPF, or classic where it is refused
	Sink         Sink
	Log          *slog.Logger // nil: none
}

// check fills in the defaults.
func (c *LiveConfig) check() error {
	if c.Sink == nil {
		return errors.New("live capture needs a sink")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.RingBytes == 0 {
		c.RingBytes = DefaultRingBytes
	}
	if c.MaxEndpoints == 0 {
		c.MaxEndpoints = DefaultMaxEndpoints
	}
	if c.RingBytes < 0 || c.RingBytes > MaxRingBytes {
		return fmt.Errorf("ring of %d bytes: at most %d", c.RingBytes, MaxRingBytes)
	}
	if c.MaxEndpoints < 0 || c.MaxEndpoints > 1<<24 {
		return fmt.Errorf("%d media endpoints: at most %d", c.MaxEndpoints, 1<<24)
	}
	if c.Mode > Classic {
		return fmt.Errorf("unknown filter mode %d", c.Mode)
	}
	if n := len(c.SIPPorts); n == 0 || n > MaxSIPPorts {
		return fmt.Errorf("%d SIP ports: from 1 to %d can be set", n, MaxSIPPorts)
	}
	return c.checkInterfaces()
}

func (c *LiveConfig) checkInterfaces() error {
	if len(c.Interfaces) == 0 {
		return fmt.Errorf("no interface to capture on: name one, or %q", AnyInterface)
	}
	for _, name := range c.Interfaces {
		if _, err := path.Match(name, ""); err != nil || name == "" {
			return fmt.Errorf("interface pattern %q: %w", name, path.ErrBadPattern)
		}
		if name == AnyInterface && len(c.Interfaces) > 1 {
			return fmt.Errorf("interface %q includes all others: name it alone", AnyInterface)
		}
	}
	return nil
}

func (c *LiveConfig) any() bool { return c.Interfaces[0] == AnyInterface }

// capabilityHelp says what to do about a missing capability, in one line.
func capabilityHelp() string {
	program, err := os.Executable()
	if err != nil {
		program = "/path/to/sipward-agent"
	}
	return "a systemd unit gives it by AmbientCapabilities=CAP_NET_RAW CAP_BPF, and CapabilityBoundingSet= must have it; " +
		"elsewhere: setcap cap_net_raw,cap_bpf=ep " + program
}

// CapabilityError means that the process lacks a capability. Its text says how
// to grant it.
type CapabilityError struct {
	Capability string // "CAP_NET_RAW" or "CAP_BPF"
	Doing      string
	Err        error
}

// Error names the capability and the two ways of granting it. What libraries guess
// to be the cause is left out: it is known.
func (e *CapabilityError) Error() string {
	var why syscall.Errno
	if !errors.As(e.Err, &why) {
		return fmt.Sprintf("%s: %v: %s is missing; %s", e.Doing, e.Err, e.Capability, capabilityHelp())
	}
	return fmt.Sprintf("%s: %v: %s is missing; %s", e.Doing, why, e.Capability, capabilityHelp())
}

// Unwrap returns what the kernel said.
func (e *CapabilityError) Unwrap() error { return e.Err }

// wrapPermission turns err into a CapabilityError if it is one.
func wrapPermission(err error, capability, doing string) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return &CapabilityError{Capability: capability, Doing: doing, Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
