package store

import (
	"slices"

	"github.com/sipward/sipward/collector/query"
)

// Columns of the tables that get most of the rows. Both stores have the same.
var (
	callColumns = []string{"counted_ms", "closed_ms", "invited_ms", "answered_ms", "ended_ms", "node", "epoch", "seq",
		"kind", "customer", "carrier", "direction", "caller", "called", "call_id", "status", "release", "answered",
		"midcall", "duration_ms", "pdd_ms", "media_class", "digits", "record"}
	attemptColumns = []string{"counted_ms", "node", "epoch", "seq", "n", "customer", "carrier", "called", "invited_ms",
		"status", "release", "answered", "outcome", "duration_ms", "pdd_ms"}
	minuteColumns = []string{"minute_s", "kind", "party", "node", "epoch", "seq", "observed_ms", "over_count", "ended", "answered_ms", "record"}
	regColumns    = []string{"at_ms", "node", "epoch", "seq", "verdict", "reason", "customer", "number", "src", "record"}
	markColumns   = []string{"node", "hour_s", "epoch", "seq", "observed_ms", "record"}
	lossColumns   = []string{"recorded_ms", "node", "epoch", "stream", "first", "last", "lost", "reason", "at_ms"}
	letterColumns = []string{"at_ms", "node", "epoch", "stream", "first", "records", "size", "reason", "raw"}
	sumKeyColumns = []string{"hour_s", "kind", "party", "node", "closed_s"}
	sumAllColumns = slices.Concat(sumKeyColumns, sumColumns[:])
)

// appendCall appends the values of callColumns.
func appendCall(to []any, e *entry) []any {
	c := e.GetCall()
	return append(to, e.ms, closedMs(e), c.GetInvitedUnixMs(), c.GetAnsweredUnixMs(), c.GetEndedUnixMs(),
		e.key.node, signed(e.key.epoch), signed(e.seq), text(c.GetKind()), text(c.GetCustomer()), text(c.GetCarrier()),
		text(c.GetDirection()), text(c.GetCaller()), text(c.GetCalled()), text(c.GetCallId()), int64(c.GetSipStatus()),
		text(c.GetRelease()), one(c.GetAnswered()), one(c.GetSeenMidcall()), c.GetDurationMs(), optional(c.PddMs),
		text(c.GetMediaClass()), digits(c), e.body)
}

// appendAttempt appends the values of attemptColumns of the call's attempt n.
func appendAttempt(to []any, e *entry, n int) []any {
	a := e.GetCall().GetAttempts()[n]
	return append(to, e.ms, e.key.node, signed(e.key.epoch), signed(e.seq), int64(n), text(e.GetCall().GetCustomer()),
		text(a.GetCarrier()), text(a.GetCalled()), a.GetInvitedUnixMs(), int64(a.GetSipStatus()), text(a.GetRelease()),
		one(a.GetAnsweredUnixMs() != 0), one(a.GetOutcome()), a.GetDurationMs(), optional(a.PddMs))
}

// appendMinute appends the values of minuteColumns.
func appendMinute(to []any, e *entry) []any {
	m := e.GetMinute()
	return append(to, e.ms/1000, text(m.GetKind()), text(m.GetParty()), e.key.node, signed(e.key.epoch), signed(e.seq),
		int64(m.GetObservedMs()), signed(m.GetOver()), signed(m.GetEnded()), signed(m.GetAnsweredMs()), e.body)
}

// appendRegistration appends the values of regColumns.
func appendRegistration(to []any, e *entry) []any {
	r := e.GetRegistration()
	return append(to, e.ms, e.key.node, signed(e.key.epoch), signed(e.seq), text(r.GetVerdict()), text(r.GetReason()),
		text(r.GetCustomer()), text(r.GetNumber()), text(r.GetSrc()), e.body)
}

// appendMark appends the values of markColumns.
func appendMark(to []any, e *entry) []any {
	m := e.GetHourMark()
	return append(to, e.key.node, m.GetHourUnixS(), signed(e.key.epoch), signed(e.seq), m.GetObservedMs(), e.body)
}

// appendLoss appends the values of lossColumns.
func appendLoss(to []any, l *query.Loss) []any {
	return append(to, l.RecordedUnixMs, l.Node, signed(l.Epoch), int64(l.Stream), signed(l.First), signed(l.Last),
		signed(l.Count), l.Reason, l.AtUnixMs)
}

// appendLetter appends the values of letterColumns.
func appendLetter(to []any, l *query.DeadLetter) []any {
	return append(to, l.AtUnixMs, l.Node, signed(l.Epoch), int64(l.Stream), signed(l.First), signed(l.Count),
		l.Size, text(l.Reason), l.Raw)
}

// appendSum appends the values of sumAllColumns.
func appendSum(to []any, k sumKey, s *query.Sums) []any {
	to = append(to, k.hour, k.kind, k.party, k.node, k.closed)
	for _, v := range s.Fields() {
		to = append(to, *v)
	}
	return to
}

// signed keeps the bits: an epoch is any 64 of them, and databases know signed
// numbers only.
func signed(u uint64) int64 { return int64(u) } // see above

func optional(v *int64) any {
	if v == nil {
		return nil
	}
	return *v
}
