// Package admin serves what a collector knows of itself and its nodes: metrics
// for Prometheus, a report as JSON, a table for people, and whether it is alive
// and ready. It reads a Status that it is handed.
package admin

import (
	"fmt"
	"time"

	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sync/record"
)

// Source is what a Server shows.
type Source interface {
	// Status returns the state at this moment; nobody changes it afterwards. It
	// does not wait, and is safe for concurrent use.
	Status() *Status
}

// Status is the state of a collector: what /status serves as JSON, and what
// metrics and tables are made of. Times are milliseconds since the Unix epoch.
type Status struct {
	ID            string   `json:"id"`
	Version       string   `json:"version"`
	Broker        string   `json:"broker"` // embedded, or external
	Store         string   `json:"store"`  // sqlite, or postgres
	StoreID       string   `json:"store_id"`
	StartedUnixMs int64    `json:"started_unix_ms"`
	TakenUnixMs   int64    `json:"taken_unix_ms"` // of this report
	ReadUnixMs    int64    `json:"read_unix_ms"`  // when the database was last read; 0: not yet
	UptimeS       int64    `json:"uptime_s"`
	Ready         bool     `json:"ready"`
	NotReady      []string `json:"not_ready,omitempty"`
	Attention     []string `json:"attention,omitempty"` // sentences on what somebody should look after

	Table          *Table              `json:"table"` // of customers and number blocks; null: there is none here
	Nodes          []Node              `json:"nodes"`
	Losses         []Loss              `json:"losses"` // the ledger, added up
	DeadLetters    DeadLetters         `json:"dead_letters"`
	Reconciliation Reconciliation      `json:"reconciliation"`
	Retention      Task                `json:"retention"`
	Certificates   []certs.Certificate `json:"certificates,omitempty"`
	Alerts         *Alerts             `json:"alerts"` // null: nobody watches yet

	Load   Load          `json:"load"`
	Drops  []tally.Count `json:"drops"`
	Counts []tally.Count `json:"counts"`
}

// Load is what the collector has to do at this moment.
type Load struct {
	QueueBytes        int64     `json:"queue_bytes"` // taken and not stored
	QueueMaxBytes     int64     `json:"queue_max_bytes"`
	QueueMessages     int       `json:"queue_messages"`
	QueueWaiting      int64     `json:"queue_waiting"`     // messages that wait for room
	Brokers           int       `json:"brokers"`           // external ones
	BrokersConnected  int       `json:"brokers_connected"` // of these
	NodesConnected    int       `json:"nodes_connected"`   // to the embedded broker
	NodesReporting    int       `json:"nodes_reporting"`   // that sent live figures or a state
	NodesActive       int       `json:"nodes_active"`      // heard within a minute
	StoreFailing      bool      `json:"store_failing"`     // a transaction failed and is being repeated
	LastCommitSeconds float64   `json:"last_commit_seconds"`
	Commits           Histogram `json:"commits"`           // time of transactions
	DashboardStreams  int       `json:"dashboard_streams"` // dashboards that are open
	WatchedLogins     int       `json:"watched_logins"`    // accounts and addresses whose failed logins are remembered
}

// Histogram is how often something took how long; buckets are cumulative.
type Histogram struct {
	Count      uint64   `json:"count"`
	SumSeconds float64  `json:"sum_seconds"`
	Buckets    []Bucket `json:"buckets"`
}

// Bucket counts what took at most so long.
type Bucket struct {
	UpToSeconds float64 `json:"up_to_seconds"`
	Count       uint64  `json:"count"`
}

// States of a node, beside those that it says itself.
const (
	Unknown = "unknown" // it has not said any since the collector began
	Gone    = "gone"    // removed, or silent for a month: nobody waits for it
)

// Node is what is known of one node.
type Node struct {
	ID              string             `json:"node"`
	State           string             `json:"state"` // up, down, or unknown
	Version         string             `json:"version,omitempty"`
	Epoch           string             `json:"epoch,omitempty"`
	FirstSeenUnixMs int64              `json:"first_seen_unix_ms,omitempty"`
	LastSeenUnixMs  int64              `json:"last_seen_unix_ms,omitempty"` // hello, batch or live figures
	LagMs           *int64             `json:"lag_ms"`                      // age of the oldest record that it has and we have not; null: not known
	SkewMs          *int64             `json:"skew_ms"`                     // its clock minus ours; null: not known
	NotReady        []string           `json:"not_ready,omitempty"`
	Suspect         []string           `json:"suspect,omitempty"`
	DuplicateUnixMs int64              `json:"duplicate_unix_ms,omitempty"`             // when two agents with this id were last seen
	CertUnixMs      int64              `json:"certificate_not_after_unix_ms,omitempty"` // until when its certificate is good; 0: it has none from here
	Spool           *Spool             `json:"spool"`                                   // null: not known
	Table           *record.TableState `json:"table"`                                   // as the node has it; null: not known, or it has its own
	Live            *record.Live       `json:"live"`                                    // null: none, or too old
	HoursComplete   int                `json:"hours_complete"`                          // of those that were looked at
	HoursLate       []Hour             `json:"hours_late"`
}

// Spool is what a node keeps until it is stored, as it says itself.
type Spool = record.SpoolState

// Hour is an hour that a node has not closed in time.
type Hour struct {
	HourUnixS      int64 `json:"hour_unix_s"`
	LateSinceUnixS int64 `json:"late_since_unix_s"`
}

// Loss adds up one reason of the ledger.
type Loss struct {
	Node       string `json:"node"`
	Stream     string `json:"stream"`
	Reason     string `json:"reason"`
	Records    uint64 `json:"records"`
	LastUnixMs int64  `json:"last_unix_ms"`
}

// DeadLetters are batches that were set aside.
type DeadLetters struct {
	Kept   int          `json:"kept"`
	Bytes  int64        `json:"bytes"`
	Latest []DeadLetter `json:"latest"` // a few, the newest first
}

// DeadLetter is one of them.
type DeadLetter struct {
	ID       int64  `json:"id"`
	Node     string `json:"node"`
	AtUnixMs int64  `json:"at_unix_ms"`
	Records  uint64 `json:"records"`
	Bytes    int64  `json:"bytes"`
	Reason   string `json:"reason"`
}

// Reconciliation compares calls with what else counts them.
type Reconciliation struct {
	Task
	FromUnixS  int64        `json:"from_unix_s"`
	ToUnixS    int64        `json:"to_unix_s"`
	Compared   int          `json:"compared"`   // nodes and parties whose figures could be compared
	Incomplete int          `json:"incomplete"` // and those of which something has not come yet
	Differ     []Difference `json:"differ"`     // of minute counters and calls
	Sums       []Difference `json:"sums"`       // of summaries and calls
}

// Alerts is how watching for alerts, and telling people, goes.
type Alerts struct {
	Open         map[string]int `json:"open"` // alerts that are on, by level
	Rules        int            `json:"rules"`
	InvalidRules int            `json:"invalid_rules"`
	JudgedUnixMs int64          `json:"judged_unix_ms"` // 0: not yet
	Error        string         `json:"error,omitempty"`
	Queued       int            `json:"queued"` // messages that wait to be sent
	Channels     []AlertChannel `json:"channels"`
}

// AlertChannel is one way of telling people, and what became of messages since the start.
type AlertChannel struct {
	Channel    string `json:"channel"` // mail, or webhook
	Sent       uint64 `json:"sent"`
	Retried    uint64 `json:"retried"`
	Failed     uint64 `json:"failed"`  // given up
	Dropped    uint64 `json:"dropped"` // not even tried: the queue was full
	SentUnixMs int64  `json:"sent_unix_ms"`
	Error      string `json:"error,omitempty"` // of the newest try, if it failed
}

// Task is the last run of something that is done at times.
type Task struct {
	LastUnixMs int64  `json:"last_unix_ms"` // 0: not yet
	Error      string `json:"error,omitempty"`
	Done       string `json:"done,omitempty"`
}

// Difference is a figure that two ways of counting give differently.
type Difference struct {
	Node    string `json:"node"`
	Kind    string `json:"kind"`
	Party   string `json:"party,omitempty"`
	What    string `json:"what"`
	Other   int64  `json:"other"`   // minute counters, or the summary
	Records int64  `json:"records"` // the calls
}

// Bounds of what is normal.
const (
	MaxSkew  = 2 * time.Second // of a node's clock
	MaxLag   = 5 * time.Minute // of a node's records
	MaxSpool = 70              // percent of a node's disk budget
	MaxTable = time.Minute     // until a node has a new version of the table
)

// FindAttention says what somebody should look after.
func FindAttention(s *Status) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range s.Nodes {
		if s.Nodes[i].State != Gone {
			attendNode(&s.Nodes[i], say)
			attendTable(s, &s.Nodes[i], say)
			attendCertificate(s, &s.Nodes[i], say)
		}
	}
	for _, l := range s.Losses {
		say("%s: %d records of %s will never come (%s)", l.Node, l.Records, l.Stream, l.Reason)
	}
	if d := &s.DeadLetters; d.Kept > 0 {
		say("%d batches could not be stored and were set aside; the latest, from %s: %s", d.Kept, d.Latest[0].Node, d.Latest[0].Reason)
	}
	r := &s.Reconciliation
	if n := len(r.Differ); n > 0 {
		d := &r.Differ[0]
		say("minute counters and calls differ in %d figures; the first: %s %s %s: %s is %d by counters, %d by calls", n, d.Node, d.Kind, d.Party, d.What, d.Other, d.Records)
	}
	if n := len(r.Sums); n > 0 {
		d := &r.Sums[0]
		say("summaries and calls differ in %d figures; the first: %s %s %s: %s is %d in the summary, %d by calls", n, d.Node, d.Kind, d.Party, d.What, d.Other, d.Records)
	}
	for _, t := range []struct {
		what string
		Task
	}{{"reconciliation", r.Task}, {"retention", s.Retention}} {
		if t.Error != "" {
			say("%s failed: %s", t.what, t.Error)
		}
	}
	attendAlerts(s.Alerts, say)
	for i := range s.Certificates {
		if why := s.Certificates[i].Attention(time.UnixMilli(s.TakenUnixMs)); why != "" {
			say("%s", why)
		}
	}
	return out
}

func attendCertificate(s *Status, n *Node, say func(format string, args ...any)) {
	if n.CertUnixMs == 0 {
		return
	}
	if why := certs.Ends("its certificate", n.CertUnixMs, time.UnixMilli(s.TakenUnixMs)); why != "" {
		say("%s: %s with sipward-collector node add %s --replace", n.ID, why, n.ID)
	}
}

func attendAlerts(a *Alerts, say func(format string, args ...any)) {
	if a == nil {
		return
	}
	if a.Error != "" {
		say("alerts: %s", a.Error)
	}
	if a.InvalidRules > 0 {
		say("%d rules for alerts are not valid, and left out; the log says why", a.InvalidRules)
	}
	for i := range a.Channels {
		if c := &a.Channels[i]; c.Error != "" {
			say("alerts by %s do not arrive: %s", c.Channel, c.Error)
		}
	}
}

// attendTable says when a node goes on with an old table, or refuses what it is sent.
func attendTable(s *Status, n *Node, say func(format string, args ...any)) {
	t, want := n.Table, s.Table.For(n.ID)
	if t == nil {
		return
	}
	switch {
	case want != nil && t.Version < want.Version && s.TakenUnixMs-want.MadeUnixMs > MaxTable.Milliseconds():
		if t.Error != "" {
			say("%s: it has version %d of the table of customers, and refuses %d: %s", n.ID, t.Version, want.Version, t.Error)
		} else {
			say("%s: it has version %d of the table of customers, not %d", n.ID, t.Version, want.Version)
		}
	case want != nil && t.Version > want.Version:
		say("%s: it has version %d of the table of customers, which was never made here: is this database an older copy? The next version is higher", n.ID, t.Version)
	case t.Error != "":
		say("%s: it refused a table of customers: %s", n.ID, t.Error)
	case t.Version == 0 && want == nil:
		say("%s: it waits for a table of customers, and there is none: sipward-collector blocks", n.ID)
	}
}

func attendNode(n *Node, say func(format string, args ...any)) {
	switch {
	case n.State == record.StateUp:
	case n.LastSeenUnixMs == 0:
		say("%s has credentials and never connected", n.ID)
	default:
		say("%s is not connected; last seen %s", n.ID, stamp(n.LastSeenUnixMs))
	}
	if n.DuplicateUnixMs != 0 {
		say("%s: two agents have this id; they took turns last at %s", n.ID, stamp(n.DuplicateUnixMs))
	}
	if n.SkewMs != nil && time.Duration(*n.SkewMs).Abs() > MaxSkew/time.Millisecond {
		say("%s: its clock is off by %s", n.ID, time.Duration(*n.SkewMs)*time.Millisecond)
	}
	if n.LagMs != nil && time.Duration(*n.LagMs)*time.Millisecond > MaxLag {
		say("%s: its records are %s behind", n.ID, since(*n.LagMs))
	}
	if s := n.Spool; s != nil && s.BudgetBytes > 0 && s.Bytes*100 > s.BudgetBytes*MaxSpool {
		say("%s: its spool is %d%% full", n.ID, s.Bytes*100/s.BudgetBytes)
	}
	if late := len(n.HoursLate); late > 0 {
		say("%s: %d hours are late, the first since %s", n.ID, late, stamp(n.HoursLate[0].LateSinceUnixS*1000))
	}
	for _, why := range n.NotReady {
		say("%s: %s", n.ID, why)
	}
	for _, why := range n.Suspect {
		say("%s: its figures are suspect: %s", n.ID, why)
	}
}
