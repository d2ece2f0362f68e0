package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long a program may take to end when asked to.
const stopTimeout = 10 * time.Second

// Proc is a program that runs on a host. Its output goes to NAME.log in the
// lab's folder.
type Proc struct {
	Name string
	Log  string // path of its output
	cmd  *exec.Cmd
	done chan struct{} // closed at its end
	err  error         // valid after done
}

// Start runs a program on the host until it ends, is stopped, or the lab is
// closed.
func (h *Host) Start(name string, command string, args ...string) (*Proc, error) {
	return h.StartEnv(name, nil, command, args...)
}

// StartEnv is Start with additions to the environment, as "KEY=value".
func (h *Host) StartEnv(name string, env []string, command string, args ...string) (*Proc, error) {
	p := &Proc{Name: name, Log: filepath.Join(h.lab.Dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, err
	}
	// Close ends it, not a context: a program is asked to stop before it is killed.
	p.cmd = h.Command(context.WithoutCancel(context.Background()), command, args...)
	p.cmd.Dir = h.lab.Dir
	p.cmd.Env = append(append(os.Environ(), "TERM=xterm"), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A group of its own, so that Ctrl-C reaches us alone and we end it in
	// order; and should we be killed, it dies too.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = p.cmd.Start()
	_ = log.Close() // the child has its own descriptor
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	h.lab.procs = append(h.lab.procs, p)
	return p, nil
}

// PID returns the program's process id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Done is closed at the program's end.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Ended reports whether the program has ended.
func (p *Proc) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits for the program's end and returns an error if that was no
// success, with the end of its log.
func (p *Proc) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of %s: %w", p.Name, ctx.Err())
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.Name, p.err, tail(p.Log, 1500))
	}
	return nil
}

// Signal sends a signal to the program.
func (p *Proc) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the program to end with a signal, and waits for its end.
func (p *Proc) Stop(ctx context.Context, s syscall.Signal) error {
	if p.Ended() {
		return nil
	}
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", p.Name, ctx.Err())
	}
}

// kill ends the program and its group, by force if it does not by itself.
func (p *Proc) kill() error {
	if !p.Ended() {
		_ = p.Signal(syscall.SIGTERM) // what fails here is mended below
		select {
		case <-p.done:
		case <-time.After(2 * time.Second):
		}
	}
	// Kamailio and others leave children behind when their parent is killed.
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	<-p.done
	return nil
}

// tail returns the last bytes of a file, as far as it can be read.
func tail(path string, most int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}
