package record

// Live is what a node says of itself every second, as JSON. It is for people and
// other tools to read: nothing is billed by it, and nobody asks for one that
// was missed.
type Live struct {
	Node           string      `json:"node"`
	TimeUnixMS     int64       `json:"time_unix_ms"`
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

// State is what is known of a node while it is connected, and after: it is
// retained, and the node's will says down.
type State struct {
	Node       string     `json:"node"`
	State      string     `json:"state"` // up or down
	Epoch      string     `json:"epoch,omitempty"`
	Version    string     `json:"version,omitempty"`
	Mode       string     `json:"mode,omitempty"` // where packets come from: ebpf, classic or hep
	StartedMS  int64      `json:"started_unix_ms,omitempty"`
	TimeUnixMS int64      `json:"time_unix_ms,omitempty"` // when this was said
	Ready      bool       `json:"ready"`
	NotReady   []string   `json:"not_ready,omitempty"`
	Suspect    []string   `json:"suspect,omitempty"`
	SkewMS     *int64     `json:"skew_ms,omitempty"` // the node's clock against the collector's
	Spool      SpoolState `json:"spool"`
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
	OldestUnackedMS int64  `json:"oldest_unacked_ms"`
}
