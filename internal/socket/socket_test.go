package socket

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder is a new one with a short name: a socket's path has at most 107 bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func mustListen(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestListen(t *testing.T) {
	path := filepath.Join(folder(t), "made", "s")
	mustListen(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("its folder: %v, %v", info, err)
	}
}

func TestDeadSocketIsReplaced(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	dead := mustListen(t, path)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	mustListen(t, path)
}

func TestRefused(t *testing.T) {
	dir := folder(t)
	alive, file := filepath.Join(dir, "s"), filepath.Join(dir, "precious")
	mustListen(t, alive)
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, path, want string
		ctx              context.Context
	}{
		{"alive", alive, "address already in use", t.Context()},
		{"alive, while this program is being stopped", alive, "", ended},
		{"a file", file, "address already in use", t.Context()},
		{"no parent", filepath.Join(dir, "no", "no", "s"), "no such file or directory", t.Context()},
		{"a file for a folder", filepath.Join(file, "s", "s"), "making the socket's folder", t.Context()},
	} {
		if l, err := Listen(tt.ctx, tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v", tt.name, l, err)
		}
	}
	var d net.Dialer
	if c, err := d.DialContext(t.Context(), "unix", alive); err != nil {
		t.Error("the socket that was alive is gone:", err)
	} else {
		_ = c.Close()
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x" {
		t.Errorf("the file is gone: %v", err)
	}
}
