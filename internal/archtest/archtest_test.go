package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/sipward/sipward"

func TestModule(t *testing.T) {
	tree := loadModule(t)
	for _, must := range []string{"sip/packet", "sip/parse", "internal/archtest"} {
		if tree[must] == nil {
			t.Errorf("%s was not found: the walk sees too little to judge", must)
		}
	}
	for _, finding := range Check(tree) {
		t.Error(finding)
	}
}

// TestRulesAreExplained: a rule without a reason cannot be argued with.
func TestRulesAreExplained(t *testing.T) {
	for _, l := range layers {
		if l.Reason == "" {
			t.Errorf("the layer %s has no reason", l.From)
		}
	}
	for _, l := range libraries {
		if l.Reason == "" || len(l.In) == 0 {
			t.Errorf("the library %s has no reason or no place", l.Path)
		}
	}
}

// TestBroken breaks each rule once, in a module of its own on disk.
func TestBroken(t *testing.T) {
	tests := []struct {
		name string
		file string
		src  string
		want string // part of the one finding; "" for none
	}{
		{"clean", "sip/dialog/a.go", `import ("time"; "net/netip"; "example.org/m/sip/parse"); var _ = time.Second`, ""},
		{"pure imports os", "sip/dialog/a.go", `import "os"`, "sip/dialog is pure and must not import os: files"},
		{"pure imports os/exec", "counters/a.go", `import "os/exec"`, "must not import os/exec"},
		{"pure imports net", "sip/parse/a.go", `import "net"`, "must not import net: sockets"},
		{"pure imports net/http", "sip/parse/a.go", `import "net/http"`, "must not import net/http"},
		{"pure imports context", "sync/record/a.go", `import "context"`, "must not import context"},
		{"pure imports slog", "sip/packet/a.go", `import "log/slog"`, "must not import log/slog"},
		{"pure imports sync", "sip/packet/a.go", `import "sync"`, "must not import sync: state"},
		{"pure imports atomic", "sip/packet/a.go", `import "sync/atomic"`, "must not import sync/atomic"},
		{"pure calls the clock", "sip/packet/a.go", `import "time"; var _ = time.Now()`, "must not have time.Now"},
		{"pure renames the clock", "sip/packet/a.go", `import t "time"; var clock = t.Now`, "must not have time.Now"},
		{"pure hides the clock", "sip/packet/a.go", `import . "time"`, "dot import of time"},
		{"pure sleeps", "sip/packet/a.go", `import "time"; func f() { time.Sleep(1) }`, "must not have time.Sleep"},
		{"pure starts a goroutine", "sip/packet/a.go", `func f() { go f() }`, "go statement"},
		{"pure behind a build tag", "sip/packet/a_windows.go", `import "os"`, "must not import os"},
		{"pure test may", "sip/packet/a_test.go", `import ("os"; "sync"; "time"); var _ = time.Now`, ""},
		{"edge may", "agent/capture/a.go", `import ("os"; "net"; "time"); func f() { go f(); time.Now() }`, ""},
		{"core imports edge", "sip/dialog/a.go", `import "example.org/m/agent/capture"`, "sip/dialog must not import agent/capture"},
		{"edge imports edge", "agent/capture/a.go", `import "example.org/m/agent/guard"`, "agent/capture must not import agent/guard"},
		{"pipeline imports edge", "agent/pipeline/a.go", `import "example.org/m/agent/capture"`, "agent/pipeline must not import agent/capture"},
		{"admin imports pipeline", "agent/admin/a.go", `import "example.org/m/agent/pipeline"`, "agent/admin must not import agent/pipeline"},
		{"spool imports uplink", "sync/spool/a.go", `import "example.org/m/sync/uplink"`, "sync/spool must not import sync/uplink"},
		{"agent imports collector", "agent/a.go", `import "example.org/m/collector/store"`, "agent must not import collector/store"},
		{"collector imports agent", "collector/web/a.go", `import "example.org/m/agent/admin"`, "collector/web must not import agent/admin"},
		{"a test of one imports the other", "agent/a_test.go", `import "example.org/m/collector/store"`, "meet on the wire only"},
		{"file in sync", "sync/a.go", ``, "shadow the standard library"},
		{"package without a row", "sipx/a.go", ``, "sipx: the package has no row"},
		{"sipgo elsewhere", "sip/dialog/a.go", `import "github.com/emiago/sipgo/sip"`, "one place turns bytes into messages"},
		{"sipgo at home", "sip/parse/a.go", `import "github.com/emiago/sipgo/sip"`, ""},
		{"more of sipgo than its parser", "sip/parse/a.go", `import "github.com/emiago/sipgo"`, "github.com/emiago/sipgo has no row"},
		{"pion/rtp elsewhere", "sip/media/a.go", `import "github.com/pion/rtp"`, "one place looks into RTP"},
		{"ebpf elsewhere", "agent/pipeline/a.go", `import "github.com/cilium/ebpf/link"`, "belongs to capture"},
		{"unknown library", "agent/a.go", `import "github.com/left/pad"`, "github.com/left/pad has no row"},
		{"unknown library in a test", "agent/a_test.go", `import "github.com/left/pad"`, "github.com/left/pad has no row"},
		{"test library in a program", "agent/a.go", `import "github.com/google/go-cmp/cmp"`, "no place in a program"},
		{"test library in a test", "agent/a_test.go", `import "github.com/google/go-cmp/cmp"`, ""},
		{"testkit in a test", "agent/a_test.go", `import "example.org/m/internal/testkit"`, ""},
		{"a generator is no package", "sip/packet/gen.go", "//go:build ignore", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			src := "package p\n" + tc.src
			if strings.HasPrefix(tc.src, "//") {
				src = tc.src + "\n\npackage main\nimport \"os\"\n"
			}
			write(t, root, tc.file, src)
			found := check(t, root)
			switch {
			case tc.want == "" && len(found) > 0:
				t.Errorf("found in clean code: %q", found)
			case tc.want != "" && (len(found) != 1 || !strings.Contains(found[0], tc.want)):
				t.Errorf("found %q, want one finding with %q", found, tc.want)
			}
		})
	}
}

func TestTestkitStaysOut(t *testing.T) {
	root := t.TempDir()
	write(t, root, "agent/a.go", `package p; import "example.org/m/internal/testkit"`)
	found := strings.Join(check(t, root), "\n")
	if !strings.Contains(found, "the call generator is for tests and the demo") {
		t.Errorf("found %q", found)
	}
}

// TestTransitive: a pure package is judged by what it imports inside the
// module, and the message shows the way.
func TestTransitive(t *testing.T) {
	root := t.TempDir()
	write(t, root, "counters/a.go", `package p; import "example.org/m/sip/dialog"`)
	write(t, root, "sip/dialog/a.go", `package p; import "example.org/m/configs"`)
	write(t, root, "configs/a.go", "package p\nimport \"os\"")
	found := strings.Join(check(t, root), "\n")
	for _, want := range []string{
		"configs/a.go:2: counters -> sip/dialog -> configs is pure and must not import os",
		"sip/dialog must not import configs",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("no finding with %q in:\n%s", want, found)
		}
	}
}

func TestLoadReportsBrokenSource(t *testing.T) {
	root := t.TempDir()
	write(t, root, "sip/packet/a.go", "package")
	if _, err := Load(root, "example.org/m"); err == nil || !strings.Contains(err.Error(), "sip/packet/a.go") {
		t.Errorf("err = %v, want one that names the file", err)
	}
}

func check(t *testing.T, root string) []string {
	t.Helper()
	tree, err := Load(root, "example.org/m")
	if err != nil {
		t.Fatal(err)
	}
	return Check(tree)
}

func write(t *testing.T, root, name, src string) {
	t.Helper()
	name = filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}
