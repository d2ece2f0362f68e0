package capture

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

// objectClang is the major version of the compiler that built the committed
// object. Another version may order instructions differently.
const objectClang = "14"

// The committed object must be what the committed source compiles to.
func TestObjectMatchesSource(t *testing.T) {
	out, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skipf("no clang to compile bpf/filter.c with: %v", err)
	}
	version := regexp.MustCompile(`version (\d+)\.`).FindSubmatch(out)
	if version == nil || string(version[1]) != objectClang {
		t.Skipf("the object was built by clang %s; this is %q", objectClang, strings.SplitN(string(out), "\n", 2)[0])
	}
	dir := t.TempDir()
	cmd := exec.Command("clang", append(generateFlags(t), "-target", "bpfel", "-c", "bpf/filter.c", "-o", filepath.Join(dir, "filter.o"))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	fresh, err := ebpf.LoadCollectionSpec(filepath.Join(dir, "filter.o"))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := loadFilter()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(describe(fresh), describe(committed)); diff != "" {
		t.Errorf("filter_bpfel.o is not what bpf/filter.c compiles to; run go generate ./agent/capture (-source +object):\n%s", diff)
	}
}

// generateFlags returns the compiler flags of the go:generate line.
func generateFlags(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "//go:generate") {
			continue
		}
		if m := regexp.MustCompile(`-cflags "([^"]*)"`).FindStringSubmatch(lines.Text()); m != nil {
			return strings.Fields(m[1])
		}
	}
	t.Fatal("doc.go has no go:generate line with -cflags")
	return nil
}

// describe lists the instructions of the programs and the shapes of the maps.
func describe(spec *ebpf.CollectionSpec) map[string][]string {
	d := map[string][]string{}
	for name, p := range spec.Programs {
		for i := range p.Instructions {
			in := p.Instructions[i]
			d[name] = append(d[name], fmt.Sprintf("%s %v %s", in.Symbol(), in, in.Reference()))
		}
	}
	for name, m := range spec.Maps {
		d["map "+name] = []string{m.Type.String(), m.String()}
	}
	return d
}
