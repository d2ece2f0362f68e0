package alerts

import (
	"fmt"
	"time"
)

// strays adds up what guards say.
func (f *figures) strays(who party, now time.Time) reading {
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
func (f *figures) spool(id string, now time.Time) reading {
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
func (f *figures) differences(who party) reading {
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

func (f *figures) node(id string) *Node {
	for i := range f.Nodes {
		if f.Nodes[i].ID == id {
			return &f.Nodes[i]
		}
	}
	return nil
}
