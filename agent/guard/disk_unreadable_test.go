package guard

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnreadableBindings: a file that cannot be opened is not called damaged, and is
// said once.
func TestUnreadableBindings(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, bindingsName)
	if err := os.Symlink(path, path); err != nil { // no one can open it, root neither
		t.Fatal(err)
	}
	var out bytes.Buffer
	d := &disk{dir: dir}
	damaged := d.load(slog.New(slog.NewTextHandler(&out, nil)), func(_, _ []byte) { t.Error("there is a binding") })
	if got := out.String(); damaged != 1 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "chown -R") || strings.Contains(got, "is damaged") {
		t.Errorf("%d, %s", damaged, got)
	}
}
