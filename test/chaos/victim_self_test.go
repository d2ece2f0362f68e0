package chaos

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// shell is a victim that runs a script.
func shell(t *testing.T, script string) *victim {
	t.Helper()
	v := &victim{name: "shell", log: filepath.Join(t.TempDir(), "log"), command: func() *exec.Cmd { return exec.Command("sh", "-c", script) }}
	t.Cleanup(func() {
		if err := stop(v); err != nil {
			t.Error(err)
		}
	})
	return v
}

// await waits until the victim's log holds text so many times.
func await(t *testing.T, v *victim, text string, times int) {
	t.Helper()
	err := peers.Poll(t.Context(), 20*time.Second, text, func() (bool, error) {
		return strings.Count(tail(v.log, 1<<20), text) >= times, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVictim kills a program with a child that ignores everything else, and
// sees both die and come again.
func TestVictim(t *testing.T) {
	v := shell(t, `trap 'echo ended in order; exit 0' TERM; (trap '' TERM HUP INT; echo child $$; while kill -0 $$ 2>/dev/null; do sleep 0.1; done) & while :; do sleep 0.1; done`)
	v.up()
	await(t, v, "child ", 1)
	v.mu.Lock()
	family := append(children(v.cmd.Process.Pid), v.cmd.Process.Pid)
	v.mu.Unlock()
	if len(family) < 2 {
		t.Fatalf("the family is %d: a child is missing", family)
	}
	if !v.kill(0) {
		t.Fatal("it was not killed")
	}
	await(t, v, "child ", 2)
	for _, pid := range family {
		if err := peers.Poll(t.Context(), 5*time.Second, "the end of the family", func() (bool, error) { return gone(pid), nil }); err != nil {
			t.Error(err)
		}
	}
	if err := stop(v); err != nil {
		t.Error(err)
	}
	if kills, exits := v.deaths(); kills != 1 || len(exits) != 0 {
		t.Errorf("killed %d times, ended by itself: %q", kills, exits)
	}
	if !strings.Contains(tail(v.log, 1<<20), "ended in order") || v.kill(0) {
		t.Errorf("it was not stopped in order: %s", tail(v.log, 1000))
	}
}

// gone reports whether a process has ended; a zombie has.
func gone(pid int) bool {
	return syscall.Kill(pid, 0) != nil || strings.Contains(state(pid), ") Z")
}

// TestVictimEnds tells ends of its own from kills, and starts it again.
func TestVictimEnds(t *testing.T) {
	v := shell(t, "echo once; exit 3")
	v.up()
	await(t, v, "once", 2)
	if err := stop(v); err != nil {
		t.Error(err)
	}
	if kills, exits := v.deaths(); kills != 0 || len(exits) == 0 || !strings.Contains(exits[0], "exit status 3") {
		t.Errorf("killed %d times, ended by itself: %q", kills, exits)
	}
}

// TestVictimHangs ends a program by force when asking is not enough.
func TestVictimHangs(t *testing.T) {
	v := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.1; done`)
	v.up()
	await(t, v, "ready", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := v.stop(ctx, syscall.SIGTERM); err == nil || !strings.Contains(err.Error(), "did not end in time") {
		t.Errorf("stop returned %v", err)
	}
	if v.running() {
		t.Error("it runs on")
	}
}

// TestKiller gives everybody his turn, and the same seed the same order.
func TestKiller(t *testing.T) {
	victims := []*victim{{name: "a"}, {name: "b"}, {name: "c"}}
	draw := func() (names string) {
		k := &killer{rng: rand.New(rand.NewPCG(7, 7)), victims: victims}
		for range 30 {
			names += k.draw().name
		}
		return names
	}
	names := draw()
	for i := 0; i < len(names); i += 3 {
		for _, v := range victims {
			if !strings.Contains(names[i:i+3], v.name) {
				t.Errorf("%s has no turn in %s", v.name, names[i:i+3])
			}
		}
	}
	if again := draw(); again != names {
		t.Errorf("drew %s and then %s", names, again)
	}
	if k := (&killer{rng: rand.New(rand.NewPCG(7, 7)), victims: victims}); k.strike() != 0 {
		t.Error("victims that are down were killed")
	}
}

// state is what the kernel says of a process; empty when there is none.
func state(pid int) string {
	return tail(filepath.Join("/proc", strconv.Itoa(pid), "stat"), 1<<16)
}
