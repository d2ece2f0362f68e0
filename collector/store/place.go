package store

import "time"

// kind says which tables a transaction is about.
type kind uint8

// Kinds, in the order in which they are committed: a loss may declare what
// comes with it, and what came is not lost.
const (
	callsKind kind = iota + 1
	telemetryKind
	baseKind // hour marks, losses, dead letters
)

var kindNames = [...]string{"", "calls", "telemetry", "sipward"}

// place is where rows go: the month (UTC) of their time. The base has none.
type place struct {
	kind  kind
	month month
}

// name returns calls-2026-11.
func (p place) name() string { return kindNames[p.kind] + "-" + p.month.String() }

// month counts the months since year 0.
type month int32

func monthOf(ms int64) month {
	t := time.UnixMilli(ms).UTC()
	return month(t.Year()*12 + int(t.Month()) - 1) // years are sane here
}

func (m month) start() time.Time {
	return time.Date(int(m)/12, time.Month(m%12)+1, 1, 0, 0, 0, 0, time.UTC)
}

// String returns 2026-11.
func (m month) String() string { return m.start().Format("2006-01") }

// parseMonth reads 2026-11.
func parseMonth(word string) (month, bool) {
	t, err := time.Parse("2006-01", word)
	return monthOf(t.UnixMilli()), err == nil
}

// saneMs reports whether a time is after 1999 and before 2100.
func saneMs(ms int64) bool { return ms >= 946_684_800_000 && ms < 4_102_444_800_000 }
