package admin

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable prints s for people.
func WriteTable(w io.Writer, s *Status) error {
	fmt.Fprintf(w, "%s  sipward-collector %s  up %s  broker %s  store %s  %s\n", s.ID, s.Version, time.Duration(s.UptimeS)*time.Second, s.Broker, s.Store, ready(s))
	for _, a := range s.Attention {
		fmt.Fprintf(w, "ATTENTION: %s\n", a)
	}
	if err := writeNodes(w, s); err != nil {
		return err
	}
	writeVersions(w, s)
	writeLosses(w, s)
	writeLetters(w, &s.DeadLetters)
	writeReconciliation(w, &s.Reconciliation)
	writeTask(w, "retention", &s.Retention)
	title := "dropped"
	for _, d := range s.Drops {
		if d.N > 0 {
			fmt.Fprintf(w, "%-15s %s %s %d\n", title, d.Stage, words(d.Event), d.N)
			title = ""
		}
	}
	if title != "" {
		fmt.Fprintf(w, "%-15s nothing\n", title)
	}
	return nil
}

func ready(s *Status) string {
	if s.Ready {
		return "ready"
	}
	return "NOT READY: " + strings.Join(s.NotReady, "; ")
}

func writeNodes(w io.Writer, s *Status) error {
	if len(s.Nodes) == 0 {
		fmt.Fprintln(w, "\nno node has connected yet; `sipward-collector node add NAME` makes the credentials of one")
		return nil
	}
	width := len("node")
	for i := range s.Nodes {
		width = max(width, len(s.Nodes[i].ID))
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%-*s\tstate\tversion\tlast seen\tlag\tsetup\tanswered\tspool\tskew\thours\tlate\t\n", width, "node")
	for i := range s.Nodes {
		n := &s.Nodes[i]
		setup, answered := "-", "-"
		if n.Live != nil {
			setup, answered = fmt.Sprint(n.Live.LiveSetup), fmt.Sprint(n.Live.LiveAnswered)
		}
		fmt.Fprintf(t, "%-*s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t\n", width, n.ID, n.State, or(n.Version, "-"),
			ago(s.TakenUnixMs, n.LastSeenUnixMs), optional(n.LagMs, since), setup, answered, spool(n.Spool), optional(n.SkewMs, millis), n.HoursComplete, late(n.HoursLate))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintln(w)
	return nil
}

// writeVersions prints which versions of the table of customers there are. Without any, and
// without a node that waits for one, there is nothing to say.
func writeVersions(w io.Writer, s *Status) {
	if s.Table == nil {
		return
	}
	for i, v := range s.Table.Offered {
		whom := "for all"
		if len(v.Stage) > 0 {
			whom = "staged to " + strings.Join(v.Stage, ", ")
		} else if i > 0 {
			whom = "for all others"
		}
		fmt.Fprintf(w, "%-15s version %d of %s by %s, %s; %s\n", first(i, "table"), v.Version, stamp(v.MadeUnixMs), v.Who, whom, whoHas(s, v.Version))
	}
}

// whoHas counts the nodes that have a version.
func whoHas(s *Status, version uint64) string {
	has, of := 0, 0
	for i := range s.Nodes {
		if t := s.Nodes[i].Table; t != nil {
			of++
			if t.Version == version {
				has++
			}
		}
	}
	return fmt.Sprintf("%d of %d nodes have it", has, of)
}

func writeLosses(w io.Writer, s *Status) {
	if len(s.Losses) == 0 {
		fmt.Fprintf(w, "%-15s empty\n", "loss ledger")
	}
	for i, l := range s.Losses {
		fmt.Fprintf(w, "%-15s %s: %d records of %s, %s, last %s\n", first(i, "loss ledger"), l.Node, l.Records, l.Stream, words(l.Reason), stamp(l.LastUnixMs))
	}
}

func writeLetters(w io.Writer, d *DeadLetters) {
	if d.Kept == 0 {
		fmt.Fprintf(w, "%-15s none\n", "dead letters")
		return
	}
	fmt.Fprintf(w, "%-15s %d, %s\n", "dead letters", d.Kept, size(d.Bytes))
	for _, l := range d.Latest {
		fmt.Fprintf(w, "%-15s %s from %s, %d records: %s\n", "", stamp(l.AtUnixMs), l.Node, l.Records, l.Reason)
	}
}

func writeReconciliation(w io.Writer, r *Reconciliation) {
	switch {
	case r.LastUnixMs == 0:
		fmt.Fprintf(w, "%-15s not yet\n", "reconciliation")
		return
	case r.Error != "":
		fmt.Fprintf(w, "%-15s failed at %s: %s\n", "reconciliation", stamp(r.LastUnixMs), r.Error)
		return
	}
	fmt.Fprintf(w, "%-15s %s to %s: %d compared, %d incomplete, %d figures differ, %d sums differ\n", "reconciliation",
		stamp(r.FromUnixS*1000), stamp(r.ToUnixS*1000), r.Compared, r.Incomplete, len(r.Differ), len(r.Sums))
	for _, d := range r.Differ {
		fmt.Fprintf(w, "%-15s %s %s %s: %s is %d by counters, %d by calls\n", "", d.Node, d.Kind, d.Party, words(d.What), d.Other, d.Records)
	}
	for _, d := range r.Sums {
		fmt.Fprintf(w, "%-15s %s %s %s: %s is %d in the summary, %d by calls\n", "", d.Node, d.Kind, d.Party, words(d.What), d.Other, d.Records)
	}
}

func writeTask(w io.Writer, name string, t *Task) {
	switch {
	case t.LastUnixMs == 0:
		fmt.Fprintf(w, "%-15s not yet\n", name)
	case t.Error != "":
		fmt.Fprintf(w, "%-15s failed at %s: %s\n", name, stamp(t.LastUnixMs), t.Error)
	default:
		fmt.Fprintf(w, "%-15s %s: %s\n", name, stamp(t.LastUnixMs), t.Done)
	}
}

func first(i int, title string) string {
	if i == 0 {
		return title
	}
	return ""
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

func optional(v *int64, show func(int64) string) string {
	if v == nil {
		return "-"
	}
	return show(*v)
}

func millis(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// since prints a time in a precision that people want.
func since(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return d.String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func ago(now, then int64) string {
	if then == 0 {
		return "never"
	}
	return since(max(0, now-then)/1000*1000) + " ago"
}

// stamp prints a time in UTC.
func stamp(unixMs int64) string {
	return time.UnixMilli(unixMs).UTC().Format("2006-01-02T15:04:05Z")
}

func late(hours []Hour) string {
	if len(hours) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d since %s", len(hours), stamp(hours[0].LateSinceUnixS*1000))
}

func spool(s *Spool) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%d, %s", s.Records, size(s.Bytes))
}

func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/unit, "KMGT"
	for v >= unit && len(units) > 1 {
		v, units = v/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", v, units[0])
}
