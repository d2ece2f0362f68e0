package record

// Live is what a node says of itself every second, as JSON. It is for people and
// other tools to read: nothing is billed by it, and nobody asks for one that
// was missed.
type Live struct {
	Node           string      `json:"node"`
	TimeUnixMs     int64       `json:"time_unix_ms"`
	LiveSetup      uint64      `json:"live_setup"`
	LiveAnswered   uint64      `json:"live_answered"`
	CallsPerSecond uint64      `json:"calls_per_second"`
	Customers      []LiveParty `json:"customers"`
	Carriers       []LiveParty `json:"carriers"`
}

// LiveParty is one customer's calls, or one carrier's attempts.
type LiveParty struct {
	ID             string `json:"id"`
	LiveSetup      uint64 `json:"live_setup"`
	LiveAnswered   uint64 `json:"live_answered"`
	CallsPerSecond uint64 `json:"calls_per_second"`
	Channels       int    `json:"channels,omitempty"` // configured
}

// State is what is known of a node while it is connected, and after: the message is
// retained, and the node's MQTT will replaces it by one that says down.
type State struct {
	Node       string     `json:"node"`
	State      string     `json:"state"` // up or down
	Epoch      string     `json:"epoch,omitempty"`
	Version    string     `json:"version,omitempty"`
	Mode       string     `json:"mode,omitempty"` // where packets come from: ebpf, classic or hep
	StartedMs  int64      `json:"started_unix_ms,omitempty"`
	TimeUnixMs int64      `json:"time_unix_ms,omitempty"` // when this was said
	Ready      bool       `json:"ready"`
	NotReady   []string   `json:"not_ready,omitempty"`
	Suspect    []string   `json:"suspect,omitempty"`
	SkewMs     *int64     `json:"skew_ms,omitempty"` // the node's clock against the collector's
	Spool      SpoolState `json:"spool"`

	Table *TableState `json:"table,omitempty"` // when customers come from the centre
	Guard *GuardState `json:"guard,omitempty"`
}

// Words of State.State.
const (
	StateUp   = "up"
	StateDown = "down"
)

// SpoolState is what a node keeps until it is stored.
type SpoolState struct {
	Bytes           int64  `json:"bytes"`
	BudgetBytes     int64  `json:"budget_bytes"`
	Records         uint64 `json:"records"` // not acked
	Accepted        uint64 `json:"accepted"`
	Acked           uint64 `json:"acked"`
	Declared        uint64 `json:"declared"` // lost, or shed
	OldestUnackedMs int64  `json:"oldest_unacked_ms"`
}

// TableState is the centre's table of customers and blocks as a node has it.
type TableState struct {
	Version      uint64 `json:"version"` // 0: none has come yet
	IssuedUnixMs int64  `json:"issued_unix_ms"`
	AgeS         int64  `json:"age_s"`           // since then, by the node's clock
	Key          string `json:"key,omitempty"`   // id of the key that signed it
	Refused      uint64 `json:"refused"`         // copies that were not taken
	Error        string `json:"error,omitempty"` // why the last one was not; "" when it was
}

// GuardState is what stands between phones and the registrar.
type GuardState struct {
	Mode     string `json:"mode"`
	Fail     string `json:"fail"`
	Bindings int    `json:"bindings"`
	Strays   int    `json:"strays"`  // bindings that their customer's blocks do not hold
	Refused  uint64 `json:"refused"` // REGISTERs of this run; in mode monitor those that would have been
	Banned   int    `json:"banned"`  // sources, now
}

// Question is what a collector asks a node on the topic cmd, as JSON.
type Question struct {
	ID    string `json:"id"`    // comes back with the answer; 1 to 63 characters as of a node's id
	Ask   string `json:"ask"`   // AskBindings or AskCalls
	First string `json:"first"` // number: bindings from it on; "" with Last: of all numbers, and of users that are none
	Last  string `json:"last"`  // number of the same length
	Limit int    `json:"limit"` // most that the answer holds, of at most 1,000; 0: 100

	Customer string `json:"customer,omitempty"` // whose bindings or calls alone
	Carrier  string `json:"carrier,omitempty"`  // calls, and legs of a B2BUA, that it carries
}

// AskBindings asks who is registered with numbers from Question.First to Last.
const AskBindings = "bindings"

// AskCalls asks which calls are in progress, the newest first.
const AskCalls = "calls"

// Answer is what the node says on the topic answer, as JSON.
type Answer struct {
	ID       string    `json:"id"`                 // of the question
	Customer string    `json:"customer,omitempty"` // whose bindings alone these are; "" when agents that know no customer answer
	Bindings []Binding `json:"bindings"`

	Calls []LiveCall `json:"calls,omitempty"`
	More  int        `json:"more"`            // that the limit left out
	Error string     `json:"error,omitempty"` // why there is no answer
}

// Binding is an accepted registration.
type Binding struct {
	Number        string `json:"number"` // user part; of a number without +
	Domain        string `json:"domain"`
	Customer      string `json:"customer"`
	Contact       string `json:"contact"`
	Source        string `json:"source"` // address and port; "" when nobody was seen registering it
	Transport     string `json:"transport"`
	Username      string `json:"username,omitempty"`
	Stray         string `json:"stray,omitempty"` // why the table would refuse its number
	SinceUnixMs   int64  `json:"since_unix_ms"`
	ExpiresUnixMs int64  `json:"expires_unix_ms"`
}
