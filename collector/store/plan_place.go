package store

import (
	"cmp"

	"github.com/sipward/sipward/sync/record"
)

func (p *planner) call(e *entry) *parcel {
	c := e.GetCall()
	e.ms = p.callTime(c)
	to := p.parcel(callsKind, p.monthOf(e.ms))
	to.calls = append(to.calls, *e)
	to.attempts += len(c.GetAttempts())
	to.sums.add(e.key.node, e.ms, closedMs(e), c)
	return to
}

// monthOf is the function of that name, and remembers the last month: most records are
// of the same one.
func (p *planner) monthOf(ms int64) month {
	if ms < p.from || ms >= p.to {
		p.month = monthOf(ms)
		p.from, p.to = p.month.start().UnixMilli(), (p.month + 1).start().UnixMilli()
	}
	return p.month
}

func (p *planner) callTime(c *record.Call) int64 {
	return p.time(cmp.Or(c.GetCountedUnixMs(), c.GetClosedUnixMs(), c.GetEndedUnixMs()))
}

func (p *planner) minuteTime(m *record.Minute) int64 {
	s := m.GetMinuteUnixS()
	if s > maxMs/1000 {
		s = 0
	}
	return p.time(s * 1000)
}

// placeOf says which month a record belongs to; false when it belongs to none.
func (p *planner) placeOf(r *record.Record) (place, bool) {
	switch {
	case r.GetCall() != nil:
		return place{callsKind, p.monthOf(p.callTime(r.GetCall()))}, true
	case r.GetMinute() != nil:
		return place{telemetryKind, p.monthOf(p.minuteTime(r.GetMinute()))}, true
	case r.GetRegistration() != nil:
		return place{telemetryKind, p.monthOf(p.time(r.GetRegistration().GetAtUnixMs()))}, true
	}
	return place{}, false
}

// closedMs is when a call was closed, as far as that can be.
func closedMs(e *entry) int64 {
	if ms := e.GetCall().GetClosedUnixMs(); saneMs(ms) {
		return ms
	}
	return e.ms
}

func (p *planner) minute(e *entry) *parcel {
	e.ms = p.minuteTime(e.GetMinute())
	to := p.parcel(telemetryKind, p.monthOf(e.ms))
	to.minutes = append(to.minutes, *e)
	to.fives.add(e.key.node, e.ms/1000, e.GetMinute())
	return to
}
