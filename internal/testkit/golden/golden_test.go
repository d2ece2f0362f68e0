package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// recorder notes whether a test would have failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails := func(got string) bool {
		r := &recorder{TB: t}
		Check(r, file, []byte(got))
		return r.failed
	}
	if fails("a\n") || !fails("b\n") || !fails("a") || !fails("") {
		t.Error("what differs passes, or what is the same fails")
	}
	*update = true
	defer func() { *update = false }()
	if fails("b\n") {
		t.Error("with -update it differs")
	}
	if *update = false; fails("b\n") || !fails("a\n") {
		t.Error("it was not written")
	}
}

func TestDiffer(t *testing.T) {
	for _, v := range []struct {
		x, y string
		n    int
		a, b string
	}{
		{"", "", 0, "", ""},
		{"a\nb\n", "a\nb\n", 0, "", ""},
		{"a\nb\n", "a\nc\n", 2, "b\n", "c\n"},
		{"a\nb\n", "a\nb", 2, "b\n", "b"},
		{"a\n", "a\n\n", 2, "", "\n"},
		{"a", "", 1, "a", ""},
	} {
		if n, a, b := differ(v.x, v.y); n != v.n || a != v.a || b != v.b {
			t.Errorf("%q and %q: %d %q %q", v.x, v.y, n, a, b)
		}
	}
}

func TestSection(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("# A\n\n<!-- generated: x -->\n\nold\n\n<!-- end -->\n\nprose\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails := func(text string) bool {
		r := &recorder{TB: t}
		Section(r, page, "x", text)
		return r.failed
	}
	if fails("old\n") || !fails("new\n") {
		t.Error("what differs passes, or what is the same fails")
	}
	*update = true
	defer func() { *update = false }()
	fails("new\n")
	b, err := os.ReadFile(page)
	if want := "# A\n\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\n\nprose\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v, want %q", b, err, want)
	}
}
