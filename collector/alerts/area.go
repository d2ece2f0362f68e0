package alerts

import (
	"slices"

	"github.com/sipward/sipward/collector/query"
)

// Areas: what a rule measures.
const (
	AreaASR            = "asr"            // answered / outcomes, percent
	AreaNER            = "ner"            // effective / outcomes, percent
	AreaACD            = "acd"            // seconds an answered call lasts
	AreaPDD            = "pdd"            // milliseconds to the first ringing, mean
	AreaFailures       = "failures"       // calls in a row that nobody answered
	AreaRefusals       = "refusals"       // registrations that the guard refused, or would have
	AreaChannels       = "channels"       // live channels, percent of the limit
	AreaLiveChannels   = "live_channels"  // live channels
	AreaCPS            = "cps"            // new calls a second
	AreaNodeDown       = "node_down"      // seconds since a node was last heard
	AreaStrays         = "strays"         // bindings outside their customer's blocks
	AreaSpool          = "spool"          // of a node, percent of its budget
	AreaReconciliation = "reconciliation" // parties whose counters and records differ
)

// KindNode is the kind of a rule and of an alert about a node; its party is the node's id.
const KindNode = "node"

// Operators.
const (
	Below = "below"
	Above = "above"
)

// Levels, the mildest first.
const (
	LevelInfo     = "info"
	LevelWarning  = "warning"
	LevelCritical = "critical"
)

// Area is what can be said of an area in general.
type Area struct {
	Kinds   []string // whose it can be
	Above   bool     // only Above makes sense
	Counted bool     // over the last PeriodS; else it is now, and must last for PeriodS
	Sample  bool     // MinSample means something
	Unit    string   // after a value
	Most    float64  // of a threshold
}

var (
	parties  = []string{query.KindTotal, query.KindCustomer, query.KindCarrier}
	everyone = []string{query.KindTotal, query.KindCustomer, query.KindCarrier, KindNode}
)

var areas = map[string]Area{
	AreaASR:            {Kinds: parties, Counted: true, Sample: true, Unit: "%", Most: 100},
	AreaNER:            {Kinds: parties, Counted: true, Sample: true, Unit: "%", Most: 100},
	AreaACD:            {Kinds: parties, Counted: true, Sample: true, Unit: " s", Most: 86_400},
	AreaPDD:            {Kinds: parties, Counted: true, Sample: true, Unit: " ms", Most: 600_000},
	AreaFailures:       {Kinds: parties, Counted: true, Above: true, Most: 1e9},
	AreaRefusals:       {Kinds: []string{query.KindTotal, query.KindCustomer, KindNode}, Counted: true, Above: true, Most: 1e9},
	AreaChannels:       {Kinds: parties, Unit: "%", Most: 1000},
	AreaLiveChannels:   {Kinds: everyone, Most: 1e9},
	AreaCPS:            {Kinds: everyone, Unit: "/s", Most: 1e9},
	AreaNodeDown:       {Kinds: []string{KindNode}, Above: true, Unit: " s", Most: 7 * 86_400},
	AreaStrays:         {Kinds: []string{query.KindTotal, KindNode}, Above: true, Most: 1e9},
	AreaSpool:          {Kinds: []string{KindNode}, Above: true, Unit: "%", Most: 100},
	AreaReconciliation: {Kinds: []string{query.KindTotal, KindNode}, Above: true, Most: 1e9},
}

// names are how a text begins.
var names = map[string]string{
	AreaASR: "ASR", AreaNER: "NER", AreaACD: "ACD", AreaPDD: "mean PDD", AreaFailures: "calls in a row without an answer",
	AreaRefusals: "refused registrations", AreaChannels: "channels in use of the limit", AreaLiveChannels: "channels in use",
	AreaCPS: "calls per second", AreaNodeDown: "time since the node was heard", AreaStrays: "registrations outside their blocks",
	AreaSpool: "spool in use", AreaReconciliation: "parties whose minute counters and records differ",
}

// Areas lists the words of all areas, sorted.
func Areas() []string {
	var out []string
	for word := range areas {
		out = append(out, word)
	}
	slices.Sort(out)
	return out
}

// Describe tells of an area by its word.
func Describe(word string) (a Area, ok bool) {
	a, ok = areas[word]
	a.Kinds = slices.Clone(a.Kinds)
	return a, ok
}
