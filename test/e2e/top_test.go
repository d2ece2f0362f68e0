package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// pane is a terminal in which a program runs.
type pane struct {
	t      *testing.T
	server string
}

// newPane starts command, as a shell reads it, on a screen of 80 by 24.
func newPane(t *testing.T, command string) *pane {
	t.Helper()
	p := &pane{t, fmt.Sprintf("sipward-%d-%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() { _, _ = p.ask(context.WithoutCancel(t.Context()), "kill-server") }) // it may have ended by itself
	p.tmux("new-session", "-d", "-x", "80", "-y", "24", command+`; echo "ended with $?"; exec sleep 600`)
	return p
}

func (p *pane) ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-L", p.server, "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := p.ask(p.t.Context(), args...)
	if err != nil {
		p.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return out
}

func (p *pane) press(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

// shows waits until all texts are on the screen, those after a ! are not.
func (p *pane) shows(texts ...string) string {
	p.t.Helper()
	screen := ""
	err := peers.Poll(p.t.Context(), 30*time.Second, fmt.Sprintf("the screen to show %q", texts), func() (bool, error) {
		screen = p.tmux("capture-pane", "-p")
		for _, text := range texts {
			if not, found := strings.CutPrefix(text, "!"); found == strings.Contains(screen, not) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		p.t.Fatalf("%v; it is\n%s", err, screen)
	}
	return screen
}

// hostile sends an INVITE of a caller who writes to terminals, to clear them and to
// colour them red. Nobody listens where it goes, so it stays a while.
func (w *world) hostile() {
	w.t.Helper()
	invite := fmt.Sprintf(strings.Join([]string{
		`INVITE sip:on\x07@%[2]s SIP/2.0`, "Via: SIP/2.0/UDP %[1]s:5099;branch=z9hG4bKhostile", `From: <sip:\x1b[2J\x1b[31mred@evil.example>;tag=1`,
		"To: <sip:on@%[2]s>", "Call-ID: hostile", "CSeq: 1 INVITE", "Content-Length: 0", "", "",
	}, `\r\n`), w.addresses.Customer, w.addresses.ToCustomer)
	file := filepath.Join(w.Dir, "invite")
	script := fmt.Sprintf("printf '%s' >%s && cat %s >/dev/udp/%s/5061", invite, file, file, w.addresses.ToCustomer) // one datagram
	if err := w.Customer.Run(w.t.Context(), "bash", "-c", script); err != nil {
		w.t.Fatal(err)
	}
}

// top in a terminal shows the calls that sipp holds, and what becomes of the agent.
func TestTop(t *testing.T) {
	need(t)
	t.Parallel()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: run make deps")
	}
	w := newWorld(t, peers.V4, false, "")
	socket := filepath.Join(w.Dir, "agent.sock")
	top := fmt.Sprintf("env LC_ALL=C.UTF-8 %s top --socket %s", w.agent.Program, socket)

	calls := batch{name: "top", number: "1000", calls: 12, rate: 20, caller: peers.Caller{Play: peers.Keys("15"), Hold: 25_000}}
	r := w.start(&calls)
	p := newPane(t, top)
	screen := p.shows("e2e ", "channels 12 ", "setup 0 ", "talking 12 ", "peak 12", "since start 12 calls", "ASR 100%", "drops 0 kernel 0 other", "no uplink",
		"[1 customers 1]", "▸acme", "q quit")
	for l := range strings.SplitSeq(screen, "\n") {
		if strings.Contains(l, "…") {
			t.Errorf("cut at 80 columns: %s", l)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Log("\n" + screen)
	}
	p.press("2")
	p.shows("[2 carriers 2]", "▸alpha", "12", "beta")
	p.press("Enter")
	calling := p.shows("calls of alpha  12 in progress", "2125550100", "1000", "talking", "Call-ID ", "Esc back")
	if n := strings.Count(calling, "2125550100"); n != 12 {
		t.Errorf("%d calls are listed:\n%s", n, calling)
	}
	p.press("Escape") // and a pause: with a key at once it would be Alt
	p.shows("[2 carriers 2]", "▸alpha")
	p.press("1", "/", "x", "y")
	p.shows("/xy", "no customers that match")
	p.press("Escape")
	p.shows("▸acme", "q quit")
	p.press("?")
	p.shows("any key goes back", "quit")
	p.press("x")
	p.tmux("resize-window", "-x", "120", "-y", "40")
	p.shows("setup  talking", "peak", "▸acme")
	p.tmux("resize-window", "-x", "40", "-y", "10")
	p.shows("acme", "in use")
	p.tmux("resize-window", "-x", "80", "-y", "24")

	r.finish()
	p.shows("channels 0", "talking 0", "100%")
	w.hostile()
	p.press("Enter")
	p.shows("calls of acme  1 in progress", "?[2J?[31mred", "on?", "setup")
	p.press("Escape")
	p.shows("▸acme", "q quit", "since start 13 calls")

	if err := w.agent.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.shows("NO ANSWER since", "the figures are those of", "no agent answers at", "acme", "since start 13 calls")
	if err := w.agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.shows("!NO ANSWER", "since start 0 calls", "acme")

	stranger := newPane(t, "setpriv --reuid=65534 --regid=65534 --clear-groups "+top)
	stranger.shows("permission denied", "use sudo", "ended with 1")
	p.press("q")
	p.shows("ended with 0", "!channels")
	if err := w.agent.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	newPane(t, top).shows("no agent answers at", "is it running", "ended with 1")
}
