package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// site is a folder with everything that a run needs, and the programs in it.
type site struct {
	dir       string
	seed      uint64
	length    time.Duration // of the killing
	agent     string        // path of the program
	collector string

	nodes   []*node
	others  []*victim // broker, database, collectors
	db      database
	exports string // configuration of the collector that exports
}

// newSite makes the folder, which goes away with the test unless that failed.
func newSite(t *testing.T) *site {
	t.Helper()
	length := os.Getenv("SIPWARD_CHAOS")
	if length == "" {
		t.Skip("kills agents, broker, collectors and database for a while: run it with make chaos, or SIPWARD_CHAOS=90s")
	}
	s := &site{}
	var err error
	if s.length, err = time.ParseDuration(length); err != nil || s.length <= 0 {
		t.Fatalf("SIPWARD_CHAOS=%q: give a duration, such as 90s", length)
	}
	if s.seed, err = seed(); err != nil {
		t.Fatal(err)
	}
	if s.dir, err = os.MkdirTemp("", "sipward-chaos-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.clear(t) })
	// The database runs as a user of its own.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if s.agent, err = program(ctx, s.dir, "agent", "SIPWARD_AGENT"); err != nil {
		t.Fatal(err)
	}
	if s.collector, err = program(ctx, s.dir, "collector", "SIPWARD_COLLECTOR"); err != nil {
		t.Fatal(err)
	}
	return s
}

func seed() (uint64, error) {
	if given := os.Getenv("SIPWARD_CHAOS_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("SIPWARD_CHAOS_SEED: %w", err)
		}
		return n, nil
	}
	return uint64(time.Now().UnixNano() % 1e9), nil
}

// program builds a program of this module, or takes the one that the
// environment names.
func program(ctx context.Context, dir, name, variable string) (string, error) {
	if have := os.Getenv(variable); have != "" {
		return filepath.Abs(have)
	}
	path := filepath.Join(dir, "sipward-"+name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/sipward/sipward/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the %s: %w: %s", name, err, out)
	}
	return path, nil
}

// victims lists all programs that are killed.
func (s *site) victims() []*victim {
	out := append([]*victim{}, s.others...)
	for _, n := range s.nodes {
		out = append(out, n.victim)
	}
	return out
}

// clear ends everything, and removes the folder unless the test failed or
// whoever runs it wants to keep it.
func (s *site) clear(t *testing.T) {
	if err := s.stopAll(); err != nil {
		t.Error(err)
	}
	if t.Failed() || os.Getenv("SIPWARD_CHAOS_KEEP") != "" {
		t.Logf("logs, spools and databases are kept in %s", s.dir)
		return
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Error(err)
	}
}

// stopAll ends all programs: those first that use others.
func (s *site) stopAll() error {
	var errs []error
	for _, n := range s.nodes {
		errs = append(errs, stop(n.victim))
	}
	for i := len(s.others) - 1; i >= 0; i-- {
		errs = append(errs, stop(s.others[i]))
	}
	return errors.Join(errs...)
}

// folder makes a folder of the site.
func (s *site) folder(name string) (string, error) {
	dir := filepath.Join(s.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// add makes a victim that belongs to the site; it is not started yet.
func (s *site) add(group, name string, command func() *exec.Cmd) *victim {
	v := &victim{name: name, group: group, log: filepath.Join(s.dir, name+".log"), command: command}
	if group != agents {
		s.others = append(s.others, v)
	}
	return v
}

// Groups of victims, as the table names them.
const (
	agents     = "agents"
	brokers    = "broker"
	collectors = "collectors"
	databases  = "database"
)

// freePort finds a port that nobody uses, below those that the kernel gives to
// whoever connects.
func freePort() (uint16, error) {
	for range 1000 {
		port := uint16(20000 + portRandom.IntN(10000))
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
		if err != nil {
			continue
		}
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
		_ = udp.Close()
		if err != nil {
			continue
		}
		_ = tcp.Close()
		return port, nil
	}
	return 0, errors.New("find a free port: there is none")
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// answers reports whether somebody accepts connections there.
func answers(at netip.AddrPort) bool {
	conn, err := net.DialTimeout("tcp", at.String(), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
