package peers

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Collector is a sipward-collector with its own broker, by TLS alone.
type Collector struct {
	Host     *Host
	Program  string     // path of the binary
	Address  netip.Addr // at which nodes reach it
	Database string     // URL of it; "" is SQLite
	Web      string     // address and port of the dashboard on the host; "" is none
	Admin    string     // address and port of its metrics on the host; "" is none
	proc     *Proc
	config   string
}

// collectorPort is where nodes connect.
const collectorPort = 8883

// BuildCollector builds the collector of this module into dir, or returns the
// one that SIPWARD_COLLECTOR names.
func BuildCollector(ctx context.Context, dir string) (string, error) {
	if have := os.Getenv("SIPWARD_COLLECTOR"); have != "" {
		return filepath.Abs(have)
	}
	program := filepath.Join(dir, "sipward-collector")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "github.com/sipward/sipward/collector")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the collector: %w: %s", err, out)
	}
	return program, nil
}

// Start starts the collector and returns when nodes can connect.
func (c *Collector) Start(ctx context.Context) (err error) {
	dir := c.Host.lab.Dir
	c.config = filepath.Join(dir, "collector.yaml")
	text := fmt.Sprintf("data: %s\nembedded:\n  listen: \"off\"\n  listen_tls: %q\n  names: [%q]\nweb:\n  listen: %q\nadmin:\n  listen: %q\n  socket: %s\n",
		c.data(), netip.AddrPortFrom(c.Address, collectorPort), c.Address, cmp.Or(c.Web, "off"), cmp.Or(c.Admin, "off"), filepath.Join(dir, "collector.sock"))
	if c.Database != "" {
		text += fmt.Sprintf("store:\n  url: %q\n", c.Database)
	}
	if err := os.WriteFile(c.config, []byte(text), 0o644); err != nil {
		return err
	}
	if c.proc, err = c.Host.Start("collector", c.Program, "run", "--config", c.config); err != nil {
		return err
	}
	return Poll(ctx, readyTimeout, "the collector to answer", func() (bool, error) {
		if c.proc.Ended() {
			return false, fmt.Errorf("it ended: %v: %s", c.proc.err, tail(c.proc.Log, 3000))
		}
		s, err := c.Status(ctx)
		return err == nil && s.Ready, nil
	})
}

// setupLink is what the collector prints while nobody can log in.
var setupLink = regexp.MustCompile(`/#/setup/([\w-]+)`)

// SetupToken is the one-time text that the first account of the dashboard is made with.
func (c *Collector) SetupToken() (string, error) {
	log, err := os.ReadFile(c.proc.Log)
	if err != nil {
		return "", err
	}
	found := setupLink.FindSubmatch(log)
	if found == nil {
		return "", errors.New("the collector printed no link to the first account")
	}
	return string(found[1]), nil
}

func (c *Collector) data() string { return filepath.Join(c.Host.lab.Dir, "collector") }

// TableKey is the file of the key that signs its table of customers.
func (c *Collector) TableKey() string { return filepath.Join(c.data(), "table.key") }

// Blocks runs a command of its table of customers, without a terminal, and
// returns what it prints and what it complains of.
func (c *Collector) Blocks(ctx context.Context, args ...string) (out, complaint string, err error) {
	cmd := c.Host.Command(ctx, c.Program, append(append([]string{"blocks"}, args...), "--config", c.config)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// Kill ends the collector without warning.
func (c *Collector) Kill(ctx context.Context) error { return c.proc.Stop(ctx, syscall.SIGKILL) }

// Store is the folder of its database.
func (c *Collector) Store() string { return filepath.Join(c.data(), "store") }

// AddNode makes the credentials of a node, and returns what the agent's
// configuration needs beside its id.
func (c *Collector) AddNode(ctx context.Context, node string) (string, error) {
	bundle := filepath.Join(c.Host.lab.Dir, node+".pem")
	if _, err := c.ask(ctx, "node", "add", node, "--config", c.config, "--out", bundle); err != nil {
		return "", err
	}
	return fmt.Sprintf("\nuplink:\n  brokers: [\"mqtts://%s\"]\n  ca_file: %[2]s\n  cert_file: %[2]s\n  key_file: %[2]s\nspool:\n  dir: %[3]s\n  min_free_mib: 0\n",
		netip.AddrPortFrom(c.Address, collectorPort), bundle, filepath.Join(c.Host.lab.Dir, "spool-"+node)), nil
}

// ask runs one of its commands beside it.
func (c *Collector) ask(ctx context.Context, args ...string) ([]byte, error) {
	cmd := c.Host.Command(ctx, c.Program, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sipward-collector %s: %w: %s", args[0], err, complaint.Bytes())
	}
	return out, nil
}

// CollectorStatus is the part of `sipward-collector status --json` that tests
// read.
type CollectorStatus struct {
	Ready     bool     `json:"ready"`
	Attention []string `json:"attention"`
	Nodes     []struct {
		Node  string `json:"node"`
		State string `json:"state"`
		Live  *struct {
			Setup    int `json:"live_setup"`
			Answered int `json:"live_answered"`
		} `json:"live"`
	} `json:"nodes"`
	Losses         []json.RawMessage  `json:"losses"`
	DeadLetters    struct{ Kept int } `json:"dead_letters"`
	Reconciliation struct {
		LastUnixMs int64             `json:"last_unix_ms"`
		Error      string            `json:"error"`
		Differ     []json.RawMessage `json:"differ"`
		Sums       []json.RawMessage `json:"sums"`
	} `json:"reconciliation"`
}

// Status asks the collector as an operator would.
func (c *Collector) Status(ctx context.Context) (*CollectorStatus, error) {
	out, err := c.ask(ctx, "status", "--json", "--config", c.config)
	if err != nil {
		return nil, err
	}
	s := new(CollectorStatus)
	if err := json.Unmarshal(out, s); err != nil {
		return nil, fmt.Errorf("sipward-collector status: %w: %s", err, out)
	}
	return s, nil
}

// StoredCall is the part of an exported call that tests read.
type StoredCall struct {
	Kind       string    `json:"kind"`
	CallID     string    `json:"call_id"`
	Customer   string    `json:"customer"`
	Carrier    string    `json:"carrier"`
	Called     string    `json:"called"`
	Invited    time.Time `json:"invited"`
	Ended      time.Time `json:"ended"`
	Answered   bool      `json:"answered"`
	Outcome    bool      `json:"outcome"`
	Midcall    bool      `json:"seen_midcall"`
	DurationMs int       `json:"duration_ms"`
	Release    string    `json:"release"`
	FromCaller int       `json:"from_caller_dtmf_count"`
	FromCallee int       `json:"from_callee_dtmf_count"`
	Attempts   int       `json:"attempts"`
}

// Calls exports all calls.
func (c *Collector) Calls(ctx context.Context) ([]StoredCall, error) {
	return exported[StoredCall](ctx, c, "calls")
}

// StoredAttempt is the part of an exported attempt that tests read.
type StoredAttempt struct {
	Carrier    string `json:"carrier"`
	Answered   bool   `json:"answered"`
	Outcome    bool   `json:"outcome"`
	DurationMs int    `json:"duration_ms"`
}

// Attempts exports all attempts.
func (c *Collector) Attempts(ctx context.Context) ([]StoredAttempt, error) {
	return exported[StoredAttempt](ctx, c, "attempts")
}

// Summary is the part of an exported summary that tests read.
type Summary struct {
	Kind       string     `json:"kind"`
	Party      string     `json:"party"`
	Calls      int        `json:"calls"`
	Midcall    int        `json:"seen_midcall"`
	Outcomes   int        `json:"outcomes"`
	Answered   int        `json:"answered"`
	Over       int        `json:"over"`
	Ended      int        `json:"answered_ended"`
	AnsweredMs int        `json:"answered_ms"`
	ASR        AgentRatio `json:"asr"`
	ACD        AgentRatio `json:"acd_ms"`
}

// Summaries exports the sums of each hour.
func (c *Collector) Summaries(ctx context.Context) ([]Summary, error) {
	return exported[Summary](ctx, c, "summaries", "--by", "hour")
}

// exported reads what the collector exports while it runs.
func exported[T any](ctx context.Context, c *Collector, what string, more ...string) (all []T, err error) {
	out, err := c.ask(ctx, append([]string{"export", what, "--format", "jsonl", "--config", c.config}, more...)...)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("exported %s %q: %w", what, lines.Text(), err)
		}
		all = append(all, row)
	}
	return all, lines.Err()
}
