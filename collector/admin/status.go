// Package admin serves what a collector knows of itself and its nodes: metrics
// for Prometheus, a report as JSON, a table for people, and whether it is alive
// and ready. It reads a Status that it is handed.
package admin

import (
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
