package program

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// exitConfig is what sysexits.h calls EX_CONFIG. The units do not start a program
// again that ended so: it would fail in the same way every few seconds, and fill
// the journal.
const exitConfig = 78

// serving is set when a program has told that it does its work.
var serving atomic.Bool

// startError is why a program did not come up, or ended.
type startError struct {
	error
	code int // of the program's end
}

func (e *startError) Unwrap() error { return e.error }

// Start is for what a command that runs for long returns: it says what to do about
// the errors that any part of it can meet, and keeps those apart that somebody has
// to mend before it is worth to start again. After Serve, starting again
// may help: it brings back the rights that were given up.
func Start(err error) error {
	if err == nil {
		return nil
	}
	code := 1
	switch {
	case errors.Is(err, syscall.EROFS) && underSystemd():
		err = &hint{err, "or let the service write there: `systemctl edit` it, and below [Service] set ReadWritePaths="}
		code = exitConfig
	case errors.Is(err, syscall.EACCES) && strings.Contains(err.Error(), "bind:"):
		err = &hint{err, "ports below 1024 are for root: take a higher one"}
		code = exitConfig
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		code = exitConfig
	case errors.Is(err, syscall.ENOSPC):
		err = &hint{err, "free some space"}
	}
	var odd *needsHand
	if errors.As(err, &odd) {
		code = exitConfig
	}
	if serving.Load() {
		code = 1
	}
	return &startError{err, code}
}

// NeedsHand marks an error that stays until somebody changes something: a
// configuration that cannot be used, files of a newer version.
func NeedsHand(err error) error {
	if err == nil {
		return nil
	}
	return &needsHand{err}
}

type needsHand struct{ error }

func (e *needsHand) Unwrap() error { return e.error }

// hint is an error with what to do about it.
type hint struct {
	error
	do string
}

func (e *hint) Error() string { return e.error.Error() + "; " + e.do }

func (e *hint) Unwrap() error { return e.error }

// underSystemd reports whether systemd started this program.
func underSystemd() bool { return os.Getenv("INVOCATION_ID") != "" }

// exitCode is what the program ends with.
func exitCode(err error) int {
	var s *startError
	if errors.As(err, &s) {
		return s.code
	}
	return 1
}

// OneLine is a text without line breaks, as the journal makes an entry of each, and
// without lines that it has already: PostgreSQL's client tries twice.
func OneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
