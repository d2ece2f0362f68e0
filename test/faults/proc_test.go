package faults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// proc is a program that runs. Its output is appended to one log over all runs.
type proc struct {
	lab  *lab
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed at its end
	err  error         // valid after done
}

// start starts a program.
func (l *lab) start(name, program string, args ...string) *proc {
	l.Helper()
	p := &proc{lab: l, name: name, log: filepath.Join(l.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	l.check(err)
	defer log.Close() // the child has its own descriptor
	p.cmd = exec.Command(program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A group of its own, so that Ctrl-C reaches the test alone; and should the
	// test be killed, it dies too.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	l.check(p.cmd.Start())
	l.procs = append(l.procs, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

func (p *proc) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *proc) signal(s syscall.Signal) {
	p.lab.Helper()
	p.lab.check(p.cmd.Process.Signal(s))
}

// stop ends the program in order.
func (p *proc) stop() {
	p.lab.Helper()
	p.signal(syscall.SIGTERM)
	p.wait()
}

// wait waits for the end of a program that was asked to end.
func (p *proc) wait() {
	p.lab.Helper()
	select {
	case <-p.done:
	case <-time.After(stopWait):
		p.kill()
		p.err = errStillRunning
	}
	if p.err != nil {
		p.lab.Errorf("%s: %v; its log ends:\n%s", p.name, p.err, tail(p.log, 2000))
	}
}

// kill ends the program, frozen or not.
func (p *proc) kill() {
	if !p.ended() {
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL) // that it has just ended is fine
	}
	<-p.done
}

// output returns what a command prints.
func (l *lab) output(program string, args ...string) []byte {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		l.Fatal(fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, complaint.String()))
	}
	return out
}

// mosquitto starts a broker that keeps nothing.
func (l *lab) mosquitto(name string) (*proc, string) {
	l.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	at := l.freePort()
	config := filepath.Join(l.dir, name+".conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_dest stdout\nuser root\n", at.Port())
	l.check(os.WriteFile(config, []byte(text), 0o600))
	p := l.start(name, program, "-c", config)
	l.poll(readyWait, name, func() bool { return answers(at) }, nil)
	return p, "mqtt://" + at.String()
}
