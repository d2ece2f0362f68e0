package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// agent is the program under demonstration, as a child process.
type agent struct {
	program string
	site    *site
	cmd     *exec.Cmd
	log     *os.File
	ended   chan struct{} // closed when it ended; err says how
	err     error
}

const (
	startWait  = 15 * time.Second
	stopWait   = 15 * time.Second
	statusWait = 5 * time.Second
	pollEvery  = 100 * time.Millisecond
)

// start runs the agent and returns when it takes packets.
func start(ctx context.Context, program string, s *site) (*agent, error) {
	log, err := os.Create(filepath.Join(s.dir, "agent.log"))
	if err != nil {
		return nil, fmt.Errorf("open the agent's log: %w", err)
	}
	a := &agent{program: program, site: s, log: log, ended: make(chan struct{})}
	// Ended by stop, not by ctx: it has to come to its own end.
	a.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "run", "--config", s.config())
	a.cmd.Stdout, a.cmd.Stderr = log, log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo; it ends the agent itself
	if err := a.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), log.Close())
	}
	go func() {
		a.err = a.cmd.Wait()
		close(a.ended)
	}()
	if err := a.waitReady(ctx); err != nil {
		return nil, errors.Join(err, a.stop(), a.complaint())
	}
	return a, nil
}

func (a *agent) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		got, err := a.status(ctx)
		if err == nil && got.Ready {
			return nil
		} else if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("the agent was not ready within %v", startWait), err)
		}
		select {
		case <-a.ended:
			return errors.New("the agent ended instead of starting")
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

// status asks the agent for its figures, as an operator would.
func (a *agent) status(ctx context.Context) (*status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.program, "status", "--json", "--config", a.site.config())
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s status: %w: %s", a.program, err, bytes.TrimSpace(complaint.Bytes()))
	}
	var s status
	if err := json.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("read the agent's status: %w", err)
	}
	return &s, nil
}

// stop ends the agent and reports an end that was not its own.
func (a *agent) stop() error {
	defer a.log.Close()
	select {
	case <-a.ended:
		return a.err
	default:
	}
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the agent: %w", err)
	}
	select {
	case <-a.ended:
		return a.err
	case <-time.After(stopWait):
		return errors.Join(fmt.Errorf("the agent did not stop within %v", stopWait), a.cmd.Process.Kill())
	}
}

// complaint is the end of the agent's log as an error.
func (a *agent) complaint() error {
	text, err := os.ReadFile(a.log.Name())
	if err != nil {
		return err
	}
	return fmt.Errorf("its log ends:\n%s", text[max(0, len(text)-2000):])
}
