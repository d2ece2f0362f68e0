package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
func (f *Figures) scopes(r *query.Rule, now time.Time) []party {
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
func (f *Figures) read(r *query.Rule, who party, now time.Time) reading {
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

// counted reads what happened in the rule's period.
func (f *Figures) counted(r *query.Rule, who party, now time.Time) reading {
	if f.Tally == nil {
		return none("counters cannot be read")
	}
	i := slices.Index(f.Tally.periods, r.PeriodS)
	if i < 0 {
		return none("counters of this period were not read yet")
	}
	out := nothing("there were no calls")
	if r.Area == AreaRefusals {
		out = count(0)
		if n := f.Tally.refused[who]; n != nil {
			out = count(n[i])
		}
	} else if s := f.Tally.sums[who]; s != nil {
		out = s[i].figure(r, f.Tally, who)
	}
	watched, missing, gap := f.watched(i, now)
	if !watched && !(r.Area == AreaRefusals && out.value > 0) {
		return none("nobody watched")
	}
	if len(missing) > 0 {
		out.partial, out.least, out.quiet = true, r.Area == AreaFailures || r.Area == AreaRefusals, false
		out = out.note("without " + nodes(missing))
	}
	if gap >= 60 {
		out = out.note(fmt.Sprintf("%d min of nodes' time were not watched", gap/60))
	}
	return out
}

// figure is what a rule looks at of one party's sums.
func (s *sums) figure(r *query.Rule, t *Tally, who party) reading {
	num, den, scale := int64(0), int64(0), 100.0
	switch r.Area {
	case AreaFailures:
		return count(t.streaks[who].since(t.ToUnixS - r.PeriodS))
	case AreaASR:
		num, den = s.answered, s.outcomes
	case AreaNER:
		num, den = s.effective, s.outcomes
	case AreaACD:
		num, den, scale = s.answeredMs, s.ended, 0.001
	case AreaPDD:
		num, den, scale = s.pddSumMs, s.pddCount, 1
	}
	if den == 0 {
		return nothing("there were no calls")
	}
	if den < r.MinSample {
		return nothing(fmt.Sprintf("%d calls are too few: it takes %d", den, r.MinSample))
	}
	return ratio(num, den, scale)
}

// watched looks who watched in a period: nodes of which half of it or more is missing,
// and the seconds that the others lack.
func (f *Figures) watched(i int, now time.Time) (any bool, missing []string, gapS int64) {
	t := f.Tally
	from := t.ToUnixS - t.periods[i]
	for _, ms := range t.watched {
		any = any || ms[i] > 0
	}
	for k := range f.Nodes {
		n := &f.Nodes[k]
		if !n.expected(now) || n.FirstSeenUnixMs > from*1000 {
			continue
		}
		seen := int64(0)
		if ms := t.watched[n.ID]; ms != nil {
			seen = ms[i] / 1000
		}
		if lacks := t.periods[i] - seen; lacks*2 >= t.periods[i] {
			missing = append(missing, n.ID)
		} else {
			gapS += max(lacks, 0)
		}
	}
	return any, missing, gapS
}

// nodes names a few of them.
func nodes(ids []string) string {
	slices.Sort(ids)
	word, more := "node ", ""
	if len(ids) > 1 {
		word = "nodes "
	}
	if n := len(ids); n > 5 {
		ids, more = ids[:5], fmt.Sprintf(" and %d more", n-5)
	}
	return word + strings.Join(ids, ", ") + more
}

// present reads nodes' live figures.
func (f *Figures) present(r *query.Rule, who party, now time.Time) reading {
	if f.Listening.IsZero() {
		return none("no live figures come in")
	}
	var use, cps, limit int64
	var missing []string
	speak, bare := 0, false
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if who.kind == KindNode && n.ID != who.id {
			continue
		}
		l := n.live(now)
		if l == nil {
			if n.expected(now) {
				missing = append(missing, n.ID)
			}
			continue
		}
		speak++
		if who.kind == query.KindTotal || who.kind == KindNode {
			use, cps = use+clamp(l.LiveSetup)+clamp(l.LiveAnswered), cps+clamp(l.CallsPerSecond)
		}
	}
	if speak == 0 {
		return none("no node says anything")
	}
	if who.kind == query.KindCustomer || who.kind == query.KindCarrier {
		use, cps, limit = f.live(who, now)
	}
	if who.kind == query.KindTotal {
		limit, bare = f.limits(now)
	}
	out := count(use)
	switch {
	case r.Area == AreaCPS:
		out = count(cps)
	case r.Area == AreaChannels && (limit <= 0 || bare):
		return nothing("no limit of channels is given")
	case r.Area == AreaChannels:
		out = ratio(use, limit, 100)
	}
	if len(missing) > 0 {
		out.partial, out.least = true, true
		out = out.note("without " + nodes(missing))
	}
	return out
}

// live adds up what all nodes say of a party. The sums of one time are made once.
func (f *Figures) live(who party, now time.Time) (use, cps, limit int64) {
	if f.sums == nil || !f.summed.Equal(now) {
		f.sums, f.summed = map[party]inUse{}, now
		for i := range f.Nodes {
			for _, kind := range []string{query.KindCustomer, query.KindCarrier} {
				for _, p := range liveParties(f.Nodes[i].live(now), kind) {
					x := f.sums[party{kind, p.ID}]
					f.sums[party{kind, p.ID}] = inUse{x.use + clamp(p.LiveSetup) + clamp(p.LiveAnswered), x.cps + clamp(p.CallsPerSecond), max(x.limit, int64(p.Channels))}
				}
			}
		}
	}
	x := f.sums[who]
	return x.use, x.cps, x.limit
}

// limits adds up the channels of all customers; bare when one has calls and no limit.
func (f *Figures) limits(now time.Time) (sum int64, bare bool) {
	each := map[string]int64{}
	for i := range f.Nodes {
		for _, p := range liveParties(f.Nodes[i].live(now), query.KindCustomer) {
			each[p.ID] = max(each[p.ID], int64(p.Channels))
			bare = bare || p.Channels == 0 && p.LiveSetup+p.LiveAnswered > 0
		}
	}
	for _, n := range each {
		sum += n
	}
	return sum, bare
}

// silence is for how long a node has said nothing. Time in which nobody listened is not
// held against it, and only a word of its own ends it.
func (f *Figures) silence(id string, now time.Time) reading {
	if f.Listening.IsZero() {
		return none("no live figures come in")
	}
	n := f.node(id)
	if n == nil {
		return nothing("the node is not known")
	}
	listening := f.Listening.UnixMilli()
	if n.HeardUnixMs != 0 && !n.expected(now) && listening < n.HeardUnixMs {
		return nothing("the node was given up after 7 days")
	}
	out := count(int64(since(now, max(n.HeardUnixMs, listening)) / time.Second))
	out.partial = n.HeardUnixMs < listening
	if n.State != nil && n.State.State == record.StateDown {
		out = out.note("the node, or its broker, says that it is down")
	}
	return out
}

func (f *Figures) node(id string) *Node {
	for i := range f.Nodes {
		if f.Nodes[i].ID == id {
			return &f.Nodes[i]
		}
	}
	return nil
}

// strays adds up what guards say.
func (f *Figures) strays(who party, now time.Time) reading {
	var sum int64
	var missing []string
	guards := 0
	for i := range f.Nodes {
		n := &f.Nodes[i]
		switch {
		case who.kind == KindNode && n.ID != who.id, n.State == nil || n.State.Guard == nil:
		case f.Listening.IsZero() || !n.speaking(now):
			if n.expected(now) {
				missing = append(missing, n.ID)
			}
		default:
			guards++
			sum += max(int64(n.State.Guard.Strays), 0)
		}
	}
	switch {
	case guards == 0 && len(missing) > 0:
		return none("no guard says anything")
	case guards == 0:
		return nothing("there is no guard")
	}
	out := count(sum)
	if len(missing) > 0 {
		out.partial, out.least = true, true
		out = out.note("without " + nodes(missing))
	}
	return out
}

// spool is how full a node's spool is.
func (f *Figures) spool(id string, now time.Time) reading {
	n := f.node(id)
	switch {
	case n == nil:
		return nothing("the node is not known")
	case n.State == nil || f.Listening.IsZero() || !n.speaking(now):
		return none("the node says nothing")
	case n.State.Spool.BudgetBytes <= 0:
		return nothing("the node has no spool")
	}
	return ratio(max(n.State.Spool.Bytes, 0), n.State.Spool.BudgetBytes, 100)
}

// differences counts parties whose minute counters are not what their records add up
// to.
func (f *Figures) differences(who party) reading {
	if f.Compared == nil {
		return none("nothing was compared yet")
	}
	var differ, all, cannot int64
	var first string
	for i := range f.Compared.Rows {
		x := &f.Compared.Rows[i]
		switch {
		case who.kind == KindNode && x.Node != who.id:
		case x.Reason != "":
			cannot++
		case !x.Equal():
			if differ++; first == "" {
				first = fmt.Sprintf("first: %s on node %s, counters say %d calls, %d answered, %d ms; records %d, %d, %d ms", scope(party{x.Kind, x.Party}), x.Node,
					x.Minutes.Over, x.Minutes.Ended, x.Minutes.AnsweredMs, x.Records.Over, x.Records.Ended, x.Records.AnsweredMs)
			}
			fallthrough
		default:
			all++
		}
	}
	switch {
	case all == 0 && cannot > 0:
		return none("the hours are not complete, so nothing can be compared")
	case all == 0:
		return nothing("there is nothing to compare")
	}
	out := count(differ)
	out.partial = cannot > 0
	if first != "" {
		out = out.note(first)
	}
	return out
}
