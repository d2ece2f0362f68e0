package main

// status is the part of `sipward-agent status --json` that the demo shows and
// compares. It is written down here once more, and not shared with the agent:
// scripts of operators read the same names.
type status struct {
	Ready         bool    `json:"ready"`
	Mode          string  `json:"mode"` // ebpf, classic or hep
	Calls         figures `json:"calls"`
	Customers     []party `json:"customers"`
	Carriers      []party `json:"carriers"`
	Registrations struct {
		Transactions int            `json:"transactions"`
		Outcomes     map[string]int `json:"outcomes"` // by status
	} `json:"registrations"`
	Guard struct {
		Bindings int `json:"bindings"`
		Verdicts []struct {
			Verdict string `json:"verdict"`
			Count   int    `json:"count"`
		} `json:"verdicts"`
	} `json:"guard"`
	SIP struct {
		Messages int `json:"messages"`
	} `json:"sip"`
	Agent struct {
		Drops  []count `json:"drops"`
		Counts []count `json:"counts"`
	} `json:"agent"`
}

type party struct {
	Name string `json:"name"`
	figures
}

// figures are those of a party, or of all calls.
type figures struct {
	LiveSetup    int   `json:"live_setup"`
	LiveAnswered int   `json:"live_answered"`
	Peak         int   `json:"peak"`
	PeakAnswered int   `json:"peak_answered"`
	Started      int   `json:"started"`
	Outcomes     int   `json:"outcomes"`
	Answered     int   `json:"answered"`
	ASR          ratio `json:"asr"`
	ACD          ratio `json:"acd_ms"`
	PDD          ratio `json:"pdd_ms"`
	Digits       struct {
		Caller int `json:"caller"`
		Callee int `json:"callee"`
	} `json:"dtmf_digits"` // of calls that are over
}

// ratio is blank, a value of null, when there is nothing to divide by.
type ratio struct {
	Value *float64 `json:"value"`
}

type count struct {
	Stage string `json:"stage"`
	Event string `json:"event"`
	N     int    `json:"n"`
}

// wouldRefuse counts REGISTERs that break the number blocks.
func (s *status) wouldRefuse() (n int) {
	for _, v := range s.Guard.Verdicts {
		if v.Verdict == "would_refuse" {
			n += v.Count
		}
	}
	return n
}

func (s *status) count(stage, event string) int {
	for _, c := range s.Agent.Counts {
		if c.Stage == stage && c.Event == event {
			return c.N
		}
	}
	return -1 // no such counter: it will differ from whatever was played
}

// presses are the digits seen so far, also in calls that go on.
func (s *status) presses() int { return s.count("dtmf", "presses") }

// rtpPackets are counted in the kernel where eBPF does it.
func (s *status) rtpPackets() int {
	if s.Mode == "ebpf" {
		return s.count("filter", "media")
	}
	return s.count("media", "rtp")
}

// dropped is the sum of all that was lost.
func (s *status) dropped() int {
	n := 0
	for _, c := range s.Agent.Drops {
		n += c.N
	}
	return n
}
