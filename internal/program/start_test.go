package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStart: what does not mend itself ends with 78, at which the units give up.
func TestStart(t *testing.T) {
	t.Setenv("INVOCATION_ID", "1")
	before := serving.Swap(false) // by other tests
	t.Cleanup(func() { serving.Store(before) })
	for name, tc := range map[string]struct {
		err  error
		code int
		says string
	}{
		"anything":      {errors.New("no luck"), 1, "no luck"},
		"permission":    {fmt.Errorf("opening: %w", fs.ErrPermission), exitConfig, "permission denied"},
		"read-only":     {fmt.Errorf("opening: %w", syscall.EROFS), exitConfig, "ReadWritePaths="},
		"low port":      {fmt.Errorf("listen: %w", &os.SyscallError{Syscall: "bind", Err: syscall.EACCES}), exitConfig, "ports below 1024"},
		"full":          {fmt.Errorf("writing: %w", syscall.ENOSPC), 1, "; free some space"},
		"configuration": {fmt.Errorf("two: %w", NeedsHand(errors.New("a.yaml:1: no"))), exitConfig, "two: a.yaml:1: no"},
		"not there yet": {fmt.Errorf("opening: %w", fs.ErrNotExist), 1, "not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Start(tc.err)
			if got := exitCode(err); got != tc.code {
				t.Errorf("ends with %d, not %d", got, tc.code)
			}
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("says %q, not %q", err, tc.says)
			}
			if !errors.Is(err, tc.err) {
				t.Error("the cause is lost")
			}
		})
	}
	if Start(nil) != nil || NeedsHand(nil) != nil {
		t.Error("no error becomes one")
	}
	if exitCode(fs.ErrPermission) != 1 {
		t.Error("a command that is no start ends as one")
	}
	serving.Store(true)
	if got := exitCode(Start(fs.ErrPermission)); got != 1 {
		t.Errorf("what ends after it served ends with %d: it would not come back", got)
	}
}

// TestLastWords: the journal makes an entry of every line, so there is one.
func TestLastWords(t *testing.T) {
	err := errors.New("a.yaml has 2 problems:\na.yaml:1: x\n\ta.yaml:2: y\n\ta.yaml:2: y")
	if got, want := lastWords("p", err, true), "<3>p: a.yaml has 2 problems: a.yaml:1: x a.yaml:2: y"; got != want {
		t.Errorf("to the journal: %q, want %q", got, want)
	}
	if got, want := lastWords("p", err, false), "p: "+err.Error(); got != want {
		t.Errorf("to a terminal: %q, want %q", got, want)
	}
}

func TestJournalHandler(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newJournalHandler(&out)).With("node", "a").WithGroup("g")
	log.Debug("left out")
	log.Info("one", "time", 1)
	log.Warn("two\nlines")
	log.Error("three")
	log.Log(context.Background(), slog.LevelError+2, "four")
	want := "<6>level=INFO msg=one node=a g.time=1\n<4>level=WARN msg=\"two\\nlines\" node=a\n" +
		"<3>level=ERROR msg=three node=a\n<3>level=ERROR+2 msg=four node=a\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestToJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	if !toJournal(f, fmt.Sprintf("%d:%d", s.Dev, s.Ino)) {
		t.Error("the stream that systemd names is not known")
	}
	if toJournal(f, fmt.Sprintf("%d:%d", s.Dev, s.Ino+1)) || toJournal(f, "") {
		t.Error("another file is taken for the journal")
	}
}
