package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
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
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/sipward/sipward/agent")
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

// AgentFigures are counts of calls or attempts.
type AgentFigures struct {
	LiveSetup    int            `json:"live_setup"`
	LiveAnswered int            `json:"live_answered"`
	Peak         int            `json:"peak"`
	PeakAnswered int            `json:"peak_answered"`
	Started      int            `json:"started"`
	SeenMidcall  int            `json:"seen_midcall"`
	Outcomes     int            `json:"outcomes"`
	Answered     int            `json:"answered"`
	AnsweredMS   int            `json:"answered_ms"`
	ASR          AgentRatio     `json:"asr"`
	ACD          AgentRatio     `json:"acd_ms"`
	ByRelease    map[string]int `json:"by_release"`
	ByClass      map[string]int `json:"by_status_class"`
	Digits       AgentSides     `json:"dtmf_digits"`
	Packets      AgentSides     `json:"rtp_packets"`
	Lost         AgentSides     `json:"rtp_lost"`
}

// AgentRatio is a share with its parts.
type AgentRatio struct {
	Num int `json:"num"`
	Den int `json:"den"`
}

// AgentSides are counts of what callers and callees sent.
type AgentSides struct {
	Caller int `json:"caller"`
	Callee int `json:"callee"`
}

// AgentParty is a customer's or carrier's figures.
type AgentParty struct {
	Name string `json:"name"`
	AgentFigures
}

// AgentStatus is the part of `sipward-agent status --json` that tests read. It
// is written down here once more, and not shared with the agent: operators'
// scripts read the same names.
type AgentStatus struct {
	Mode          string       `json:"mode"`
	Ready         bool         `json:"ready"`
	Suspect       []string     `json:"suspect"`
	Calls         AgentFigures `json:"calls"`
	Customers     []AgentParty `json:"customers"`
	Carriers      []AgentParty `json:"carriers"`
	Registrations struct {
		Requests     int            `json:"requests"`
		Transactions int            `json:"transactions"`
		Outcomes     map[string]int `json:"outcomes"`
	} `json:"registrations"`
	SIP struct {
		Messages   int            `json:"messages"`
		Transports map[string]int `json:"transports"`
		Malformed  int            `json:"malformed"`
	} `json:"sip"`
	Agent struct {
		Frames    int          `json:"frames"`
		Panics    int          `json:"panics"`
		LiveLegs  int          `json:"live_legs"`
		Endpoints int          `json:"media_endpoints"`
		Drops     []AgentCount `json:"drops"`
		Counts    []AgentCount `json:"counts"`
	} `json:"agent"`
	Guard struct {
		Mode     string         `json:"mode"`
		Bindings int            `json:"bindings"`
		Strays   int            `json:"strays"`
		Banned   int            `json:"banned"`
		Resent   int            `json:"resent"`
		Verdicts []AgentVerdict `json:"verdicts"`
		Table    AgentTable     `json:"table"` // zeros when it is in the agent's own file
	} `json:"guard"`
	Sync *struct { // nil without an uplink
		Spool struct {
			Calls     AgentSpool `json:"calls"`
			Telemetry AgentSpool `json:"telemetry"`
		} `json:"spool"`
	} `json:"sync"`
}

// AgentVerdict counts what became of REGISTERs.
type AgentVerdict struct {
	Customer string `json:"customer"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Count    int    `json:"count"`
}

// AgentTable is the collector's table of customers as the agent has it.
type AgentTable struct {
	Version   int            `json:"version"` // 0: none
	Key       string         `json:"key"`
	Refused   map[string]int `json:"refused"` // copies, by reason
	LastError string         `json:"last_error"`
}

// AgentSpool is what became of the records of a stream.
type AgentSpool struct {
	Accepted int `json:"accepted"`
	Acked    int `json:"acked"`
	Spooled  int `json:"spooled"`
	Declared int `json:"declared"`
	Queued   int `json:"queued"`
}

// AgentCount is one counter of one part of the agent.
type AgentCount struct {
	Stage string `json:"stage"`
	Event string `json:"event"`
	N     int    `json:"n"`
}

// Count returns a counter of the agent's; false if it has none of that name.
func (s *AgentStatus) Count(stage, event string) (int, bool) {
	for _, list := range [][]AgentCount{s.Agent.Drops, s.Agent.Counts} {
		for _, c := range list {
			if c.Stage == stage && c.Event == event {
				return c.N, true
			}
		}
	}
	return 0, false
}

// Party returns the figures of the customer or carrier of that name, zeros if
// there is none.
func Party(of []AgentParty, name string) AgentFigures {
	for _, p := range of {
		if p.Name == name {
			return p.AgentFigures
		}
	}
	return AgentFigures{}
}

// Status asks the agent for its figures as an operator would.
func (a *Agent) Status(ctx context.Context) (*AgentStatus, error) {
	cmd := a.Host.Command(ctx, a.Program, "status", "--json", "--config", a.config)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sipward-agent status: %w: %s", err, complaint.Bytes())
	}
	s := new(AgentStatus)
	if err := json.Unmarshal(out, s); err != nil {
		return nil, fmt.Errorf("sipward-agent status: %w: %s", err, out)
	}
	return s, nil
}

// AgentBinding is a phone that is registered.
type AgentBinding struct {
	Number        string `json:"number"`
	Customer      string `json:"customer"`
	Contact       string `json:"contact"`
	Source        string `json:"source"`
	Transport     string `json:"transport"`
	Stray         string `json:"stray"`
	ExpiresUnixMS int64  `json:"expires_unix_ms"`
}

// AgentChecked is a verdict that was asked for.
type AgentChecked struct {
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Customer string `json:"customer"`
	Block    string `json:"block"`
	Holder   string `json:"holder"`
	Steps    []struct {
		Check   string `json:"check"`
		Decides bool   `json:"decides"`
		Text    string `json:"text"`
	} `json:"steps"`
}

// Bindings lists who is registered, or with what "strays" of them, as an operator
// would ask.
func (a *Agent) Bindings(ctx context.Context, what string, args ...string) ([]AgentBinding, error) {
	var list struct {
		Bindings []AgentBinding `json:"bindings"`
	}
	err := a.guard(ctx, &list, append([]string{what}, args...)...)
	return list.Bindings, err
}

// Check asks what would become of a REGISTER. It is no error that it would be
// refused.
func (a *Agent) Check(ctx context.Context, user string, source netip.Addr, args ...string) (*AgentChecked, error) {
	v := new(AgentChecked)
	err := a.guard(ctx, v, append([]string{"check", "--user", user, "--source", source.String()}, args...)...)
	return v, err
}

// guard runs a command of the guard. An exit status is no error when the answer
// is there.
func (a *Agent) guard(ctx context.Context, to any, args ...string) error {
	cmd := a.Host.Command(ctx, a.Program, append(append([]string{"guard"}, args...), "--json", "--config", a.config)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return fmt.Errorf("sipward-agent guard %s: %w: %s", args[0], err, complaint.Bytes())
	}
	if err := json.Unmarshal(out, to); err != nil {
		return fmt.Errorf("sipward-agent guard %s: %w: %s", args[0], err, out)
	}
	return nil
}

// Metrics returns the agent's Prometheus metrics, by name with labels.
func (a *Agent) Metrics(ctx context.Context) (map[string]float64, error) {
	const get = `exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && cat <&3`
	out, err := a.Host.Command(ctx, "bash", "-c", get).Output()
	if err != nil {
		return nil, fmt.Errorf("fetch /metrics: %w", err)
	}
	m := make(map[string]float64)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[at+1:], &v); err == nil {
			m[line[:at]] = v
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("fetch /metrics: nothing in it: %s", out)
	}
	return m, nil
}

// AgentRecord is the part of a call record that tests read.
type AgentRecord struct {
	Kind       string    `json:"kind"`
	CallID     string    `json:"call_id"`
	Customer   string    `json:"customer"`
	Carrier    string    `json:"carrier"`
	Called     string    `json:"called"`
	Answered   bool      `json:"answered"`
	Status     int       `json:"sip_status"`
	Release    string    `json:"release"`
	DurationMS int       `json:"duration_ms"`
	MediaClass string    `json:"media_class"`
	FromCaller AgentSide `json:"from_caller"`
	FromCallee AgentSide `json:"from_callee"`
	Attempts   []struct {
		Carrier string `json:"carrier"`
		Status  int    `json:"sip_status"`
	} `json:"attempts"`
}

// AgentSide is what one side of a call sent.
type AgentSide struct {
	Packets int     `json:"rtp_packets"`
	Lost    int     `json:"rtp_lost"`
	MOS     float64 `json:"mos"`
	Digits  int     `json:"dtmf_count"`
	Text    string  `json:"dtmf"`
}

// Records reads the call records that the agent has written so far.
func (a *Agent) Records() ([]AgentRecord, error) {
	f, err := os.Open(a.records)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []AgentRecord
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r AgentRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("call record %q: %w", lines.Text(), err)
		}
		all = append(all, r)
	}
	return all, lines.Err()
}
