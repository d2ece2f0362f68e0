package alerts

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// Notice is what people and programs are told: a copy, which is never changed.
type Notice struct {
	Change    Change
	At        time.Time
	Area      string
	Operator  string
	Event     query.Event
	Mail      []string
	Webhooks  []string
	Dashboard string // its address; empty: it has none
	test      bool
}

// subject is short, since phones show little of it. No rule's name can write a header:
// Check has refused control characters, and the library encodes what is not ASCII.
func (n *Notice) subject() string {
	if n.test {
		return "[Sipward] Test: alerts reach this address"
	}
	word := strings.ToUpper(n.Event.Level)
	switch n.Change {
	case Cleared:
		word = "OVER"
	case Repeated:
		word += ", still"
	case Raised, Updated, Dropped:
	}
	return fmt.Sprintf("[Sipward] %s: %s (%s)", word, n.Event.RuleName, scope(party{n.Event.Kind, n.Event.Party}))
}

// body is the text of a message.
func (n *Notice) body() string {
	if n.test {
		return "This is a test that somebody asked for on the dashboard. Alerts of Sipward reach this address.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nRule: %s\nLevel: %s\nRaised: %s\n", n.Event.Text, n.Event.RuleName, n.Event.Level, utc(n.Event.RaisedUnixMs))
	if n.Event.ClearedUnixMs != 0 {
		fmt.Fprintf(&b, "Over: %s, after %s\n", utc(n.Event.ClearedUnixMs), duration(time.Duration(n.Event.ClearedUnixMs-n.Event.RaisedUnixMs)*time.Millisecond))
	}
	if n.Dashboard != "" {
		fmt.Fprintf(&b, "\n%s\n", n.Dashboard)
	}
	return b.String()
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

// hookBody is the JSON that a webhook gets.
type hookBody struct {
	Change        string   `json:"change"` // raised, repeated, cleared or test
	ID            string   `json:"id"`     // of the alert
	Rule          string   `json:"rule"`
	Name          string   `json:"name"`
	Area          string   `json:"area"`
	Level         string   `json:"level"`
	Kind          string   `json:"kind"`
	Party         string   `json:"party"`
	Node          string   `json:"node"`
	Value         *float64 `json:"value"` // null: there is none
	Num           int64    `json:"num"`
	Den           int64    `json:"den"`
	Operator      string   `json:"operator"`
	Threshold     float64  `json:"threshold"`
	RaisedUnixMs  int64    `json:"raised_unix_ms"`
	ClearedUnixMs int64    `json:"cleared_unix_ms"` // 0: it is on
	AtUnixMs      int64    `json:"at_unix_ms"`      // of this change
	Text          string   `json:"text"`
	Dashboard     string   `json:"dashboard,omitempty"`
}

func (n *Notice) json() ([]byte, error) {
	x, change := &n.Event, n.Change.String()
	if n.test {
		change = "test"
	}
	return json.Marshal(hookBody{Change: change, ID: x.ID, Rule: x.Rule, Name: x.RuleName, Area: n.Area, Level: x.Level, Kind: x.Kind, Party: x.Party,
		Node: x.Node, Value: x.Value, Num: x.Num, Den: x.Den, Operator: n.Operator, Threshold: x.Threshold, RaisedUnixMs: x.RaisedUnixMs,
		ClearedUnixMs: x.ClearedUnixMs, AtUnixMs: n.At.UnixMilli(), Text: x.Text, Dashboard: n.Dashboard})
}
