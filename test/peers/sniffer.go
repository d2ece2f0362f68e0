package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Sniffer is a program that reads SIP off an interface and sends it on as HEP
// over UDP: sngrep or sipgrep.
type Sniffer struct {
	Host      *Host
	Program   string // "sngrep" or "sipgrep"
	Interface string
	HEPPort   uint16 // of the receiver, at the host's 127.0.0.1
	Version   int    // of HEP: 3, or with sngrep 2
}

// ErrNotInstalled says that a program is not there.
var ErrNotInstalled = errors.New("not installed")

// Start starts the program and returns when it sees every packet. The error is
// ErrNotInstalled for a program that is not there.
func (s *Sniffer) Start(ctx context.Context) (*Proc, error) {
	if _, err := exec.LookPath(s.Program); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Program, ErrNotInstalled)
	}
	args, err := s.arguments()
	if err != nil {
		return nil, err
	}
	p, err := s.Host.Start(s.Program, s.Program, args...)
	if err != nil {
		return nil, err
	}
	return p, p.WaitCapture(ctx, s.Program)
}

func (s *Sniffer) arguments() ([]string, error) {
	to := fmt.Sprintf("udp:127.0.0.1:%d", s.HEPPort)
	switch {
	case s.Program == "sngrep":
		// Version 2 can be asked for in a file alone; the user's own is kept away.
		config := filepath.Join(s.Host.lab.Dir, "sngrep.conf")
		text := fmt.Sprintf("set eep.send.version %d\n", s.Version)
		return []string{"-N", "-q", "-F", "-f", config, "-d", s.Interface, "-H", to}, os.WriteFile(config, []byte(text), 0o644)
	case s.Program == "sipgrep" && s.Version == 3:
		// -R: it would become nobody, whom a test's folder is closed to.
		return []string{"-R", "-d", s.Interface, "-H", to}, nil
	}
	return nil, fmt.Errorf("%s sends no HEP of version %d", s.Program, s.Version)
}

// WaitCapture waits until something in the program's namespace reads
// packets off an interface: a socket that is made gets none until it is bound.
func (p *Proc) WaitCapture(ctx context.Context, name string) error {
	return Poll(ctx, readyTimeout, name+" to capture", func() (bool, error) {
		if p.Ended() {
			return false, fmt.Errorf("it ended: %v: %s", p.err, tail(p.Log, 3000))
		}
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/packet", p.PID()))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil // just ended
		}
		for line := range strings.Lines(string(table)) { // sk, references, type, protocol, interface, running
			if f := strings.Fields(line); len(f) > 5 && f[3] != "0000" && f[5] == "1" {
				return true, nil
			}
		}
		return false, err
	})
}
