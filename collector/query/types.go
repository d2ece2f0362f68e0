package query

import (
	"fmt"

	"github.com/sipward/sipward/sync/record"
)

// Key names a record for ever.
type Key struct {
	Node  string
	Epoch uint64
	Seq   uint64
}

// Node is what is known of one agent.
type Node struct {
	ID              string
	FirstSeenUnixMs int64
	LastSeenUnixMs  int64 // hello or batch
	Program         string
	Epoch           uint64 // of the running agent
	StartedUnixMs   int64
	SkewMs          int64  // its clock minus ours at the last hello, with the time on the way
	Flaps           uint64 // how often an earlier epoch came back
	DuplicateUnixMs int64  // when two agents with this id were last seen to take turns; 0: never
}

// Position is where a list goes on: after this row.
type Position struct {
	CountedUnixMs int64 // of a verdict, when it was given
	Key
	N int // of an attempt; else 0
}

// CallFilter selects calls; zero fields select all. Attempts use it too: their
// Customer and Answered are then those of the call and of the attempt.
type CallFilter struct {
	FromUnixMs, ToUnixMs int64 // counted_unix_ms in [from, to); to 0: no end
	Node                 string
	Customer             string
	Carrier              string
	Kind                 string // "call" or "carrier_leg"
	Number               string // caller or called is this number; of an attempt, called
	CallID               string
	Prefix               string // caller or called begins so; of an attempt, called
	Status               uint32 // SIP status of the end; 0: any
	Release              string
	MinDurationMs        int64 // no shorter ones
	Answered             *bool
	Only                 *Key      // this call and its attempts alone; From and To say where to look
	After                *Position // only rows after this one, in the order of the list
	Newest               bool      // the newest first
	Limit                int       // 0: no limit
}

// CallRow is one call. Texts have no NUL bytes; Record has the call as it came.
type CallRow struct {
	Key
	CountedUnixMs, ClosedUnixMs, InvitedUnixMs, AnsweredUnixMs, EndedUnixMs int64

	Kind, Customer, Carrier, Direction, Caller, Called, CallID string

	Status     uint32
	Release    string
	Answered   bool
	Midcall    bool
	DurationMs int64
	PddMs      *int64
	MediaClass string
	Digits     int64 // RFC 4733 digits of both sides

	Record []byte // record.Record
}

// Position returns where a list goes on after this row.
func (r *CallRow) Position() Position { return Position{CountedUnixMs: r.CountedUnixMs, Key: r.Key} }

// Call decodes the whole record.
func (r *CallRow) Call() (*record.Call, error) {
	x, err := record.Decode(r.Record)
	if err != nil {
		return nil, err
	}
	if x.GetCall() == nil {
		return nil, fmt.Errorf("the record %d of node %s and epoch %x is no call", r.Seq, r.Node, r.Epoch)
	}
	return x.GetCall(), nil
}

// AttemptRow is one attempt; Key is that of its call, N its place in it from 0.
type AttemptRow struct {
	Key
	N                            int
	CountedUnixMs, InvitedUnixMs int64
	Customer                     string // of the call
	Carrier, Called              string
	Status                       uint32
	Release                      string
	Answered, Outcome            bool
	DurationMs                   int64
	PddMs                        *int64
}

// Position returns where a list goes on after this row.
func (r *AttemptRow) Position() Position {
	return Position{CountedUnixMs: r.CountedUnixMs, Key: r.Key, N: r.N}
}

// MinuteFilter selects minute counters; zero fields select all.
type MinuteFilter struct {
	FromUnixS, ToUnixS int64 // minute_unix_s in [from, to); to 0: no end
	Node, Kind, Party  string
}

// MinuteRow is one minute of one party on one node, or a part of it: after a
// restart within the minute, or when the clock was set back, there are several,
// which add up.
type MinuteRow struct {
	Key
	Minute *record.Minute
}

// RegistrationFilter selects verdicts; zero fields select all.
type RegistrationFilter struct {
	FromUnixMs, ToUnixMs int64 // at_unix_ms in [from, to); to 0: no end
	Node, Customer       string
	Verdict, Reason      string
	Prefix               string    // number begins so
	Source               string    // address without port, or with it
	After                *Position // only rows after this one, in the order of the list
	Newest               bool      // the newest first
	Limit                int       // 0: no limit
}

// RegistrationRow is one verdict.
type RegistrationRow struct {
	Key
	AtUnixMs     int64 // when, as it was stored
	Registration *record.Registration
}

// Position returns where a list goes on after this row.
func (r *RegistrationRow) Position() Position {
	return Position{CountedUnixMs: r.AtUnixMs, Key: r.Key}
}

// Step is how long the time of one summary is.
type Step uint8

// Steps; the zero value is invalid.
const (
	ByHour Step = iota + 1
	ByDay
	ByMonth
)

// String returns the word that commands and the API use.
func (s Step) String() string {
	switch s {
	case ByHour:
		return "hour"
	case ByDay:
		return "day"
	case ByMonth:
		return "month"
	}
	return "invalid"
}

// SummaryFilter selects summaries; zero fields select all.
type SummaryFilter struct {
	FromUnixS, ToUnixS int64 // hours that begin in [from, to); to 0: no end
	Step               Step  // 0: ByHour
	Node, Kind, Party  string
	AllNodes           bool // add the nodes up; Node of a summary is then empty
}

// Summary is the sums of one time, node and party.
type Summary struct {
	TimeUnixS         int64 // beginning of the hour, day or month (UTC)
	Node, Kind, Party string
	Sums
}

// LossFilter selects losses; zero fields select all.
type LossFilter struct {
	FromUnixMs, ToUnixMs int64 // at_unix_ms in [from, to); to 0: no end
	Node                 string
}

// Loss is a row of the ledger: records that will never come.
type Loss struct {
	Node           string
	Epoch          uint64
	Stream         record.Stream
	First, Last    uint64 // 0: they never had numbers
	Count          uint64 // without those that came all the same
	Reason         string
	AtUnixMs       int64 // when it happened, by the agent's clock or, when the store found out, by ours
	RecordedUnixMs int64
}

// DeadLetter is a batch that was set aside.
type DeadLetter struct {
	ID       int64
	AtUnixMs int64
	Node     string
	Epoch    uint64 // 0: not known, and so are Stream, First and Count
	Stream   record.Stream
	First    uint64
	Count    uint64
	Size     int64
	Reason   string
	Raw      []byte
}

// HourState says how far an hour of a node is.
type HourState uint8

// States of an hour; the zero value is invalid.
const (
	HourOpen     HourState = iota + 1 // it is not over yet, or has been for less than a minute
	HourComplete                      // closed by the node, and all of it is here
	HourLate                          // over for longer, and the mark or something before it is missing
)

// String returns the word that the API uses.
func (s HourState) String() string {
	switch s {
	case HourOpen:
		return "open"
	case HourComplete:
		return "complete"
	case HourLate:
		return "late"
	}
	return "invalid"
}

// Hour is one hour of one node.
type Hour struct {
	HourUnixS      int64
	Node           string
	State          HourState
	LateSinceUnixS int64 // end of the hour when it is late
	ObservedMs     int64 // how much of it the agent watched, as its mark says
	Calls          int64 // stored calls (kind "call") that are counted in it
}

// Difference is a stored sum that is not what the stored calls add up to.
type Difference struct {
	HourUnixS, ClosedUnixS int64 // hour in which they are counted, and closed
	Node, Kind, Party      string
	Stored, Records        Sums
}

// Reconciled compares minute counters and calls of one node and party.
type Reconciled struct {
	Node, Kind, Party string
	Minutes, Records  Closed
	Reason            string // why nothing can be said; empty when the figures can be compared
}

// Equal reports whether both say the same.
func (r *Reconciled) Equal() bool { return r.Minutes == r.Records }

// Closed is what is compared.
type Closed struct {
	Over       int64 // calls, or a carrier's attempts, that were closed with an outcome
	Ended      int64 // answered ones that were closed
	AnsweredMs int64 // their length
}
