package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// victim is a program that is killed without warning and started again, as a
// machine's service manager would do it. Its output goes to one log.
type victim struct {
	name    string
	group   string // that it is counted with: agents, broker, ...
	log     string // path
	command func() *exec.Cmd

	mu       sync.Mutex // guards what follows
	cmd      *exec.Cmd  // nil while it is down
	stopping bool
	pause    time.Duration // until it is started again, after a kill
	killed   bool          // the end that comes is a kill's
	kills    int
	lives    []life
	exits    []string // ends of its own, which are faults
	quit     chan struct{}
	done     chan struct{}
}

// life is the time from a start to the end that followed.
type life struct{ from, to time.Time }

// ownPause is how long it takes until a program that ended by itself is started again.
const ownPause = 300 * time.Millisecond

// up starts the program and keeps it running until stop.
func (v *victim) up() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stopping, v.quit, v.done = false, make(chan struct{}), make(chan struct{})
	go v.supervise(v.quit, v.done)
}

func (v *victim) supervise(quit, done chan struct{}) {
	defer close(done)
	for {
		cmd, err := v.start()
		if err != nil {
			v.note(err.Error())
			return
		}
		if cmd == nil {
			return // stopped meanwhile
		}
		end := cmd.Wait()
		pause, again := v.after(end)
		if !again {
			return
		}
		select {
		case <-time.After(pause):
		case <-quit:
			return
		}
	}
}

func (v *victim) start() (*exec.Cmd, error) {
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stopping {
		return nil, nil
	}
	cmd := v.command()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A group of its own, so that Ctrl-C reaches the test alone; and should the
	// test be killed, it dies too.
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	fmt.Fprintf(log, "--- %s started %s\n", time.Now().UTC().Format(logTime), v.name)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", v.name, err)
	}
	v.cmd, v.lives = cmd, append(v.lives, life{from: time.Now()})
	return cmd, nil
}

const logTime = "15:04:05.000"

// after notes how the program ended, and says whether to start it again.
func (v *victim) after(end error) (pause time.Duration, again bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cmd = nil
	if last := &v.lives[len(v.lives)-1]; last.to.IsZero() {
		last.to = time.Now()
	}
	pause = ownPause
	switch {
	case v.killed:
		pause = v.pause
	case v.stopping && end != nil:
		v.exits = append(v.exits, fmt.Sprintf("%s asked to stop: %v", time.Now().UTC().Format(logTime), end))
	case !v.stopping:
		v.exits = append(v.exits, fmt.Sprintf("%s by itself: %v", time.Now().UTC().Format(logTime), end))
	}
	v.killed = false
	return pause, !v.stopping
}

func (v *victim) note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.exits = append(v.exits, text)
}

// kill kills the program and its children, and reports false when it is down
// anyway. It is started again after the pause.
func (v *victim) kill(pause time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cmd == nil || v.stopping {
		return false
	}
	v.killed, v.pause = true, pause
	v.kills++
	v.lives[len(v.lives)-1].to = time.Now()
	killFamily(v.cmd.Process)
	v.cmd = nil // or it would be killed again before its end is known
	return true
}

// killFamily kills a process and its children. The parent is frozen first: it
// would start new ones, or tell them to end in order.
func killFamily(parent *os.Process) {
	if parent.Signal(syscall.SIGSTOP) != nil {
		return // it has ended, and its number may be another's
	}
	for _, child := range children(parent.Pid) {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = parent.Kill()
}

// children lists the processes whose parent is pid.
func children(pid int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// "pid (name) state ppid ...", where name may hold anything.
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// stop ends the program by a signal, or by force when the context ends first,
// which is an error.
func (v *victim) stop(ctx context.Context, signal syscall.Signal) error {
	v.mu.Lock()
	done := v.done
	if done == nil || v.stopping {
		v.mu.Unlock()
		return nil
	}
	v.stopping = true
	close(v.quit)
	if v.cmd != nil {
		v.killed = signal == syscall.SIGKILL
		_ = v.cmd.Process.Signal(signal) // that it has ended is seen below
	}
	v.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	v.mu.Lock()
	if v.cmd != nil {
		v.killed = true
		killFamily(v.cmd.Process)
	}
	v.mu.Unlock()
	<-done
	return fmt.Errorf("stop %s: it did not end in time, and was killed; its log ends:\n%s", v.name, tail(v.log, 2000))
}

func (v *victim) running() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cmd != nil
}

// deaths returns how often the program was killed, and how it ended by itself.
func (v *victim) deaths() (kills int, exits []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kills, v.exits
}

// alive returns when the program ran. It must have been stopped.
func (v *victim) alive() []life {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lives
}

// tail returns the last bytes of a file, as far as it can be read.
func tail(path string, most int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}
