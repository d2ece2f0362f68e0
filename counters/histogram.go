package counters

import "time"

// pddBounds are the upper bounds of the post-dial delay buckets in
// milliseconds. Below half a second a caller notices nothing; above ten he has
// hung up.
var pddBounds = [...]uint64{50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 4000, 5000, 7500, 10_000, 15_000, 20_000, 30_000}

// Histogram counts delays by upper bound. Buckets are not cumulative; the last
// one is for what is above every bound.
type Histogram struct {
	Buckets [len(pddBounds) + 1]uint64
	Count   uint64
	SumMs   uint64
}

// PDDBounds returns the upper bounds of Histogram.Buckets in milliseconds, one
// less than there are buckets.
func PDDBounds() []uint64 { return pddBounds[:] }

// observe counts a delay in nanoseconds.
func (h *Histogram) observe(delay int64) {
	ms := milliseconds(delay)
	i := 0
	for i < len(pddBounds) && ms > pddBounds[i] {
		i++
	}
	h.Buckets[i]++
	h.Count++
	h.SumMs += ms
}

// Mean is the average delay in milliseconds.
func (h *Histogram) Mean() Ratio { return Ratio{h.SumMs, h.Count} }

// Quantile returns the upper bound in milliseconds of the bucket that holds
// the q-th part (0 to 1) of the delays; false when there are none, or when it
// is above every bound.
func (h *Histogram) Quantile(q float64) (uint64, bool) {
	want := uint64(q * float64(h.Count))
	var n uint64
	for i, bound := range pddBounds {
		n += h.Buckets[i]
		if n > 0 && n >= want {
			return bound, true
		}
	}
	return 0, false
}

// milliseconds rounds nanoseconds to milliseconds; what is negative because
// packets were captured out of order is 0.
func milliseconds(ns int64) uint64 {
	if ns <= 0 {
		return 0
	}
	return uint64(time.Duration(ns).Round(time.Millisecond) / time.Millisecond) // above 0
}

// Rate counts events a second, by the seconds of the packets' own clock.
type Rate struct {
	Last  uint64 // in the last full second
	Max   uint64 // most in one second since the start
	MaxAt int64  // that second, since the Unix epoch
	count uint64
	at    int64
}

const second = int64(time.Second)

// rateSlack is how many seconds late an event may be.
const rateSlack = 10

// add counts one event at now, in nanoseconds since the Unix epoch.
func (r *Rate) add(now int64) {
	r.roll(now)
	r.count++
	if r.count > r.Max {
		r.Max, r.MaxAt = r.count, r.at
	}
}

// roll begins a new second when now is in one. Time that runs backwards, as
// files with several interfaces have it, stays in the present one; a clock
// that was set back begins anew.
func (r *Rate) roll(now int64) {
	s := now / second
	if s <= r.at && s >= r.at-rateSlack {
		return
	}
	r.Last = 0
	if s == r.at+1 {
		r.Last = r.count
	}
	r.at, r.count = s, 0
}
