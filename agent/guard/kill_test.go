package guard

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// TestMainOfKilled is not a test: TestKill runs it in a process of its own. It
// registers phones for ever and says how many it has on disk.
func TestMainOfKilled(t *testing.T) {
	dir := os.Getenv("SIPWARD_TEST_KILL_DIR")
	if dir == "" {
		t.Skip("run by TestKill")
	}
	g := open(t, dir, nil)
	w, now := &wire{g: g}, time.Now().UnixNano()
	for n := 0; ; n++ {
		w.register(strconv.Itoa(100_000+n), acme, 3600, now)
		if n%50 == 49 {
			if _, err := g.disk.save(context.Background(), g); err != nil {
				t.Fatal(err)
			}
			fmt.Println("saved", n+1)
		}
	}
}

// TestKill kills a guard with SIGKILL again and again while it writes: what it
// said to be on disk is there after each.
func TestKill(t *testing.T) {
	for round := range 3 {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMainOfKilled$")
		cmd.Env = append(os.Environ(), "SIPWARD_TEST_KILL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		saved, lines := 0, bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "saved %d", &saved); err == nil && saved >= 500*(round+1) {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			_, _ = fmt.Sscanf(lines.Text(), "saved %d", &saved)
		}
		_ = cmd.Wait() // it was killed
		if saved == 0 {
			t.Fatal("the process saved nothing")
		}
		g := open(t, dir, nil)
		list, more, err := g.Bindings("", "100000", strconv.Itoa(100_000+saved-1), 1)
		if err != nil || len(list)+more != saved || g.Stats().Damaged != 0 {
			t.Errorf("%d of %d bindings, %d damaged, %v", len(list)+more, saved, g.Stats().Damaged, err)
		}
		g.disk.close()
	}
}
