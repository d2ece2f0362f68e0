package uplink

import "time"

const (
	clockAge  = 10 * time.Minute // a sample is good for so long: quartz drifts by 100 ms a day at worst
	clockMost = 16               // samples
	skewMost  = 2 * time.Second  // above it, hours of the nodes no longer match
)

// clock compares the clock of this host with the collector's, from hellos and
// their answers. The answer that took the least time knows best: the error is at
// most half of it. Times pass by the monotonic clock, so that a step of the wall
// clock shows at once.
type clock struct{ samples []sample }

type sample struct {
	at     time.Time // when the answer came
	theirs int64     // the collector's clock then, milliseconds since the Unix epoch
	took   time.Duration
}

func (c *clock) add(now, asked time.Time, theirs int64) {
	if theirs <= 0 {
		return
	}
	if len(c.samples) == clockMost {
		c.samples = append(c.samples[:0], c.samples[1:]...)
	}
	took := now.Sub(asked)
	c.samples = append(c.samples, sample{now, theirs + (took / 2).Milliseconds(), took})
}

// skew is how far this host's clock is ahead of the collector's, and by how much
// that may be wrong; false when there is nothing to tell by.
func (c *clock) skew(now time.Time) (ahead, within time.Duration, ok bool) {
	var best *sample
	for i := range c.samples {
		x := &c.samples[i]
		if now.Sub(x.at) <= clockAge && (best == nil || x.took <= best.took) {
			best = x
		}
	}
	if best == nil {
		return 0, 0, false
	}
	theirs := time.UnixMilli(best.theirs).Add(now.Sub(best.at))
	return now.Round(0).Sub(theirs), best.took / 2, true
}
