package capture

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// linkLines are the lines of a log, without times and levels.
func linkLines(b *bytes.Buffer) []string {
	var out []string
	for line := range strings.Lines(b.String()) {
		_, text, _ := strings.Cut(line, "msg=")
		out = append(out, strings.TrimSpace(text))
	}
	return out
}

// TestLinkLog: what happens once is said at once.
func TestLinkLog(t *testing.T) {
	up, down, missing := InterfaceState{"eth0", 2, LinkCapturing}, InterfaceState{"eth0", 2, LinkDown}, InterfaceState{"eth0", 0, LinkMissing}
	var b bytes.Buffer
	l := newLinkLog(slog.New(slog.NewTextHandler(&b, nil)), "ebpf")
	now := time.Unix(1000, 0)
	for _, step := range []struct {
		after  time.Duration
		states []InterfaceState
		says   string
	}{
		{0, []InterfaceState{missing}, `"an interface to capture on does not exist, waiting for it" interface=eth0`},
		{time.Second, []InterfaceState{missing}, ""},
		{time.Minute, []InterfaceState{up}, `capturing interface=eth0 filter=ebpf`},
		{time.Hour, []InterfaceState{up}, ""},
		{time.Second, []InterfaceState{down}, `"an interface is down: nothing is captured on it" interface=eth0`},
		{3 * time.Second, []InterfaceState{up}, `"an interface is up again" interface=eth0`},
		{time.Hour, []InterfaceState{{"eth0", 3, LinkCapturing}}, `capturing interface=eth0 filter=ebpf`}, // made anew
		{time.Hour, []InterfaceState{missing}, `"an interface is gone" interface=eth0`},
		{time.Hour, []InterfaceState{up, {"veth1", 9, LinkFailed}}, `capturing interface=eth0 filter=ebpf`},
		{time.Hour, []InterfaceState{up, {"veth1", 9, LinkCapturing}}, `capturing interface=veth1 filter=ebpf`},
		{time.Hour, []InterfaceState{up}, `"an interface is gone" interface=veth1`}, // a pattern's
	} {
		b.Reset()
		now = now.Add(step.after)
		l.see(now, step.states)
		if got := strings.Join(linkLines(&b), "\n"); got != step.says {
			t.Errorf("%v: says %q, want %q", step.states, got, step.says)
		}
	}
	if len(l.links) != 1 {
		t.Errorf("%d interfaces are remembered, one is there", len(l.links))
	}
}

// TestLinkLogFlapping: an interface that flaps for 20 minutes has few lines, and the
// last one is true.
func TestLinkLogFlapping(t *testing.T) {
	var b bytes.Buffer
	l := newLinkLog(slog.New(slog.NewTextHandler(&b, nil)), "ebpf")
	now := time.Unix(1000, 0)
	for i := range 20 * 60 {
		state := LinkCapturing
		if i%3 == 0 {
			state = LinkDown
		}
		now = now.Add(time.Second)
		l.see(now, []InterfaceState{{"eth0", 2, state}})
	}
	if got := linkLines(&b); len(got) > 15 {
		t.Errorf("%d lines in 20 minutes:\n%s", len(got), strings.Join(got, "\n"))
	}
	for range 2 * int(linkMost/time.Second) {
		now = now.Add(time.Second)
		l.see(now, []InterfaceState{{"eth0", 2, LinkDown}})
	}
	lines := linkLines(&b)
	if last := lines[len(lines)-1]; !strings.Contains(last, "is down") || !strings.Contains(b.String(), "changes=") {
		t.Errorf("the last line is %s", last)
	}
}
