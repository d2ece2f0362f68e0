package history

import (
	"math"
	"math/rand/v2"
	"time"
)

// hours is how busy each hour (UTC) of a working day is.
var hours = [24]float64{.25, .2, .18, .18, .2, .3, .5, .9, 1.5, 2.1, 2.3, 2.2, 1.8, 2, 2.2, 2.1, 1.9, 1.5, 1.1, .8, .65, .5, .4, .3}

// weekdays is how busy each day is, from Sunday on.
var weekdays = [7]float64{.45, 1.15, 1.1, 1.05, 1.1, 1, .55}

// rhythm returns how busy t is, 1 on the average of a week. What lies between the middles of two
// hours is between their values.
func rhythm(t time.Time) float64 {
	t = t.UTC()
	at := float64(t.Hour()) + float64(t.Minute())/60 - .5
	low := math.Floor(at)
	a, b := hours[(int(low)+24)%24], hours[(int(low)+25)%24]
	return (a + (b-a)*(at-low)) * weekdays[t.Weekday()] / average
}

// average is that of hours times that of weekdays.
var average = func() float64 {
	var h, d float64
	for _, x := range hours {
		h += x
	}
	for _, x := range weekdays {
		d += x
	}
	return h / 24 * d / 7
}()

// busiest is above all that rhythm returns.
const busiest = 4

// next returns when the next call comes after now; all times are nanoseconds since the Unix
// epoch. Calls come on their own, so the gaps are exponential (a Poisson process), and of those of
// the busiest hour as many are left out as the hour asks for.
func next(r *rand.Rand, now int64, perHour float64) int64 {
	for {
		now += int64(r.ExpFloat64() / (perHour * busiest) * float64(time.Hour))
		if r.Float64()*busiest < rhythm(time.Unix(0, now)) {
			return wholeMs(now)
		}
	}
}

// wholeMs cuts a time to milliseconds: records have no more.
func wholeMs(ns int64) int64 { return ns - ns%int64(time.Millisecond) }

// pick returns an index by weight.
func pick[T any](r *rand.Rand, list []T, weight func(*T) float64) int {
	total := 0.0
	for i := range list {
		total += weight(&list[i])
	}
	at := r.Float64() * total
	for i := range list {
		if at -= weight(&list[i]); at < 0 {
			return i
		}
	}
	return len(list) - 1
}

// between returns a time of a to b, in whole milliseconds.
func between(r *rand.Rand, a, b time.Duration) int64 { return wholeMs(int64(a) + r.Int64N(int64(b-a))) }

// length is how long people talk: half of them less than 100 seconds, few for an hour.
func length(r *rand.Rand) int64 {
	s := math.Exp(math.Log(100) + .95*r.NormFloat64())
	return wholeMs(int64(min(max(s, 2), 3600) * float64(time.Second)))
}
