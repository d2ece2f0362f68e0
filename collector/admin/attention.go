package admin

import (
	"fmt"
	"time"

	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/sync/record"
)

// Bounds of what is normal.
const (
	MaxSkew  = 2 * time.Second    // of a node's clock
	MaxLag   = 5 * time.Minute    // of a node's records
	MaxSpool = 70                 // percent of a node's disk budget
	MaxTable = time.Minute        // until a node has a new version of the table
	LossNews = 7 * 24 * time.Hour // for which a loss is said; the ledger keeps it
)

// FindAttention says what somebody should look after.
func FindAttention(s *Status) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range s.Nodes {
		if s.Nodes[i].State != Gone {
			attendNode(&s.Nodes[i], say)
			attendTable(s, &s.Nodes[i], say)
			attendCertificate(s, &s.Nodes[i], say)
		}
	}
	for _, l := range s.Losses {
		if s.TakenUnixMs-l.LastUnixMs < LossNews.Milliseconds() {
			say("%s: %d records of %s will never come (%s, last %s)", l.Node, l.Records, l.Stream, l.Reason, stamp(l.LastUnixMs))
		}
	}
	if d := &s.DeadLetters; d.Kept > 0 {
		say("%d batches could not be stored and were set aside; the latest, from %s: %s", d.Kept, d.Latest[0].Node, d.Latest[0].Reason)
	}
	r := &s.Reconciliation
	if n := len(r.Differ); n > 0 {
		d := &r.Differ[0]
		say("minute counters and calls differ in %d figures; the first: %s %s %s: %s is %d by counters, %d by calls", n, d.Node, d.Kind, d.Party, d.What, d.Other, d.Records)
	}
	if n := len(r.Sums); n > 0 {
		d := &r.Sums[0]
		say("summaries and calls differ in %d figures; the first: %s %s %s: %s is %d in the summary, %d by calls", n, d.Node, d.Kind, d.Party, d.What, d.Other, d.Records)
	}
	for _, t := range []struct {
		what string
		Task
	}{{"reconciliation", r.Task}, {"retention", s.Retention}} {
		if t.Error != "" {
			say("%s failed: %s", t.what, t.Error)
		}
	}
	attendAlerts(s.Alerts, say)
	for i := range s.Certificates {
		if why := s.Certificates[i].Attention(time.UnixMilli(s.TakenUnixMs)); why != "" {
			say("%s", why)
		}
	}
	return out
}

func attendCertificate(s *Status, n *Node, say func(format string, args ...any)) {
	if n.CertUnixMs == 0 {
		return
	}
	if why := certs.Ends("its certificate", n.CertUnixMs, time.UnixMilli(s.TakenUnixMs)); why != "" {
		say("%s: %s with sipward-collector node add %s --replace", n.ID, why, n.ID)
	}
}

func attendAlerts(a *Alerts, say func(format string, args ...any)) {
	if a == nil {
		return
	}
	if a.Error != "" {
		say("alerts: %s", a.Error)
	}
	if a.InvalidRules > 0 {
		say("%d rules for alerts are not valid, and left out; the log says why", a.InvalidRules)
	}
	for i := range a.Channels {
		if c := &a.Channels[i]; c.Error != "" {
			say("alerts by %s do not arrive: %s", c.Channel, c.Error)
		}
	}
}

// attendTable says when a node goes on with an old table, or refuses what it is sent.
func attendTable(s *Status, n *Node, say func(format string, args ...any)) {
	t, want := n.Table, s.Table.For(n.ID)
	if t == nil {
		return
	}
	switch {
	case want != nil && t.Version < want.Version && s.TakenUnixMs-want.MadeUnixMs > MaxTable.Milliseconds():
		if t.Error != "" {
			say("%s: it has version %d of the table of customers, and refuses %d: %s", n.ID, t.Version, want.Version, t.Error)
		} else {
			say("%s: it has version %d of the table of customers, not %d", n.ID, t.Version, want.Version)
		}
	case want != nil && t.Version > want.Version:
		say("%s: it has version %d of the table of customers, which was never made here: is this database an older copy? The next version is higher", n.ID, t.Version)
	case t.Error != "":
		say("%s: it refused a table of customers: %s", n.ID, t.Error)
	case t.Version == 0 && want == nil:
		say("%s: it waits for a table of customers, and there is none: sipward-collector blocks", n.ID)
	}
}

func attendNode(n *Node, say func(format string, args ...any)) {
	switch {
	case n.State == record.StateUp:
	case n.LastSeenUnixMs == 0:
		say("%s has credentials and never connected", n.ID)
	default:
		say("%s is not connected; last seen %s", n.ID, stamp(n.LastSeenUnixMs))
	}
	if n.DuplicateUnixMs != 0 {
		say("%s: two agents have this id; they took turns last at %s", n.ID, stamp(n.DuplicateUnixMs))
	}
	if n.SkewMs != nil && time.Duration(*n.SkewMs).Abs() > MaxSkew/time.Millisecond {
		say("%s: its clock is off by %s", n.ID, time.Duration(*n.SkewMs)*time.Millisecond)
	}
	if n.LagMs != nil && time.Duration(*n.LagMs)*time.Millisecond > MaxLag {
		say("%s: its records are %s behind", n.ID, since(*n.LagMs))
	}
	if s := n.Spool; s != nil && s.BudgetBytes > 0 && s.Bytes*100 > s.BudgetBytes*MaxSpool {
		say("%s: its spool is %d%% full", n.ID, s.Bytes*100/s.BudgetBytes)
	}
	if late := len(n.HoursLate); late > 0 {
		say("%s: %d hours are late, the first since %s", n.ID, late, stamp(n.HoursLate[0].LateSinceUnixS*1000))
	}
	for _, why := range n.NotReady {
		say("%s: %s", n.ID, why)
	}
	for _, why := range n.Suspect {
		say("%s: its figures are suspect: %s", n.ID, why)
	}
}
