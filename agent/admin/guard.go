package admin

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sipward/sipward/internal/metric"
)

// Guard is what stands between phones and the registrar.
type Guard struct {
	Mode        string        `json:"mode"`
	Fail        string        `json:"fail"` // what becomes of a REGISTER while the agent is down
	Verdicts    []Verdict     `json:"verdicts"`
	Resent      uint64        `json:"resent"`     // REGISTERs that were sent again, in no verdict
	Judged      uint64        `json:"judged"`     // REGISTERs that an edge asked about, those sent again too
	Judging     time.Duration `json:"judging_ns"` // that it waited for all of these
	Bindings    int           `json:"bindings"`
	MaxBindings int           `json:"max_bindings"`
	Strays      int           `json:"strays"` // bindings that their customer's blocks do not hold
	Banned      int           `json:"banned"` // sources, now
	Table       *Table        `json:"table,omitempty"`
}

// Verdict counts what became of REGISTERs, each transaction once.
type Verdict struct {
	Customer string `json:"customer"`
	Verdict  string `json:"verdict"` // passed, refused or would_refuse
	Reason   string `json:"reason"`
	Count    uint64 `json:"count"`
}

// Table is the centre's table of customers and blocks, as this node has it.
type Table struct {
	Version      uint64            `json:"version"` // 0: none has come yet
	IssuedUnixMs int64             `json:"issued_unix_ms"`
	Key          string            `json:"key,omitempty"` // id of the key that signed it
	Refused      map[string]uint64 `json:"refused"`       // copies that were not taken, by reason
	LastError    string            `json:"last_error,omitempty"`
}

// Names of the metrics of the guard.
const (
	metricGuard         = "sipward_guard_info"
	metricVerdicts      = "sipward_register_verdicts_total"
	metricResentGuard   = "sipward_register_resent_total"
	metricVerdictTime   = "sipward_guard_verdict_seconds"
	metricBindings      = "sipward_bindings"
	metricBindingsMax   = "sipward_bindings_limit"
	metricStrays        = "sipward_strays"
	metricBanned        = "sipward_banned_sources"
	metricTableVersion  = "sipward_table_version"
	metricTableIssued   = "sipward_table_issued_time_seconds"
	metricTableRefusals = "sipward_table_refused_total"
)

var guardDefs = []metric.Def{
	metric.NewGauge(metricGuard, "How REGISTERs are guarded; always 1.", metric.Open("mode"), metric.Open("fail")),
	metric.NewCounter(metricVerdicts, "REGISTER transactions by what became of them, and [why](number-blocks.md#the-verdict).", metric.Open("customer"), metric.Closed("verdict", "passed", "refused", "would_refuse"), byReason),
	metric.NewCounter(metricResentGuard, "REGISTERs that were sent again after their verdict."),
	metric.NewSummary(metricVerdictTime, "Time that netfilter or the switch waited for verdicts within the guard: sum and count, no quantiles."),
	metric.NewGauge(metricBindings, "Contacts that are registered."),
	metric.NewGauge(metricBindingsMax, "Contacts that can be followed: `guard.max_bindings`."),
	metric.NewGauge(metricStrays, "Registered contacts whose number the table does not allow: not in their customer's blocks, or in another's."),
	metric.NewGauge(metricBanned, "Sources that are banned now."),
	metric.NewGauge(metricTableVersion, "Version of the centre's table of customers and blocks; 0 when none has come."),
	metric.NewGauge(metricTableIssued, "When that table was issued, since the Unix epoch; 0 when none has come."),
	metric.NewCounter(metricTableRefusals, "Tables that were not taken.", byReason),
}

func sendGuard(g *Guard, out metric.Sender) {
	if g == nil {
		return
	}
	out.Send(metricGuard, 1, g.Mode, g.Fail)
	for _, v := range g.Verdicts {
		out.Count(metricVerdicts, v.Count, v.Customer, v.Verdict, v.Reason)
	}
	out.Count(metricResentGuard, g.Resent)
	out.Summary(metricVerdictTime, g.Judged, g.Judging.Seconds())
	out.Send(metricBindings, float64(g.Bindings))
	out.Send(metricBindingsMax, float64(g.MaxBindings))
	out.Send(metricStrays, float64(g.Strays))
	out.Send(metricBanned, float64(g.Banned))
	if t := g.Table; t != nil {
		out.Send(metricTableVersion, float64(t.Version))
		out.Send(metricTableIssued, float64(t.IssuedUnixMs)/1000)
		for reason, n := range t.Refused {
			out.Count(metricTableRefusals, n, reason)
		}
	}
}

// writeGuard prints who may register, and who tried.
func writeGuard(w io.Writer, g *Guard, now time.Time) {
	if g == nil {
		return
	}
	fmt.Fprintf(w, "guard        %s, fail %s; %d bindings, %d strays, %d sources banned\n", g.Mode, g.Fail, g.Bindings, g.Strays, g.Banned)
	sums := map[string]uint64{}
	for _, v := range g.Verdicts {
		sums[v.Verdict] += v.Count
	}
	fmt.Fprintf(w, "             REGISTER %s\n", words(sums))
	by := map[string]uint64{}
	for _, v := range g.Verdicts {
		if v.Verdict != "passed" {
			by[v.Reason] += v.Count
		}
	}
	if len(by) > 0 {
		fmt.Fprintf(w, "             refused, or would be: %s\n", words(by))
	}
	writeTable(w, g.Table, now)
}

func writeTable(w io.Writer, t *Table, now time.Time) {
	switch {
	case t == nil:
		return
	case t.Version == 0:
		fmt.Fprintf(w, "table        NONE YET: the collector has sent no table of customers\n")
	default:
		fmt.Fprintf(w, "table        version %d, issued %s ago\n", t.Version, now.Sub(time.UnixMilli(t.IssuedUnixMs)).Round(time.Second))
	}
	if t.LastError != "" {
		fmt.Fprintf(w, "             REFUSED: %s\n", strings.ReplaceAll(t.LastError, "\n", "\n             "))
	}
}
