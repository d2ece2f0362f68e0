package testkit

import (
	"context"
	"time"
)

// Pace is a Sink that waits until it is time for each packet, counted from the
// first one, and then hands it on with the time of now.
type Pace struct {
	Context context.Context // ends the waits of one Play
	To      Sink

	begin time.Time
	first int64
	timer *time.Timer
}

// shortWait is not worth a timer: the packet goes out a little early.
const shortWait = 200 * time.Microsecond

// Send waits, and returns the context's error when that ends first.
func (s *Pace) Send(p *Packet) error {
	if s.timer == nil {
		s.begin, s.first = time.Now(), p.At
		s.timer = time.NewTimer(time.Hour)
	}
	if wait := time.Until(s.begin.Add(time.Duration(p.At - s.first))); wait > shortWait {
		s.timer.Reset(wait)
		select {
		case <-s.timer.C:
		case <-s.Context.Done():
			return s.Context.Err()
		}
	}
	q := *p
	q.At = time.Now().UnixNano()
	return s.To.Send(&q)
}
