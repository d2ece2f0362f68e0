package program

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// Logger returns the log of a program: lines on stderr. The journal gets each level
// as its priority, so that `journalctl -p warning` finds what went wrong, and no
// times, as it has its own.
func Logger() *slog.Logger {
	if !toJournal(os.Stderr, os.Getenv("JOURNAL_STREAM")) {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(newJournalHandler(os.Stderr))
}

// toJournal reports whether f is the journal's, of which systemd says device and
// inode.
func toJournal(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil || stream == "" {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// journalHandler writes each level by a handler of its own.
type journalHandler struct {
	levels [4]slog.Handler // debug, info, warn, error
}

// priorities are those of syslog, by level, as sd-daemon(3) wants them.
var priorities = [4]string{"<7>", "<6>", "<4>", "<3>"}

func newJournalHandler(to io.Writer) slog.Handler {
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	var h journalHandler
	for i, p := range priorities {
		h.levels[i] = slog.NewTextHandler(&prefixWriter{to, []byte(p)}, options)
	}
	return &h
}

func (h *journalHandler) of(l slog.Level) slog.Handler {
	switch {
	case l >= slog.LevelError:
		return h.levels[3]
	case l >= slog.LevelWarn:
		return h.levels[2]
	case l >= slog.LevelInfo:
		return h.levels[1]
	}
	return h.levels[0]
}

func (h *journalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.of(l).Enabled(ctx, l)
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(x slog.Handler) slog.Handler { return x.WithAttrs(attrs) })
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return h.each(func(x slog.Handler) slog.Handler { return x.WithGroup(name) })
}

func (h *journalHandler) each(f func(slog.Handler) slog.Handler) slog.Handler {
	var out journalHandler
	for i, x := range h.levels {
		out.levels[i] = f(x)
	}
	return &out
}

// prefixWriter writes a prefix and what it is given at once: lines of several
// goroutines do not mix.
type prefixWriter struct {
	to     io.Writer
	prefix []byte
}

func (w *prefixWriter) Write(line []byte) (int, error) {
	n, err := w.to.Write(bytes.Join([][]byte{w.prefix, line}, nil))
	return max(n-len(w.prefix), 0), err
}
