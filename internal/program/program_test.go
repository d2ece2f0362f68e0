package program

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

type failing struct{}

func (failing) Run() error { return os.ErrDeadlineExceeded }

type showing struct {
	File string `arg:"" optional:""`
}

func (s showing) Run() error {
	_, err := os.Stdout.WriteString("shown " + s.File + "\n")
	return err
}

type commands struct {
	Fail failing `cmd:"" help:"Fail in ${way}."`
	Sub  struct {
		Show showing `cmd:""`
	} `cmd:""`
	Version VersionCmd `cmd:""`
	Manuals

	ShowVersion kong.VersionFlag `name:"version"`
}

// leaks runs the tests, and looks for goroutines that are left.
type leaks struct{ *testing.M }

func (l leaks) Run() int {
	code := l.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(leaks{m}, map[string]func(){"thing": func() {
		Main("thing", "v1", "A thing.", &commands{}, kong.Vars{"way": "every way"})
	}})
}

func TestScripts(t *testing.T) { testscript.Run(t, testscript.Params{Dir: "testdata"}) }

func TestVersion(t *testing.T) {
	if got := Version("v1"); got != "v1" {
		t.Error(got)
	}
	if Version("") == "" {
		t.Error("a binary without a version says nothing")
	}
}

func TestBuild(t *testing.T) {
	b := Build{Name: "thing", Version: "v1", Commit: "0123456789abcdef", Date: "2026-01-02T03:04:05Z", Modified: true, Go: "go1", Platform: "linux/arm64"}
	if got, want := b.String(), "thing v1 (commit 0123456789ab, modified, 2026-01-02T03:04:05Z, go1, linux/arm64)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := buildOf("thing", "v1"); got.Go == "" || got.Platform == "" || got.Version != "v1" {
		t.Errorf("%+v", got)
	}
}

func TestAwait(t *testing.T) {
	open, closed := make(chan struct{}), make(chan struct{})
	close(closed)
	if !await(t.Context(), closed, closed) {
		t.Error("what is there is waited for")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if await(ended, closed, open) {
		t.Error("what is not there was found")
	}
}

// systemd is a notification socket as systemd opens it.
func systemd(t *testing.T) *net.UnixConn {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = os.RemoveAll(dir) })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// serve runs Serve; the function that it returns ends it.
func serve(t *testing.T, log *slog.Logger, alive func(time.Duration) bool) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		Serve(ctx, log, alive)
		close(done)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestServeWithoutWatchdog(t *testing.T) {
	c := systemd(t)
	t.Setenv("WATCHDOG_USEC", "")
	end := serve(t, slog.New(slog.DiscardHandler), func(time.Duration) bool { return true })
	if got := heard(t, c); got != "READY=1" {
		t.Error(got)
	}
	end()
	if got := heard(t, c); got != "STOPPING=1" {
		t.Error(got)
	}
}

func TestAwaitPart(t *testing.T) {
	c := systemd(t)
	log := slog.New(slog.DiscardHandler)
	ready := make(chan struct{})
	done := make(chan bool)
	go func() { done <- AwaitPart(t.Context(), log, "no database", ready) }()
	if got := heard(t, c); got != "STATUS=no database" {
		t.Error(got)
	}
	close(ready)
	if got := heard(t, c); got != "STATUS=" || !<-done {
		t.Errorf("it is there: %s", got)
	}
	if !AwaitPart(t.Context(), log, "nothing", ready) {
		t.Error("what is there was not found")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if AwaitPart(ended, log, "never", make(chan struct{})) {
		t.Error("what is not there was found")
	}
}

// The watchdog is fed while the program is alive, and not a moment longer.
func TestServeFeedsTheWatchdog(t *testing.T) {
	c := systemd(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	asked := make(chan bool) // answers of alive, each taken once
	end := serve(t, slog.New(slog.DiscardHandler), func(interval time.Duration) bool {
		if interval != 20*time.Millisecond {
			t.Errorf("the interval is %v", interval)
		}
		yes, open := <-asked
		return open && yes
	})
	asked <- true
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		if got := heard(t, c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	asked <- false
	asked <- false
	close(asked)
	end()
	if got := heard(t, c); got != "STOPPING=1" {
		t.Errorf("a program that hangs was said to be well: %s", got)
	}
}

func TestSystemdThatIsAway(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	t.Setenv("WATCHDOG_USEC", "x")
	var log bytes.Buffer
	serve(t, slog.New(slog.NewTextHandler(&log, nil)), nil)()
	for _, want := range []string{"telling systemd", "READY=1", "STOPPING=1", "asking for systemd's watchdog"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("missing %q in %s", want, log.String())
		}
	}
}
