package main

// status is the part of `sipward-agent status --json` that the demo shows and
// compares. It is written down here once more, and not shared with the agent:
// scripts of operators read the same names.
type status struct {
	Figures struct {
		Total     figures `json:"total"`
		Customers []party `json:"customers"`
		Carriers  []party `json:"carriers"`
	} `json:"figures"`
	Registrations struct {
		Transactions int            `json:"transactions"`
		ByStatus     map[string]int `json:"by_status"`
	} `json:"registrations"`
	Messages    int `json:"messages"`
	RTPPackets  int `json:"rtp_packets"`
	Digits      int `json:"digits"`
	KernelDrops int `json:"kernel_drops"`
}

type party struct {
	Name string `json:"name"`
	figures
}

// figures are those of a party, or of all calls.
type figures struct {
	LiveSetup    int    `json:"live_setup"`
	LiveAnswered int    `json:"live_answered"`
	Peak         int    `json:"peak"`
	PeakAnswered int    `json:"peak_answered"`
	Started      int    `json:"started"`
	Outcomes     int    `json:"outcomes"`
	Answered     int    `json:"answered"`
	Effective    int    `json:"effective"`
	Ended        int    `json:"ended"`
	AnsweredMS   int    `json:"answered_ms"`
	Digits       [2]int `json:"digits"`
	PDD          struct {
		Count int `json:"count"`
		SumMS int `json:"sum"`
	} `json:"pdd_ms"`
}
