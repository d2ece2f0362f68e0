package seldom

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSeldom(t *testing.T) {
	var out bytes.Buffer
	s := New(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}})))
	for n := range 25 {
		s.Warn(time.Unix(int64(n), 0), "first", "n", n)
	}
	s.Warn(time.Unix(25, 0), "second")
	want := "msg=first n=0|msg=first n=10 more_like_this=9|msg=first n=20 more_like_this=9|msg=second|"
	if got := strings.ReplaceAll(out.String(), "\n", "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestError: what is an error is logged as one, and counted with its own kind.
func TestError(t *testing.T) {
	var out bytes.Buffer
	s := New(slog.New(slog.NewTextHandler(&out, nil)))
	for n := range 11 {
		s.Error(time.Unix(int64(n), 0), "disk", "n", n)
	}
	got := out.String()
	if strings.Count(got, "level=ERROR msg=disk") != 2 || !strings.Contains(got, "n=10 more_like_this=9") {
		t.Error(got)
	}
}
