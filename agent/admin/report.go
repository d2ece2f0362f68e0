package admin

import (
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
)

// Report is a Status for people and scripts: what /status serves as JSON and
// `status` prints as a table. Ratios have numerator, denominator and value; a
// value of null means that there were no calls.
type Report struct {
	Node      string   `json:"node"`
	Version   string   `json:"version"`
	Mode      string   `json:"mode"`
	StartedAt int64    `json:"started_unix_ms"`
	TakenAt   int64    `json:"taken_unix_ms"`
	UptimeS   int64    `json:"uptime_s"`
	Ready     bool     `json:"ready"`
	NotReady  []string `json:"not_ready,omitempty"`
	Suspect   []string `json:"suspect,omitempty"`

	Calls     Figures `json:"calls"`
	Customers []Party `json:"customers"`
	Carriers  []Party `json:"carriers"`

	Registrations Registrations `json:"registrations"`
	SIP           SIP           `json:"sip"`
	Agent         Agent         `json:"agent"`
	Sync          *Sync         `json:"sync,omitempty"`
	Guard         *Guard        `json:"guard,omitempty"`

	Certificates []certs.Certificate `json:"certificates,omitempty"`
}

// Registrations are counts of REGISTER transactions.
type Registrations struct {
	Requests     uint64            `json:"requests"`
	Transactions uint64            `json:"transactions"`
	Unanswered   uint64            `json:"unanswered"`
	Outcomes     map[uint16]uint64 `json:"outcomes"`
}

// SIP are counts of messages.
type SIP struct {
	Messages        uint64            `json:"messages"`
	Transports      map[string]uint64 `json:"transports"`
	Malformed       uint64            `json:"malformed"`
	Retransmissions uint64            `json:"retransmissions"`
	Duplicates      uint64            `json:"duplicates"`
}

// Agent is the state of the agent itself.
type Agent struct {
	Frames       uint64        `json:"frames"`
	Panics       uint64        `json:"panics"`
	LiveLegs     int           `json:"live_legs"`
	MaxLegs      int           `json:"max_legs"`
	Endpoints    int           `json:"media_endpoints"`
	MaxEndpoints int           `json:"max_media_endpoints"`
	QueueLength  int           `json:"queue_length"`
	Drops        []tally.Count `json:"drops"`
	Counts       []tally.Count `json:"counts"`
	Interfaces   []Interface   `json:"interfaces,omitempty"`
	Listeners    []Listener    `json:"listeners,omitempty"`
}

// Party is one customer or carrier. Its figures count calls for a customer and
// attempts for a carrier.
type Party struct {
	Name     string `json:"name"`
	Channels int    `json:"channels,omitempty"` // configured
	Figures
}

// Figures are counters.Figures with names instead of indices.
type Figures struct {
	Live         uint64 `json:"live"`
	LiveSetup    uint64 `json:"live_setup"`
	LiveAnswered uint64 `json:"live_answered"`
	Peak         uint64 `json:"peak"`
	PeakAnswered uint64 `json:"peak_answered"`
	PerSecond    uint64 `json:"per_second"`
	PerSecondMax uint64 `json:"per_second_max"`

	Started     uint64 `json:"started"`
	Inbound     uint64 `json:"inbound"`
	SeenMidcall uint64 `json:"seen_midcall"`
	Outcomes    uint64 `json:"outcomes"`
	Answered    uint64 `json:"answered"`
	AnsweredMs  uint64 `json:"answered_ms"`

	ASR       counters.Ratio `json:"asr"`
	ACD       counters.Ratio `json:"acd_ms"`
	NER       counters.Ratio `json:"ner"`
	PDD       counters.Ratio `json:"pdd_ms"`
	PDD95     *uint64        `json:"pdd_p95_ms"`
	SER       counters.Ratio `json:"ser"`
	SEER      counters.Ratio `json:"seer"`
	ISA       counters.Ratio `json:"isa"`
	SCR       counters.Ratio `json:"scr"`
	DTMFShare counters.Ratio `json:"dtmf_share"`

	ByRelease map[string]uint64 `json:"by_release"`
	ByClass   map[string]uint64 `json:"by_status_class"`
	Media     map[string]uint64 `json:"media"`
	Digits    Sides             `json:"dtmf_digits"`
	Info      Sides             `json:"dtmf_info_digits"`
	Packets   Sides             `json:"rtp_packets"`
	Lost      Sides             `json:"rtp_lost"`
	MOSMilli  SideRatios        `json:"mos_milli"`
}

// Sides are counts of what callers and callees sent.
type Sides struct {
	Caller uint64 `json:"caller"`
	Callee uint64 `json:"callee"`
}

// SideRatios are ratios of what callers and callees sent.
type SideRatios struct {
	Caller counters.Ratio `json:"caller"`
	Callee counters.Ratio `json:"callee"`
}

// NewReport makes the report of s at now.
func NewReport(s *Status, now time.Time) *Report {
	r := &Report{
		Sync: s.Sync, Guard: s.Guard, Certificates: s.Certificates,
		Node: s.Node, Version: s.Version, Mode: s.Mode,
		StartedAt: s.Started.UnixMilli(), TakenAt: s.Taken.UnixMilli(), UptimeS: int64(now.Sub(s.Started) / time.Second),
		Ready: len(s.NotReady) == 0, NotReady: s.NotReady, Suspect: s.Suspect,
		Calls: newFigures(&s.Figures.Total), Customers: newParties(s.Figures.Customers), Carriers: newParties(s.Figures.Carriers),
		Registrations: Registrations{
			Requests: s.Registrations.Requests, Transactions: s.Registrations.Transactions,
			Unanswered: s.Registrations.Unanswered, Outcomes: s.Registrations.ByStatus,
		},
		SIP: SIP{Transports: map[string]uint64{}, Malformed: s.Malformed, Retransmissions: s.Retransmissions, Duplicates: s.Duplicates},
		Agent: Agent{
			Frames: s.Frames, Panics: s.Panics, LiveLegs: s.LiveLegs, MaxLegs: s.MaxLegs,
			Endpoints: s.Endpoints, MaxEndpoints: s.MaxEndpoints, QueueLength: s.QueueLength,
			Drops: s.Drops, Counts: s.Counts, Interfaces: s.Interfaces, Listeners: s.Listeners,
		},
	}
	for i, n := range s.Messages {
		if n > 0 {
			r.SIP.Transports[packet.Transport(i).String()] = n // an index of few
			r.SIP.Messages += n
		}
	}
	return r
}

func newParties(in []counters.Party) []Party {
	out := make([]Party, len(in))
	for i := range in {
		out[i] = Party{Name: in[i].Name, Channels: in[i].Channels, Figures: newFigures(&in[i].Figures)}
	}
	return out
}

func newFigures(f *counters.Figures) Figures {
	out := Figures{
		Live: f.Live(), LiveSetup: f.LiveSetup, LiveAnswered: f.LiveAnswered, Peak: f.Peak, PeakAnswered: f.PeakAnswered,
		PerSecond: f.Rate.Last, PerSecondMax: f.Rate.Max,
		Started: f.Started, Inbound: f.Inbound, SeenMidcall: f.SeenMidcall, Outcomes: f.Outcomes, Answered: f.Answered, AnsweredMs: f.AnsweredMs,
		ASR: f.ASR(), ACD: f.ACD(), NER: f.NER(), PDD: f.PDD.Mean(),
		SER: f.SER(), SEER: f.SEER(), ISA: f.ISA(), SCR: f.SCR(), DTMFShare: f.DTMFShare(),
		ByRelease: map[string]uint64{}, ByClass: map[string]uint64{}, Media: map[string]uint64{},
		Digits: Sides{f.Digits[0], f.Digits[1]}, Info: Sides{f.InfoDigits[0], f.InfoDigits[1]},
		Packets: Sides{f.Packets[0], f.Packets[1]}, Lost: Sides{f.Lost[0], f.Lost[1]},
		MOSMilli: SideRatios{f.MOS(0), f.MOS(1)},
	}
	if ms, ok := f.PDD.Quantile(0.95); ok {
		out.PDD95 = &ms
	}
	for i, n := range f.ByRelease {
		if n > 0 {
			out.ByRelease[dialog.Release(i).String()] = n // an index of few
		}
	}
	for i, n := range f.ByClass {
		if n > 0 {
			out.ByClass[className(i)] = n
		}
	}
	for i, n := range f.Media {
		if n > 0 {
			out.Media[counters.MediaClass(i).String()] = n // an index of few
		}
	}
	return out
}

// className names a status class: 2xx, or none for an outcome without response.
func className(i int) string {
	if i == 0 {
		return "none"
	}
	return string(rune('0'+i)) + "xx"
}
