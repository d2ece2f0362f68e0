package query

import "time"

// Begin returns the beginning of the step (UTC) that a time is in, Unix seconds.
// The zero value is ByHour.
func (s Step) Begin(unixS int64) int64 {
	t := time.Unix(unixS, 0).UTC()
	switch s {
	case ByMonth:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Unix()
	case ByDay:
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix()
	case ByHour:
	}
	return t.Truncate(time.Hour).Unix()
}

// End returns when the step ends that a time is in, Unix seconds.
func (s Step) End(unixS int64) int64 {
	begin := s.Begin(unixS)
	switch s {
	case ByMonth:
		return time.Unix(begin, 0).UTC().AddDate(0, 1, 0).Unix()
	case ByDay:
		return begin + 86_400
	case ByHour:
	}
	return begin + 3600
}

// Cell returns the filter that lists the records of a summary of this step, of which it is the
// sum, and whether they are attempts.
func (s *Summary) Cell(step Step) (f CallFilter, attempts bool) {
	f = CallFilter{FromUnixMs: s.TimeUnixS * 1000, ToUnixMs: step.End(s.TimeUnixS) * 1000, Node: s.Node}
	switch s.Kind {
	case KindCarrier:
		f.Carrier = s.Party
		return f, true
	case KindCustomer:
		f.Customer = s.Party
	}
	f.Kind = "call"
	return f, false
}

// Completeness says how far the hours of all nodes are within one step.
type Completeness struct {
	TimeUnixS      int64
	Hours          int   // hours of nodes, which the next three add up to
	Complete       int   // closed, and all of it is here
	Late           int   // over, and something is missing
	Open           int   // not over
	LateSinceUnixS int64 // end of the first that is late; 0: none is
	ObservedMs     int64 // how much was watched, added up over nodes
}

// Add adds an hour of a node.
func (c *Completeness) Add(h *Hour) {
	c.Hours++
	c.ObservedMs += h.ObservedMs
	switch h.State {
	case HourOpen:
		c.Open++
	case HourComplete:
		c.Complete++
	case HourLate:
		c.Late++
		if c.LateSinceUnixS == 0 || h.LateSinceUnixS < c.LateSinceUnixS {
			c.LateSinceUnixS = h.LateSinceUnixS
		}
	}
}

// State is the worst of the hours: late, else open, else complete.
func (c *Completeness) State() HourState {
	switch {
	case c.Late > 0:
		return HourLate
	case c.Open > 0:
		return HourOpen
	}
	return HourComplete
}
