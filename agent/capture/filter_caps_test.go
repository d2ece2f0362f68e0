package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The tests of capabilities run this test binary again without some of them.
const capsMode = "SIPWARD_TEST_CAPTURE_MODE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(capsMode); mode != "" {
		os.Exit(runWithCapabilities(mode))
	}
	os.Exit(m.Run())
}

// runWithCapabilities starts to capture, and prints the mode or the error.
func runWithCapabilities(mode string) int {
	cfg := LiveConfig{Interfaces: []string{"lo"}, SIPPorts: []uint16{testSIPPort}, RingBytes: 1 << 20, Sink: newSink(1)}
	if mode == EBPF.String() {
		cfg.Mode = EBPF
	}
	l, err := NewLive(cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	select {
	case err := <-ended:
		var denied *CapabilityError
		fmt.Println("error", errors.As(err, &denied), err)
		return 1
	case <-l.Ready():
		fmt.Println("mode", l.Mode())
		cancel()
		<-ended
		return 0
	}
}

func TestCapabilities(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv (util-linux)")
	}
	for _, tc := range []struct {
		name, caps, mode string
		want             []string
	}{
		{"the two that are documented", "+net_raw,+bpf", "ebpf", []string{"mode ebpf"}},
		{"no CAP_BPF", "+net_raw", "auto", []string{"mode classic"}},
		{"no CAP_BPF, eBPF demanded", "+net_raw", "ebpf", []string{"error true", "CAP_BPF is missing", "setcap cap_net_raw,cap_bpf=ep", "AmbientCapabilities=CAP_NET_RAW CAP_BPF"}},
		{"no CAP_NET_RAW", "+bpf", "auto", []string{"error true", "CAP_NET_RAW is missing", "setcap cap_net_raw,cap_bpf=ep", "AmbientCapabilities=CAP_NET_RAW CAP_BPF"}},
		{"none", "", "auto", []string{"error true", "CAP_NET_RAW is missing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := "-all"
			if tc.caps != "" {
				set += "," + tc.caps
			}
			exe := copySelf(t)
			cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
				"--inh-caps="+set, "--ambient-caps="+set, "--bounding-set="+set, exe)
			cmd.Env = append(os.Environ(), capsMode+"="+tc.mode)
			out, _ := cmd.CombinedOutput()
			for _, want := range tc.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
		})
	}
}

// copySelf puts the test binary where another user can run it.
func copySelf(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward-capture")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	exe := dir + "/capture.test"
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return exe
}
