package record

import (
	"maps"
	"time"

	"github.com/sipward/sipward/sip/dialog"
)

const (
	second = int64(time.Second)
	hour   = int64(time.Hour)

	// markAfter is how long after an hour and the settle time it is closed:
	// calls that a late message kept from settling have this time, too.
	markAfter = 10 * time.Second
	// watching is how far apart two ticks may be for the time between them to count as
	// watched.
	watching = 10 * second
	// steady is how long time must have gone on evenly before an hour is closed: a
	// clock that leaps for a moment, as one does before NTP has set it, must not close
	// the years up to where it leapt.
	steady = 60 * second
	// maxAway is how many hours of absence are marked: 400 days.
	maxAway = 400 * 24
	// maxAhead bounds the sums of hours to come, of calls that ended before the
	// clock was set back.
	maxAhead = 1024
)

// Hours assigns calls to the hours under which they are summed up, and closes each hour
// with a mark: after it nothing more is counted in that hour. Time is that of the
// packets. An hour stays closed whatever the clock does, and over a restart if NewHours
// is given what Closed said. It is not safe for concurrent use.
type Hours struct {
	open   int64 // the first hour that is not closed, hours since the Unix epoch; valid if known
	known  bool
	begun  int64 // the first hour of earlier runs that were too short to be sure of it; 0: none
	settle int64
	last   int64 // tick
	ticked bool
	since  int64               // tick from which on time went on evenly
	steady int64               // tests have none
	sums   map[int64]*HourMark // by hour, of those that are open
}

// Closed says which hours are closed.
type Closed struct {
	// HourUnixS is the beginning of the last one, or of the one before the first that is
	// counted in, seconds since the Unix epoch; 0: not known.
	HourUnixS int64
	// Tentative: time has not gone on evenly for a minute yet, and may be about to leap.
	Tentative bool
}

// NewHours goes on after what an earlier run said of itself; none: the first hour is that
// of the first tick. settle is how long a call waits from its end to its record; 0:
// dialog.DefaultSettle.
func NewHours(last Closed, settle time.Duration) *Hours {
	if settle == 0 {
		settle = dialog.DefaultSettle
	}
	h := &Hours{settle: int64(settle + markAfter), steady: steady, sums: map[int64]*HourMark{}}
	next := floorDiv(last.HourUnixS, 3600) + 1
	switch {
	case last.HourUnixS == 0:
	case last.Tentative:
		h.begun = next
	default:
		h.known, h.open = true, next
	}
	return h
}

// Count decides under which hour c is counted, by its end: that hour or, when
// it is closed, the first open one.
func (h *Hours) Count(c *Call) {
	at := floorDiv(c.EndedUnixMs, hour/int64(time.Millisecond))
	c.CountedUnixMs = c.EndedUnixMs
	if h.known && at < h.open {
		at = h.open
		c.CountedUnixMs = h.open * (hour / int64(time.Millisecond))
	}
	if c.Kind != "call" || c.SeenMidcall {
		return
	}
	m := h.sum(at)
	if m == nil {
		return
	}
	m.Calls++
	if c.Answered {
		m.Answered++
		m.DurationMs += uint64(max(c.DurationMs, 0)) // not negative
	}
}

// sum returns the sums of an hour; nil when there are too many.
func (h *Hours) sum(at int64) *HourMark {
	m := h.sums[at]
	if m == nil && len(h.sums) < maxAhead {
		m = &HourMark{HourUnixS: at * 3600}
		h.sums[at] = m
	}
	return m
}

// Tick lets time pass until now, nanoseconds since the Unix epoch, and returns a
// mark for every hour that is closed by that, the earliest first. Their records
// must follow those of all calls that were counted before. Hours in which no
// agent ran have marks, too, with nothing observed; those more than 400 days ago
// have none. None is closed within a minute of a start or a leap of the clock.
func (h *Hours) Tick(now int64) []*HourMark {
	h.observe(now)
	closed := floorDiv(now-h.settle, hour) // this one is not
	if !h.known && now-h.since >= h.steady {
		h.known, h.open = true, h.first()
		maps.DeleteFunc(h.sums, func(at int64, _ *HourMark) bool { return at < h.open }) // nobody marks them
	}
	if !h.known || h.open >= closed || now-h.since < h.steady {
		return nil
	}
	var marks []*HourMark
	for ; h.open < closed; h.open++ {
		if m := h.sums[h.open]; m != nil {
			marks = append(marks, m)
			delete(h.sums, h.open)
		} else if closed-h.open <= maxAway {
			marks = append(marks, &HourMark{HourUnixS: h.open * 3600})
		}
	}
	return marks
}

// Closed is what NewHours wants after a restart.
func (h *Hours) Closed() Closed {
	switch {
	case h.known:
		return Closed{HourUnixS: (h.open - 1) * 3600}
	case h.ticked || h.begun != 0:
		return Closed{HourUnixS: (h.first() - 1) * 3600, Tentative: true}
	}
	return Closed{}
}

// first returns the first hour to close: that in which an earlier run began, when this
// can be, else that of this run.
func (h *Hours) first() int64 {
	at := floorDiv(h.since, hour)
	if away := at - h.begun; h.begun != 0 && (!h.ticked || away >= 0 && away <= maxAway) {
		return h.begun
	}
	return at
}

// observe notes how much of each hour was watched.
func (h *Hours) observe(now int64) {
	gone, from := now-h.last, h.last
	watched := h.ticked && gone > 0 && gone <= watching
	h.last, h.ticked = now, true
	if !watched {
		h.since = now
		return
	}
	turn := floorDiv(now, hour) * hour
	if from < turn {
		h.watched(from, turn)
		from = turn
	}
	h.watched(from, now)
}

func (h *Hours) watched(from, to int64) {
	at := floorDiv(from, hour)
	if h.known && at < h.open || to <= from {
		return // closed before the clock was set back
	}
	if m := h.sum(at); m != nil {
		m.ObservedMs = min(m.ObservedMs+to/1e6-from/1e6, 3_600_000)
	}
}

// floorDiv divides and rounds down, also below zero.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
