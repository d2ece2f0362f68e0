package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// nodeCount is how many switches there are.
const nodeCount = 4

// node is a switch with an agent.
type node struct {
	*victim
	*traffic
	id     string
	dir    string
	config string
	spool  string
}

// credentials are what a node proves itself by; empty for a broker that asks
// for nothing.
type credentials func(ctx context.Context, id, dir string) (passwordFile string, err error)

// addNodes makes agents and their traffic, and starts neither.
func (s *site) addNodes(ctx context.Context, broker string, prove credentials) error {
	for i := range nodeCount {
		n := &node{id: fmt.Sprintf("switch-%d", i+1)}
		var err error
		if n.dir, err = s.folder(n.id); err != nil {
			return err
		}
		n.spool, n.config = filepath.Join(n.dir, "spool"), filepath.Join(n.dir, "agent.yaml")
		port, err := freePort()
		if err != nil {
			return err
		}
		plan, err := planFor(i, s.seed, s.length).Fill()
		if err != nil {
			return err
		}
		n.traffic = &traffic{plan: plan, to: loopback(port), ids: make(map[string]time.Time)}
		password := ""
		if prove != nil {
			if password, err = prove(ctx, n.id, n.dir); err != nil {
				return err
			}
		}
		if err := os.WriteFile(n.config, []byte(n.agentConfig(broker, password)), 0o600); err != nil {
			return err
		}
		n.victim = s.add(agents, n.id, func() *exec.Cmd { return exec.Command(s.agent, "run", "--config", n.config) })
		s.nodes = append(s.nodes, n)
	}
	return nil
}

// Ends of calls whose end the agent did not see. They are longer than any call
// that is played.
const (
	setupTimeout = 10 * time.Second
	maxAge       = 20 * time.Second
)

// agentConfig is the configuration: packets by HEP only, and every record kept
// on disk for the audit.
func (n *node) agentConfig(broker, passwordFile string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\ncapture:\n  interfaces: []\n  hep:\n    - network: udp\n      address: %s\n", n.id, n.to)
	fmt.Fprintf(&b, "local_addresses: [%s]\n", n.plan.SwitchIP)
	fmt.Fprintf(&b, "admin:\n  listen: \"off\"\n  socket: %s\n", filepath.Join(n.dir, "agent.sock"))
	fmt.Fprintf(&b, "uplink:\n  brokers: [%q]\n", broker)
	if passwordFile != "" {
		fmt.Fprintf(&b, "  password_file: %s\n", passwordFile)
	}
	fmt.Fprintf(&b, "guard:\n  dir: %s\n", filepath.Join(n.dir, "guard"))
	fmt.Fprintf(&b, "spool:\n  dir: %s\n  budget_mib: 1024\n  min_free_mib: 0\n  reserve_mib: 8\n  keep_acked: 24h\n", n.spool)
	// An agent that was down misses ends; such calls shall not last for ever.
	fmt.Fprintf(&b, "calls:\n  setup_timeout: %v\n  max_age: %v\n", setupTimeout, maxAge)
	b.WriteString(parties(&n.plan))
	return b.String()
}

func parties(plan *testkit.Plan) string {
	var b strings.Builder
	fmt.Fprintln(&b, "customers:")
	for i := range plan.Customers {
		first, last := plan.Block(i)
		fmt.Fprintf(&b, "  - id: customer-%d\n    addresses: [%s]\n    blocks: [{first: %q, last: %q}]\n", i+1, plan.CustomerAddr(i), first, last)
	}
	fmt.Fprintln(&b, "carriers:")
	for i := range plan.Carriers {
		fmt.Fprintf(&b, "  - id: carrier-%d\n    addresses: [%s]\n", i+1, plan.CarrierAddr(i))
	}
	return b.String()
}

// account is what an agent says of its records.
type account struct {
	Agent struct {
		Live int `json:"live_legs"`
	} `json:"agent"`
	Sync *struct {
		Spool struct {
			Calls     streamAccount `json:"calls"`
			Telemetry streamAccount `json:"telemetry"`
		} `json:"spool"`
	} `json:"sync"`
}

type streamAccount struct {
	Accepted uint64 `json:"accepted"`
	Acked    uint64 `json:"acked"`
	Spooled  uint64 `json:"spooled"`
	Declared uint64 `json:"declared"`
	Queued   uint64 `json:"queued"`
}

// account asks the running agent.
func (n *node) account(ctx context.Context, program string) (*account, error) {
	out, err := output(ctx, program, "status", "--json", "--config", n.config)
	if err != nil {
		return nil, err
	}
	var a account
	if err := json.Unmarshal(out, &a); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", n.id, err)
	}
	if a.Sync == nil {
		return nil, fmt.Errorf("read the status of %s: nothing about sync in it", n.id)
	}
	return &a, nil
}

// balanced reports whether the account adds up.
func (s *streamAccount) balanced() bool { return s.Accepted == s.Acked+s.Spooled+s.Declared }

// waiting is how many records no collector has acked.
func (s *streamAccount) waiting() uint64 { return s.Spooled + s.Queued }
