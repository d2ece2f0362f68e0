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

// area is what can be said of an area in general.
type area struct {
	kinds   []string // whose it can be
	above   bool     // only Above makes sense
	counted bool     // over the last PeriodS; else it is now, and must last for PeriodS
	sample  bool     // MinSample means something
	unit    string   // after a value
	most    float64  // of a threshold
}

var (
	parties  = []string{query.KindTotal, query.KindCustomer, query.KindCarrier}
	everyone = []string{query.KindTotal, query.KindCustomer, query.KindCarrier, KindNode}
)

var areas = map[string]area{
	AreaASR:            {kinds: parties, counted: true, sample: true, unit: "%", most: 100},
	AreaNER:            {kinds: parties, counted: true, sample: true, unit: "%", most: 100},
	AreaACD:            {kinds: parties, counted: true, sample: true, unit: " s", most: 86_400},
	AreaPDD:            {kinds: parties, counted: true, sample: true, unit: " ms", most: 600_000},
	AreaFailures:       {kinds: parties, counted: true, above: true, most: 1e9},
	AreaRefusals:       {kinds: []string{query.KindTotal, query.KindCustomer, KindNode}, counted: true, above: true, most: 1e9},
	AreaChannels:       {kinds: parties, unit: "%", most: 1000},
	AreaLiveChannels:   {kinds: everyone, most: 1e9},
	AreaCPS:            {kinds: everyone, unit: "/s", most: 1e9},
	AreaNodeDown:       {kinds: []string{KindNode}, above: true, unit: " s", most: 7 * 86_400},
	AreaStrays:         {kinds: []string{query.KindTotal, KindNode}, above: true, most: 1e9},
	AreaSpool:          {kinds: []string{KindNode}, above: true, unit: "%", most: 100},
	AreaReconciliation: {kinds: []string{query.KindTotal, KindNode}, above: true, most: 1e9},
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

// Kinds lists whose a rule of an area can be; nil for a word that is no area.
func Kinds(word string) []string { return slices.Clone(areas[word].kinds) }

// Counted reports whether an area is counted over a rule's period. Of the others the
// period is for how long the threshold must be passed.
func Counted(word string) bool { return areas[word].counted }
