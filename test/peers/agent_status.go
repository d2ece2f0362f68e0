package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

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
	AnsweredMs   int            `json:"answered_ms"`
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
