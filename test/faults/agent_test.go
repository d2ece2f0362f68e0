package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// agent is a sipward-agent that gets its packets by HEP.
type agent struct {
	*lab
	*proc
	name   string // of its files
	node   string
	dir    string
	config string
	spool  string
	hep    netip.AddrPort
	plan   testkit.Plan
}

// agentSetup is what tests choose of an agent.
type agentSetup struct {
	name     string // default switch-1
	node     string // default name
	brokers  []string
	password string // file; empty: none is asked for
	spool    string // folder; default in the agent's own
	keep     string // keep_acked; default 24h
	reserve  int    // MiB; default 8
	network  string // of HEP; default udp
	more     string
}

// calls is the traffic that all tests play, 30 calls a second unless they say
// otherwise. All are over within a second or so.
func calls(seed uint64) testkit.Plan {
	return testkit.Plan{
		Seed: seed, Rate: 30, Calls: 1_000_000, Start: time.Now(),
		Delay: 30 * time.Millisecond, Ring: 100 * time.Millisecond, Hold: 800 * time.Millisecond, Spread: 0.6,
		Mix: []testkit.Share{
			{Outcome: testkit.Answered, Weight: 8}, {Outcome: testkit.Failover, Weight: 2}, {Outcome: testkit.Busy, Weight: 1},
			{Outcome: testkit.Cancelled, Weight: 1}, {Outcome: testkit.NotFound, Weight: 1},
		},
		Customers: 3, Carriers: 3,
	}
}

// newAgent writes the configuration of an agent, and starts nothing.
func (l *lab) newAgent(x agentSetup) *agent {
	l.Helper()
	set := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	set(&x.name, "switch-1")
	set(&x.node, x.name)
	set(&x.keep, "24h")
	set(&x.network, "udp")
	a := &agent{lab: l, name: x.name, node: x.node, dir: l.folder(x.name), hep: l.freePort()}
	set(&x.spool, filepath.Join(a.dir, "spool"))
	a.spool, a.config = x.spool, filepath.Join(a.dir, "agent.yaml")
	var err error
	a.plan, err = calls(0).Fill()
	l.check(err)
	if x.reserve == 0 {
		x.reserve = 8
	}
	var b strings.Builder
	fmt.Fprintf(&b, "node: %s\ncapture:\n  interfaces: []\n  hep:\n    - network: %s\n      address: %s\n", a.node, x.network, a.hep)
	fmt.Fprintf(&b, "local_addresses: [%s]\n", a.plan.SwitchIP)
	fmt.Fprintf(&b, "admin:\n  listen: \"off\"\n  socket: %s\n", a.socket())
	fmt.Fprintf(&b, "uplink:\n  brokers: [\"%s\"]\n", strings.Join(x.brokers, `", "`))
	if x.password != "" {
		fmt.Fprintf(&b, "  password_file: %s\n", x.password)
	}
	fmt.Fprintf(&b, "guard:\n  dir: %s\n", filepath.Join(a.dir, "guard"))
	fmt.Fprintf(&b, "spool:\n  dir: %s\n  budget_mib: 1024\n  min_free_mib: 0\n  reserve_mib: %d\n  keep_acked: %s\n", x.spool, x.reserve, x.keep)
	// An agent that was down misses ends; such calls shall not last for ever.
	fmt.Fprintf(&b, "calls:\n  setup_timeout: 10s\n  max_age: 15s\n%s", x.more)
	fmt.Fprintln(&b, "customers:")
	for i := range a.plan.Customers {
		fmt.Fprintf(&b, "  - id: customer-%d\n    addresses: [%s]\n", i+1, a.plan.CustomerAddr(i))
	}
	fmt.Fprintln(&b, "carriers:")
	for i := range a.plan.Carriers {
		fmt.Fprintf(&b, "  - id: carrier-%d\n    addresses: [%s]\n", i+1, a.plan.CarrierAddr(i))
	}
	l.check(os.WriteFile(a.config, []byte(b.String()), 0o600))
	return a
}

func (a *agent) socket() string { return filepath.Join(a.dir, "agent.sock") }

// run starts the agent and returns when it takes packets.
func (a *agent) run() {
	a.lab.Helper()
	a.proc = a.start(a.name, a.lab.agent, "run", "--config", a.config)
	a.poll(readyWait, a.name+" to be ready", func() bool {
		if a.ended() {
			a.Fatalf("%s ended: %v\n%s", a.name, a.err, tail(a.log, 3000))
		}
		s, err := a.status()
		return err == nil && s.Ready
	}, nil)
}

// stream is the account of a stream in records.
type stream struct {
	Accepted   uint64            `json:"accepted"`
	Acked      uint64            `json:"acked"`
	Spooled    uint64            `json:"spooled"`
	Declared   uint64            `json:"declared"`
	DeclaredBy map[string]uint64 `json:"declared_by"`
	Queued     uint64            `json:"queued"`
}

// status is the part of the agent's status that tests read.
type agentStatus struct {
	Ready bool `json:"ready"`
	Calls struct {
		Setup    int    `json:"live_setup"`
		Answered int    `json:"live_answered"`
		Started  uint64 `json:"started"`
	} `json:"calls"`
	Agent struct {
		Live  int `json:"live_legs"`
		Drops []struct {
			Stage string `json:"stage"`
			Event string `json:"event"`
			N     uint64 `json:"n"`
		} `json:"drops"`
		Counts []struct {
			Stage string `json:"stage"`
			Event string `json:"event"`
			N     uint64 `json:"n"`
		} `json:"counts"`
	} `json:"agent"`
	Sync struct {
		Spool struct {
			Epoch     string `json:"epoch"`
			Calls     stream `json:"calls"`
			Telemetry stream `json:"telemetry"`
			OpenCalls int    `json:"open_calls"`
			Full      bool   `json:"full"`
			Segments  int    `json:"segments"`
			Kept      int    `json:"segments_kept"`
		} `json:"spool"`
		Uplink struct {
			Connected bool   `json:"connected"`
			Answered  bool   `json:"answered"`
			Broker    string `json:"broker"`
			StoreID   string `json:"store_id"`
			Duplicate bool   `json:"duplicate_node_id"`
			Resent    uint64 `json:"resent_records"`
		} `json:"uplink"`
	} `json:"sync"`
}

// status asks the running agent.
func (a *agent) status() (*agentStatus, error) {
	res, err := socketClient(a.socket()).Get("http://agent/status")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	s := new(agentStatus)
	if err := json.NewDecoder(res.Body).Decode(s); err != nil {
		return nil, err
	}
	for _, x := range []*stream{&s.Sync.Spool.Calls, &s.Sync.Spool.Telemetry} {
		if x.Accepted != x.Acked+x.Spooled+x.Declared {
			a.Errorf("the account of %s does not add up: %+v", a.name, *x)
		}
	}
	return s, nil
}

// now is status of an agent that has to answer.
func (a *agent) now() *agentStatus {
	a.lab.Helper()
	s, err := a.status()
	a.check(err)
	return s
}

// metric returns the value of a metric, by name with labels.
func (a *agent) metric(name string) float64 {
	a.lab.Helper()
	res, err := socketClient(a.socket()).Get("http://agent/metrics")
	a.check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a.check(err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			_, err := fmt.Sscan(rest, &v)
			a.check(err)
			return v
		}
	}
	a.Fatalf("%s does not export %s", a.name, name)
	return 0
}

// quiet waits until no call is open and every record of one is on disk, acked or not.
func (a *agent) quiet() {
	a.lab.Helper()
	var s *agentStatus
	a.poll(drainWait, a.name+" to be done with all calls", func() bool {
		s = a.now()
		return s.Agent.Live == 0 && s.Sync.Spool.Calls.Queued+s.Sync.Spool.Telemetry.Queued == 0
	}, func() string { return fmt.Sprintf("%d legs, %+v", s.Agent.Live, s.Sync.Spool) })
}

// drained waits until the agent is quiet and all that it has is acked.
func (a *agent) drained() *agentStatus {
	a.lab.Helper()
	var s *agentStatus
	a.poll(drainWait, a.name+" to be drained", func() bool {
		s = a.now()
		p := &s.Sync.Spool
		return s.Agent.Live == 0 && p.Calls.Spooled+p.Telemetry.Spooled+p.Calls.Queued+p.Telemetry.Queued == 0
	}, func() string { return fmt.Sprintf("%d legs, %+v", s.Agent.Live, s.Sync) })
	return s
}

// waiting waits until so many records of calls are on disk and not acked.
func (a *agent) waiting(n uint64) {
	a.lab.Helper()
	var s *agentStatus
	a.poll(drainWait, fmt.Sprintf("%s to have %d records waiting", a.name, n), func() bool {
		s = a.now()
		return s.Sync.Spool.Calls.Spooled >= n
	}, func() string { return fmt.Sprintf("%+v", s.Sync.Spool) })
}
