package alerts

import (
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// present reads nodes' live figures.
func (f *figures) present(r *query.Rule, who party, now time.Time) reading {
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
func (f *figures) live(who party, now time.Time) (use, cps, limit int64) {
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
func (f *figures) limits(now time.Time) (sum int64, bare bool) {
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
func (f *figures) silence(id string, now time.Time) reading {
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
