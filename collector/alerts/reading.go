package alerts

import (
	"cmp"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// reading is the figure of a rule for one party.
type reading struct {
	value    float64
	num, den int64  // of a ratio; den 0: the value is a count
	blank    string // why there is no value; empty when there is one
	quiet    bool   // it is blank since there is nothing to measure, and somebody looked
	partial  bool   // somebody is missing: it ends no alert
	least    bool   // and the value is only a part: it cannot be too low
	notes    []string
}

func none(why string) reading           { return reading{blank: why} }
func nothing(why string) reading        { return reading{blank: why, quiet: true} }
func count(n int64) reading             { return reading{value: float64(n), num: n} }
func (r reading) note(s string) reading { r.notes = append(r.notes, s); return r }

// ratio is num / den in a unit of which scale make one.
func ratio(num, den int64, scale float64) reading {
	return reading{value: float64(num) * scale / float64(den), num: num, den: den}
}

// scopes lists for whom a rule is judged: its party, or everybody who has figures.
func (f *figures) scopes(r *query.Rule, now time.Time) []party {
	if r.Kind == query.KindTotal || r.Party != "" {
		return []party{{r.Kind, r.Party}}
	}
	set := map[party]bool{}
	switch {
	case r.Kind == KindNode:
		for i := range f.Nodes {
			if f.Nodes[i].expected(now) || f.Nodes[i].HeardUnixMs == 0 {
				set[party{KindNode, f.Nodes[i].ID}] = true
			}
		}
	case r.Area == AreaRefusals && f.Tally != nil:
		add(set, f.Tally.refused, r.Kind)
	case areas[r.Area].Counted && f.Tally != nil:
		add(set, f.Tally.sums, r.Kind)
	case r.Area == AreaReconciliation && f.Compared != nil:
		for i := range f.Compared.Rows {
			set[party{KindNode, f.Compared.Rows[i].Node}] = true
		}
	default:
		for i := range f.Nodes {
			for _, p := range liveParties(f.Nodes[i].live(now), r.Kind) {
				set[party{r.Kind, p.ID}] = true
			}
		}
	}
	out := make([]party, 0, len(set))
	for who := range set {
		out = append(out, who)
	}
	slices.SortFunc(out, func(a, b party) int { return cmp.Compare(a.id, b.id) })
	return out
}

func add[T any](set map[party]bool, from map[party]T, kind string) {
	for who := range from {
		if who.kind == kind {
			set[who] = true
		}
	}
}

func liveParties(l *record.Live, kind string) []record.LiveParty {
	switch {
	case l == nil:
		return nil
	case kind == query.KindCustomer:
		return l.Customers
	case kind == query.KindCarrier:
		return l.Carriers
	}
	return nil
}

// read finds the figure of a rule for one party.
func (f *figures) read(r *query.Rule, who party, now time.Time) reading {
	switch r.Area {
	case AreaASR, AreaNER, AreaACD, AreaPDD, AreaFailures, AreaRefusals:
		return f.counted(r, who, now)
	case AreaChannels, AreaLiveChannels, AreaCPS:
		return f.present(r, who, now)
	case AreaNodeDown:
		return f.silence(who.id, now)
	case AreaStrays:
		return f.strays(who, now)
	case AreaSpool:
		return f.spool(who.id, now)
	case AreaReconciliation:
		return f.differences(who)
	}
	return none("the area is not known") // Check has refused it
}
