package query

// AuditRow is a line of the audit log: who changed what, from where.
type AuditRow struct {
	ID       int64 // rises with time
	AtUnixMs int64
	Actor    string // id of an account or token; empty: nobody who is known
	Name     string // its e-mail address or name at that time
	From     string // address; empty: the collector itself
	Action   string
	Target   string // what was changed
	Detail   string // how
}

// AuditFilter selects lines of the audit log; zero fields select all.
type AuditFilter struct {
	FromUnixMs, ToUnixMs int64 // at_unix_ms in [from, to); to 0: no end
	Actor, Name          string
	Action               string // this one, or all that begin with it and a dot
	Target               string
	Before               int64 // only lines with a lower id; 0: all
	Limit                int   // 0: no limit
}

// Keys of settings.
const (
	SettingCompany     = "company"      // the operator's own profile; with a colon and its id, that of a customer
	SettingEmailTested = "email.tested" // when a test message was last handed to the mail server
	SettingDelivery    = "delivery"     // where alerts go
	SettingFirstRules  = "rules.first"  // that there were rules for alerts, or the first ones were made
	SettingPlaceKey    = "web.places"   // secret: what hashes the names of nodes in links to calls
)

// Setting is a small JSON document that the operator edits, or a fact that the program
// notes.
type Setting struct {
	Key           string
	Value         []byte // JSON, at most 64 KiB
	Version       int64  // 1, 2, 3: one more with every change; 0: it is not there yet
	UpdatedUnixMs int64
}

// Balance is what a customer has left, as the operator's billing says.
type Balance struct {
	Customer      string
	AmountMinor   int64  // in the smallest unit of the currency: cents
	Currency      string // ISO 4217: three capital letters
	PaymentURL    string // where to pay; empty: nowhere
	UpdatedUnixMs int64  // when it was set
}

// Rule says when to raise an alert. Its words are those of collector/alerts, which
// checks them.
type Rule struct {
	ID            string `json:"-"` // 32 hexadecimal digits
	Version       int64  `json:"-"` // 1, 2, 3: one more with every change
	UpdatedUnixMs int64  `json:"-"`

	Name      string   `json:"name"`
	Disabled  bool     `json:"disabled,omitempty"`
	Area      string   `json:"area"`               // asr, acd, pdd, channels, node_down, ...
	Kind      string   `json:"kind,omitempty"`     // total, customer, carrier or node; empty where the area has no party
	Party     string   `json:"party,omitempty"`    // empty: each of the kind by itself
	Operator  string   `json:"operator,omitempty"` // below or above
	Threshold float64  `json:"threshold"`
	Reset     *float64 `json:"reset,omitempty"`      // where it is over again; nil: the threshold
	MinSample int64    `json:"min_sample,omitempty"` // fewer calls say nothing
	PeriodS   int64    `json:"period_s,omitempty"`
	RepeatS   int64    `json:"repeat_s,omitempty"` // say it again while it lasts; 0: once
	Level     string   `json:"level"`
	Mail      []string `json:"mail,omitempty"`     // addresses; none: those of the settings
	Webhooks  []string `json:"webhooks,omitempty"` // the same
}

// Event is an alert that was raised, and what became of it. At most one is open for
// a rule, kind, party and node.
type Event struct {
	ID                      string // 32 hexadecimal digits
	Rule, RuleName          string // id, and its name at that time
	Level                   string
	Kind, Party, Node       string
	RaisedUnixMs            int64
	ClearedUnixMs           int64 // 0: it is open
	AckedUnixMs             int64 // 0: nobody has taken note
	AckedBy                 string
	Num, Den                int64    // of a ratio; Den 0: the value is none
	Value                   *float64 // the newest; nil: there is none to show
	Threshold               float64
	Area, Operator          string // of its rule when it was raised; empty: not known
	Text                    string // for people
	SentUnixMs, FailedSends int64  // last delivery, and how many failed since
}

// Open reports whether the alert is not over.
func (e *Event) Open() bool { return e.ClearedUnixMs == 0 }

// EventFilter selects alerts; zero fields select all.
type EventFilter struct {
	ID, Rule             string
	Kind, Party          string
	Open, Unacked        bool  // only such
	FromUnixMs, ToUnixMs int64 // raised in [from, to); to 0: no end
	After                *EventPosition
	Limit                int // 0: no limit
}

// EventPosition is where a list goes on: after this alert, to older ones.
type EventPosition struct {
	RaisedUnixMs int64
	ID           string
}

// Forgotten counts what was removed with a customer.
type Forgotten struct {
	Accounts, Tokens, Balances, Rules, Events int64
}
