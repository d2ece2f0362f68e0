package seldom

import (
	"bytes"
	"log/slog"
	"slices"
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
	for n := range 75 {
		s.Warn(time.Unix(int64(n), 0), "first", "n", n)
	}
	s.Warn(time.Unix(75, 0), "second")
	for n := range 3600 {
		s.Warn(time.Unix(int64(1000+n), 0), "first", "n", 1000+n)
	}
	want := "msg=first n=0|msg=first n=10 more_like_this=9|msg=first n=30 more_like_this=19|msg=first n=70 more_like_this=39|msg=second|" +
		// The quiet in between begins it anew.
		"msg=first n=1000 more_like_this=4|msg=first n=1010 more_like_this=9|msg=first n=1030 more_like_this=19|msg=first n=1070 more_like_this=39|" +
		"msg=first n=1150 more_like_this=79|msg=first n=1310 more_like_this=159|msg=first n=1630 more_like_this=319|" +
		"msg=first n=2230 more_like_this=599|msg=first n=2830 more_like_this=599|msg=first n=3430 more_like_this=599|msg=first n=4030 more_like_this=599|"
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

func TestRepeats(t *testing.T) {
	var r Repeats
	at := func(s int64, what string) bool { return r.Again(time.Unix(s, 0), what) }
	said := []bool{!at(0, "refused"), !at(1, "refused"), !at(2, "timeout"), !at(3, "refused"), !at(602, "refused"), !at(603, "refused")}
	if want := []bool{true, false, true, true, false, true}; !slices.Equal(said, want) {
		t.Errorf("said %v, want %v", said, want)
	}
}

// TestOnceAMinute: what comes back every minute, as on a disk that is full, is
// throttled as well.
func TestOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	s := New(slog.New(slog.NewTextHandler(&out, nil)))
	for n := range 6 * 60 {
		s.Info(time.Unix(int64(60*n), 0), "full")
	}
	if got := strings.Count(out.String(), "level=INFO msg=full"); got < 36 || got > 42 {
		t.Errorf("%d lines in 6 hours", got)
	}
}
