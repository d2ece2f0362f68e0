package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Agent is a sipward-agent that watches a host.
type Agent struct {
	Host    *Host
	Program string // path of the binary
	Config  string // what the configuration says but where the agent's files are
	Name    string // where there are several: of a folder for its files
	proc    *Proc
	config  string
	records string
	starts  int
}

// agentFiles completes a configuration: nothing of the machine's own is
// touched.
const agentFiles = `
admin:
  listen: 127.0.0.1:9464
  socket: %[1]s/agent.sock
records:
  file: %[1]s/calls.jsonl
`

// agentGuard is for configurations that say nothing of the guard.
const agentGuard = `
guard:
  dir: %s/guard
`

// BuildAgent builds the agent of this module into dir, or returns the one that
// SIPWARD_AGENT names.
func BuildAgent(ctx context.Context, dir string) (string, error) {
	if have := os.Getenv("SIPWARD_AGENT"); have != "" {
		return filepath.Abs(have)
	}
	program := filepath.Join(dir, "sipward-agent")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "github.com/sipward/sipward/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent: %w: %s", err, out)
	}
	return program, nil
}

// Start starts the agent and returns when it watches.
func (a *Agent) Start(ctx context.Context) (err error) {
	dir := filepath.Join(a.Host.lab.Dir, a.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	a.config, a.records = filepath.Join(dir, "agent.yaml"), filepath.Join(dir, "calls.jsonl")
	text := a.Config + fmt.Sprintf(agentFiles, dir)
	if !strings.Contains(text, "\nguard:") {
		text += fmt.Sprintf(agentGuard, dir)
	}
	if err := os.WriteFile(a.config, []byte(text), 0o644); err != nil {
		return err
	}
	a.starts++
	name := strings.TrimPrefix(a.Name+"-agent", "-")
	if a.starts > 1 {
		name = fmt.Sprintf("%s-%d", name, a.starts) // a log of its own
	}
	if a.proc, err = a.Host.Start(name, a.Program, "run", "--config", a.config); err != nil {
		return err
	}
	return Poll(ctx, readyTimeout, "the agent to answer", func() (bool, error) {
		if a.proc.Ended() {
			return false, fmt.Errorf("it ended: %v: %s", a.proc.err, tail(a.proc.Log, 3000))
		}
		s, err := a.Status(ctx)
		return err == nil && s.Ready, nil
	})
}

// PID returns the agent's process id.
func (a *Agent) PID() int { return a.proc.PID() }

// Stop ends the agent, and fails if it does not end well.
func (a *Agent) Stop(ctx context.Context) error {
	if err := a.proc.Stop(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	return a.proc.Wait(ctx)
}

// Kill ends the agent without warning. It can be started again.
func (a *Agent) Kill(ctx context.Context) error {
	return a.proc.Stop(ctx, syscall.SIGKILL)
}
