package main

import "slices"

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
		Table    struct {
			Version int `json:"version"`
		} `json:"table"` // of the collector's
		Verdicts []struct {
			Verdict string `json:"verdict"`
			Count   int    `json:"count"`
		} `json:"verdicts"`
	} `json:"guard"`
	Sync struct {
		Spool struct {
			Calls     stream `json:"calls"`
			Telemetry stream `json:"telemetry"`
		} `json:"spool"`
	} `json:"sync"`
	SIP struct {
		Messages int `json:"messages"`
	} `json:"sip"`
	Agent struct {
		Drops  []count `json:"drops"`
		Counts []count `json:"counts"`
	} `json:"agent"`
}

// stream is what waits for the collector.
type stream struct {
	Spooled int `json:"spooled"`
	Queued  int `json:"queued"`
}

func (s stream) left() int { return s.Spooled + s.Queued }

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
	Num   float64  `json:"num"`
	Den   float64  `json:"den"`
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
	n, known := 0, false
	for _, c := range s.Agent.Counts {
		if c.Stage == stage && c.Event == event {
			n, known = n+c.N, true
		}
	}
	if !known {
		return -1 // no such counter: it will differ from whatever was played
	}
	return n
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

// sum adds up the figures of several agents that the screen shows.
func sum(all []*status) *status {
	out := &status{Mode: all[0].Mode}
	out.Registrations.Outcomes = map[string]int{}
	for _, s := range all {
		out.Calls.add(&s.Calls)
		out.Customers, out.Carriers = addParties(out.Customers, s.Customers), addParties(out.Carriers, s.Carriers)
		for code, n := range s.Registrations.Outcomes {
			out.Registrations.Outcomes[code] += n
		}
		out.SIP.Messages += s.SIP.Messages
		out.Agent.Counts = append(out.Agent.Counts, s.Agent.Counts...)
	}
	return out
}

func addParties(to, from []party) []party {
	for i := range from {
		at := slices.IndexFunc(to, func(p party) bool { return p.Name == from[i].Name })
		if at < 0 {
			at, to = len(to), append(to, party{Name: from[i].Name})
		}
		to[at].add(&from[i].figures)
	}
	return to
}

// add adds o. The peak of both is at most the sum of their peaks.
func (f *figures) add(o *figures) {
	f.LiveSetup, f.LiveAnswered = f.LiveSetup+o.LiveSetup, f.LiveAnswered+o.LiveAnswered
	f.Peak, f.PeakAnswered = f.Peak+o.Peak, f.PeakAnswered+o.PeakAnswered
	f.Started, f.Outcomes, f.Answered = f.Started+o.Started, f.Outcomes+o.Outcomes, f.Answered+o.Answered
	f.ASR.add(o.ASR)
	f.ACD.add(o.ACD)
	f.PDD.add(o.PDD)
	f.Digits.Caller, f.Digits.Callee = f.Digits.Caller+o.Digits.Caller, f.Digits.Callee+o.Digits.Callee
}

func (r *ratio) add(o ratio) {
	r.Num, r.Den = r.Num+o.Num, r.Den+o.Den
	if r.Den > 0 {
		v := r.Num / r.Den
		r.Value = &v
	}
}
