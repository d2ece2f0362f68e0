package peers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

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
	DurationMs int       `json:"duration_ms"`
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
