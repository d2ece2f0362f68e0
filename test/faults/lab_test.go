package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// Waits; nothing takes so long unless something is wrong or the machine is busy.
const (
	readyWait = 30 * time.Second
	drainWait = 90 * time.Second
	stopWait  = 30 * time.Second
)

// lab is the folder of one test and the programs in it.
type lab struct {
	*testing.T
	dir       string
	agent     string // path of the program
	collector string
	procs     []*proc
	mounts    []string
}

var build struct {
	sync.Once // guards what follows
	agent     string
	collector string
	err       error
}

// newLab makes the folder, which goes away with the test unless that failed.
func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getenv("SIPWARD_FAULTS") == "" {
		t.Skip("needs root, and starts many programs: run it with make faults, or SIPWARD_FAULTS=1")
	}
	if os.Geteuid() != 0 {
		t.Fatal("these tests mount small file systems: run them as root")
	}
	dir, err := os.MkdirTemp("", "sipward-faults-") // a path of t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, dir: dir}
	t.Cleanup(l.clear)
	build.Do(func() {
		bin := filepath.Join(os.TempDir(), fmt.Sprintf("sipward-faults-bin-%d", os.Getpid()))
		build.err = os.MkdirAll(bin, 0o700)
		if build.err == nil {
			build.agent, build.err = peers.BuildAgent(context.Background(), bin)
		}
		if build.err == nil {
			build.collector, build.err = peers.BuildCollector(context.Background(), bin)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	l.agent, l.collector = build.agent, build.collector
	return l
}

// TestMain removes what newLab built.
func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(filepath.Join(os.TempDir(), fmt.Sprintf("sipward-faults-bin-%d", os.Getpid())))
	os.Exit(code)
}

// clear ends everything, those last started first.
func (l *lab) clear() {
	for i := len(l.procs) - 1; i >= 0; i-- {
		l.procs[i].kill()
	}
	for _, dir := range l.mounts {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			l.Errorf("umount %s: %v: %s", dir, err, out)
		}
	}
	if l.Failed() {
		for _, p := range l.procs {
			l.Logf("--- %s\n%s", p.name, tail(p.log, 3000))
		}
		l.Logf("logs, spools and databases are kept in %s", l.dir)
		return
	}
	l.check(os.RemoveAll(l.dir))
}

// check ends the test on an error.
func (l *lab) check(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// poll waits until done says so. say gives the reason when it does not.
func (l *lab) poll(timeout time.Duration, what string, done func() bool, say func() string) {
	l.Helper()
	err := peers.Poll(l.Context(), timeout, what, func() (bool, error) { return done(), nil })
	if err != nil && say != nil {
		l.Fatalf("%v: %s", err, say())
	}
	l.check(err)
}

func (l *lab) folder(name string) string {
	l.Helper()
	dir := filepath.Join(l.dir, name)
	l.check(os.MkdirAll(dir, 0o750))
	return dir
}

var ports struct {
	sync.Mutex // guards given
	given      map[uint16]bool
}

// freePort finds a port that nobody uses, below those that the kernel gives to
// whoever connects, and gives none twice.
func (l *lab) freePort() netip.AddrPort {
	l.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[uint16]bool)
	}
	for range 1000 {
		port := uint16(30000 + rand.IntN(2700)) // G404: which one changes nothing
		if ports.given[port] {
			continue
		}
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			continue
		}
		tcp, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
		_ = udp.Close()
		if err != nil {
			continue
		}
		_ = tcp.Close()
		ports.given[port] = true
		return at
	}
	l.Fatal("there is no free port")
	return netip.AddrPort{}
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

// socketClient asks a program by its unix socket.
func socketClient(path string) *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

// tail returns the last bytes of a file, as far as it can be read.
func tail(path string, most int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}

// logged reports whether a program's log has a line with all of these words.
func (p *proc) logged(words ...string) bool {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return false
	}
next:
	for line := range strings.Lines(string(b)) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return true
	}
	return false
}

var errStillRunning = errors.New("it did not end in time, and was killed")
