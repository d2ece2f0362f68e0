package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// mostParties bounds the customers or carriers in a Top.
const mostParties = 1000

// Calls lists calls in progress, the newest first, and how many others there are.
// "" is any customer, or carrier; limit is at most record.MaxCalls.
type Calls func(ctx context.Context, customer, carrier string, limit int) (calls []record.LiveCall, more int, err error)

// Top is what `top` shows of the agent, asked for once a second: the page /top of
// the socket. It is bounded, however many customers there are.
type Top struct {
	Node      string   `json:"node"`
	Version   string   `json:"version"`
	Mode      string   `json:"mode"`
	StartedAt int64    `json:"started_unix_ms"`
	TakenAt   int64    `json:"taken_unix_ms"` // when the pipeline published its figures
	Now       int64    `json:"now_unix_ms"`
	NotReady  []string `json:"not_ready,omitempty"`
	Suspect   []string `json:"suspect,omitempty"`

	Total      TopParty `json:"total"`      // all calls; the channels of all customers that have a limit
	Unlimited  int      `json:"unlimited"`  // customers that have none
	Refused    uint64   `json:"refused"`    // REGISTERs
	GuardMode  string   `json:"guard_mode"` // in monitor they only would have been
	KernelLost uint64   `json:"kernel_lost"`
	OtherLost  uint64   `json:"other_lost"` // anything else for want of room or time
	Sync       *TopSync `json:"sync,omitempty"`

	By      string     `json:"by"` // customers or carriers
	Parties []TopParty `json:"parties"`
	More    int        `json:"more"` // that match and are not listed: those with the fewest channels
	Sum     TopParty   `json:"sum"`  // of all that match; without a limit if one of them has none
	Counts  [2]int     `json:"counts"`
}

// TopParty is one line.
type TopParty struct {
	Name     string         `json:"name"`
	Channels int            `json:"channels"` // configured; 0: no limit given
	Setup    uint64         `json:"setup"`
	Answered uint64         `json:"answered"`
	Peak     uint64         `json:"peak"`
	Rate     uint64         `json:"per_second"`
	Started  uint64         `json:"started"` // since the agent's start, as all that follows
	ASR      counters.Ratio `json:"asr"`
	ACD      counters.Ratio `json:"acd_ms"`
	NER      counters.Ratio `json:"ner"`
	PDD      counters.Ratio `json:"pdd_ms"`
	DTMF     counters.Ratio `json:"dtmf_share"`
	Recent   []uint32       `json:"recent,omitempty"` // most channels in every 5 seconds, the last 5 minutes; now is last
}

// Live is the number of channels in use.
func (p *TopParty) Live() uint64 { return p.Setup + p.Answered }

// TopSync is what waits for a collector.
type TopSync struct {
	Records         uint64 `json:"records"`
	Bytes           int64  `json:"bytes"`
	OldestUnackedMs int64  `json:"oldest_unacked_ms"`
	Full            bool   `json:"full"`
	Connected       bool   `json:"connected"`
	Answered        bool   `json:"answered"`
	LastError       string `json:"last_error,omitempty"`
}

// Words of Top.By.
const (
	ByCustomers = "customers"
	ByCarriers  = "carriers"
)

// CallsPage is the page /calls of the socket.
type CallsPage struct {
	Now   int64             `json:"now_unix_ms"`
	Calls []record.LiveCall `json:"calls"`
	More  int               `json:"more"`
}

// newTop makes a Top of the parties whose name contains match, in any case.
func newTop(s *Status, r *recent, by, match string, limit int, now time.Time) *Top {
	f := s.Figures
	t := &Top{
		Node: s.Node, Version: s.Version, Mode: s.Mode, StartedAt: s.Started.UnixMilli(), TakenAt: s.Taken.UnixMilli(), Now: now.UnixMilli(),
		NotReady: s.NotReady, Suspect: s.Suspect,
		Total: topParty("", 0, &f.Total, r.channels(all, "")), By: by, Parties: []TopParty{},
	}
	for i := range f.Customers {
		t.Total.Channels += f.Customers[i].Channels
		if f.Customers[i].Channels == 0 && shown(&f.Customers[i]) {
			t.Unlimited++
		}
	}
	for _, d := range s.Drops {
		if d.Event == "kernel_dropped" {
			t.KernelLost += d.N
		} else {
			t.OtherLost += d.N
		}
	}
	if s.Guard != nil {
		t.GuardMode = s.Guard.Mode
		for _, v := range s.Guard.Verdicts {
			if v.Verdict != "passed" {
				t.Refused += v.Count
			}
		}
	}
	t.Sync = topSync(s.Sync)
	t.list(f, r, strings.ToLower(match), limit)
	return t
}

func topSync(s *Sync) *TopSync {
	if s == nil {
		return nil
	}
	p, u := &s.Spool, &s.Uplink
	return &TopSync{
		Records: p.Calls.Spooled + p.Telemetry.Spooled, Bytes: p.Bytes, Full: p.Full,
		OldestUnackedMs: max(p.Calls.OldestUnackedMs, p.Telemetry.OldestUnackedMs),
		Connected:       u.Connected, Answered: u.Answered, LastError: u.LastError,
	}
}

// shown leaves out the unknown party while nobody was unknown.
func shown(p *counters.Party) bool {
	return p.Name != party.UnknownName || p.Started > 0 || p.SeenMidcall > 0 || p.Live() > 0
}

// list fills in the parties, those with the most channels first.
func (t *Top) list(f *counters.Snapshot, r *recent, match string, limit int) {
	kind := party.Customer
	if t.By == ByCarriers {
		kind = party.Carrier
	}
	var found []*counters.Party
	var sum counters.Figures
	for k, of := range [][]counters.Party{f.Customers, f.Carriers} {
		for i := range of {
			p := &of[i]
			if !shown(p) {
				continue
			}
			t.Counts[k]++
			if (kind == party.Carrier) == (k == 1) && strings.Contains(strings.ToLower(p.Name), match) {
				found = append(found, p)
				t.Sum.Channels += p.Channels
				add(&sum, &p.Figures)
			}
		}
	}
	if slices.ContainsFunc(found, func(p *counters.Party) bool { return p.Channels == 0 }) {
		t.Sum.Channels = 0
	}
	t.Sum = topParty("", t.Sum.Channels, &sum, nil)
	slices.SortFunc(found, func(a, b *counters.Party) int {
		return cmp.Or(cmp.Compare(b.Live(), a.Live()), cmp.Compare(b.Started, a.Started), strings.Compare(a.Name, b.Name))
	})
	n := min(len(found), limit)
	t.More = len(found) - n
	for _, p := range found[:n] {
		t.Parties = append(t.Parties, topParty(p.Name, p.Channels, &p.Figures, r.channels(kind, p.Name)))
	}
}

// add sums up what a TopParty shows, but the peak: theirs were not at one time.
func add(to, f *counters.Figures) {
	to.LiveSetup += f.LiveSetup
	to.LiveAnswered += f.LiveAnswered
	to.Rate.Last += f.Rate.Last
	to.Started += f.Started
	to.Outcomes += f.Outcomes
	to.Answered += f.Answered
	to.Effective += f.Effective
	to.Ended += f.Ended
	to.AnsweredMs += f.AnsweredMs
	to.PDD.Count += f.PDD.Count
	to.PDD.SumMs += f.PDD.SumMs
	to.CallsWithDigits += f.CallsWithDigits
	to.MediaVisible += f.MediaVisible
}

func topParty(name string, channels int, f *counters.Figures, recent []uint32) TopParty {
	return TopParty{
		Name: name, Channels: channels, Setup: f.LiveSetup, Answered: f.LiveAnswered, Peak: f.Peak, Rate: f.Rate.Last, Started: f.Started,
		ASR: f.ASR(), ACD: f.ACD(), NER: f.NER(), PDD: f.PDD.Mean(), DTMF: f.DTMFShare(), Recent: recent,
	}
}

// topPage serves /top?by=customers|carriers&match=TEXT&limit=N.
func (s *Server) topPage(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	by := cmp.Or(v.Get("by"), ByCustomers)
	limit, err := limitOf(v.Get("limit"), mostParties)
	if err == nil && by != ByCustomers && by != ByCarriers {
		err = fmt.Errorf("by %q: choose %s or %s", by, ByCustomers, ByCarriers)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	show(w, newTop(s.Status(), s.recent, by, v.Get("match"), limit, time.Now()))
}

// callsWithin is how long /calls may look.
const callsWithin = 5 * time.Second

// callsPage serves /calls?customer=ID&carrier=ID&limit=N.
func (s *Server) callsPage(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	limit, err := limitOf(v.Get("limit"), record.MaxCalls)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callsWithin)
	defer cancel()
	calls, more, err := s.calls(ctx, v.Get("customer"), v.Get("carrier"), limit)
	if err != nil {
		http.Error(w, "listing the calls in progress: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	show(w, &CallsPage{Now: time.Now().UnixMilli(), Calls: append([]record.LiveCall{}, calls...), More: more})
}

var errLimit = errors.New("the limit is no number from 1 on")

// limitOf reads a limit, most for none.
func limitOf(s string, most int) (int, error) {
	if s == "" {
		return most, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, errLimit
	}
	return min(n, most), nil
}

// show writes v as JSON, on one line: a program reads it.
func show(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil { // no field of what is shown can fail
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // whoever asked has gone
}
