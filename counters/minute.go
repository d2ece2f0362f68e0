package counters

import (
	"time"

	"github.com/sipward/sipward/sip/party"
)

// Minute is what the figures of one party gained within one minute of the
// packets' clock. A minute can be told of more than once, after a restart or a
// step of the clock; what was gained adds up, so the sum over all minutes is the
// figures, whatever the clock did.
type Minute struct {
	Start    int64         // of the minute, nanoseconds since the Unix epoch
	Observed time.Duration // how much of it was watched
	Kind     party.Kind    // Customer (its calls) or Carrier (its attempts); 0: all calls
	Party    party.ID      // 0 with Kind 0 is no party
	Figures                // what was added; the live gauges at the end, the peaks within the minute, no rate
}

const (
	minute = int64(time.Minute)
	// watching is how far apart two ticks may be for the time between them to count as
	// watched. They come every second; a clock that was set makes a longer gap.
	watching = 10 * second
)

// account is the figures of one party, and what they were a minute ago.
type account struct {
	Figures
	mark Figures
}

// minutes is where Counters stand in the present minute.
type minutes struct {
	started  bool
	start    int64
	last     int64 // tick
	observed int64
	list     []Minute // handed out
	sums     [2][]*uint64
}

// tick lets time pass and reports whether now is in another minute, of which
// watched is how much was watched already.
func (m *minutes) tick(now int64) (turned bool, watched int64) {
	start := now - mod(now, minute)
	gone := now - m.last
	m.last = now
	if !m.started {
		m.started, m.start = true, start
		return false, 0
	}
	if gone < 0 || gone > watching {
		gone = 0
	}
	if start == m.start {
		m.observed += gone
		return false, 0
	}
	if gone > 0 { // one minute is over, the next began
		watched = now - start
		m.observed += gone - watched
	}
	return true, watched
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return (a%b + b) % b }

// turn lists what the minute gained that is over at now, and begins the next.
func (c *Counters) turn(now, watched int64) []Minute {
	out := c.takeMinute()
	c.minutes.start, c.minutes.observed = now-mod(now, minute), watched
	return out
}

// Close lists what the present minute gained so far: the last one of a run. The
// list is valid until the next call.
func (c *Counters) Close() []Minute {
	if !c.minutes.started {
		return nil
	}
	out := c.takeMinute()
	c.minutes.observed = 0
	return out
}

// takeMinute lists the total and every party that had a live call, or gained
// anything.
func (c *Counters) takeMinute() []Minute {
	c.minutes.list = c.minutes.list[:0]
	c.gained(&c.total, 0, 0)
	c.takeParties(c.customers, party.Customer)
	c.takeParties(c.carriers, party.Carrier)
	return c.minutes.list
}

func (c *Counters) takeParties(of []*account, kind party.Kind) {
	for id, a := range of {
		if a == nil {
			continue
		}
		n := len(c.minutes.list)
		c.gained(a, kind, party.ID(id)) // bounded by the size of a configuration file
		if c.minutes.list[n].Figures == (Figures{}) {
			c.minutes.list = c.minutes.list[:n]
		}
	}
}

// gained lists what a gained since it was last listed.
func (c *Counters) gained(a *account, kind party.Kind, id party.ID) {
	m := &c.minutes
	m.list = append(m.list, Minute{Start: m.start, Observed: time.Duration(min(m.observed, minute)), Kind: kind, Party: id, Figures: a.Figures})
	f := &m.list[len(m.list)-1].Figures
	f.Peak, f.PeakAnswered = a.high, a.highAnswered
	f.high, f.highAnswered, f.Rate = 0, 0, Rate{}
	m.sums[0], m.sums[1] = f.sums(m.sums[0][:0]), a.mark.sums(m.sums[1][:0])
	for i, sum := range m.sums[0] {
		*sum -= *m.sums[1][i]
	}
	a.high, a.highAnswered = a.Live(), a.LiveAnswered
	a.mark = a.Figures
}

// sums appends every figure that only ever grows and can be added up.
func (f *Figures) sums(to []*uint64) []*uint64 {
	to = append(to, &f.Started, &f.Inbound, &f.SeenMidcall,
		&f.Outcomes, &f.Answered, &f.Effective, &f.Redirects, &f.Decided, &f.Defects,
		&f.Over, &f.Completed, &f.Ended, &f.AnsweredMs,
		&f.PDD.Count, &f.PDD.SumMs, &f.MediaVisible, &f.CallsWithDigits, &f.CallsWithInfo)
	for _, of := range [][]uint64{f.PDD.Buckets[:], f.ByRelease[:], f.ByClass[:], f.Media[:],
		f.Digits[:], f.InfoDigits[:], f.Packets[:], f.Lost[:], f.MOSMilli[:], f.MOSCalls[:]} {
		for i := range of {
			to = append(to, &of[i])
		}
	}
	return to
}
