package alerts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// counted reads what happened in the rule's period.
func (f *figures) counted(r *query.Rule, who party, now time.Time) reading {
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
func (s *sums) figure(r *query.Rule, t *tally, who party) reading {
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
func (f *figures) watched(i int, now time.Time) (any bool, missing []string, gapS int64) {
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
