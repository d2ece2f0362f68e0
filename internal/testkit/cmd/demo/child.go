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

// child is a program under demonstration.
type child struct {
	name    string // agent or collector
	program string
	config  string // its file
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

// start runs a program with its config, and returns when it is ready.
func start(ctx context.Context, name, program, config string) (*child, error) {
	log, err := os.Create(filepath.Join(filepath.Dir(config), name+".log"))
	if err != nil {
		return nil, fmt.Errorf("open the %s's log: %w", name, err)
	}
	c := &child{name: name, program: program, config: config, log: log, ended: make(chan struct{})}
	// Ended by stop, not by ctx: it has to come to its own end.
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "run", "--config", config)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo; it ends its programs itself
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), log.Close())
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	if err := c.waitReady(ctx); err != nil {
		return nil, errors.Join(err, c.stop(), c.complaint())
	}
	return c, nil
}

func (c *child) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		var got struct{ Ready bool }
		err := c.status(ctx, &got)
		if err == nil && got.Ready {
			return nil
		} else if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("the %s was not ready within %v", c.name, startWait), err)
		}
		select {
		case <-c.ended:
			return fmt.Errorf("the %s ended instead of starting", c.name)
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

// status asks for the state of the running program, as an operator would.
func (c *child) status(ctx context.Context, into any) error {
	out, err := c.ask(ctx, "status", "--json", "--config", c.config)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read the %s's status: %w", c.name, err)
	}
	return nil
}

// ask runs one of the program's commands and returns what it prints.
func (c *child) ask(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	return command(ctx, c.program, args...)
}

func command(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}

// stop ends the program and reports an end that was not its own.
func (c *child) stop() error {
	defer c.log.Close()
	select {
	case <-c.ended:
		return c.err
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the %s: %w", c.name, err)
	}
	select {
	case <-c.ended:
		return c.err
	case <-time.After(stopWait):
		return errors.Join(fmt.Errorf("the %s did not stop within %v", c.name, stopWait), c.cmd.Process.Kill())
	}
}

// complaint is the end of the program's log as an error.
func (c *child) complaint() error {
	text, err := os.ReadFile(c.log.Name())
	if err != nil {
		return err
	}
	return fmt.Errorf("the %s's log ends:\n%s", c.name, text[max(0, len(text)-2000):])
}
