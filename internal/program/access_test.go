package program

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	uid, gid := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())
	file := filepath.Join(dir, "uplink.pem")
	for _, tc := range []struct {
		mode, folder os.FileMode
		uid          string
		groups       []string
		says         string
	}{
		{0o600, 0o755, "4000000", []string{"4000000"}, "may not read it; chown root:sipward and chmod 0640"},
		{0o640, 0o755, "4000000", []string{"4000000"}, "may not read it"},
		{0o640, 0o755, "4000000", []string{"4000000", gid}, ""},
		{0o604, 0o755, "4000000", []string{gid}, "may not read it"}, // its group is meant, and may not
		{0o644, 0o755, "4000000", nil, ""},
		{0o644, 0o700, "4000000", nil, "may not enter " + dir},
		{0o000, 0o755, "0", nil, ""},
	} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, tc.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, tc.folder); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(unreadable("sipward", tc.uid, tc.groups, []string{file, "", file, filepath.Join(dir, "none")}), "\n")
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) || strings.Contains(got, "\n") {
			t.Errorf("mode %o in %o for %v: %q, want %q", tc.mode, tc.folder, tc.groups, got, tc.says)
		}
	}
	if uid != "0" {
		if err := os.Chmod(file, 0o400); err != nil {
			t.Fatal(err)
		}
		if got := unreadable("me", uid, nil, []string{file}); got != nil {
			t.Errorf("the owner: %v", got)
		}
	}
	if got := Unreadable("nobody-has-this-name", []string{file}); got != nil {
		t.Errorf("without a service: %v", got)
	}
}
