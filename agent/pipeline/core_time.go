package pipeline

import (
	"time"

	"github.com/sipward/sipward/sip/packet"
)

// The time of a Core is that of its frames. It does not believe just any of
// them. Live, one clock stamps the frames and calls Tick, and it can be set:
// by NTP, by hand, when a suspended machine goes on. In a file, time leaps
// over hours where captures were joined, goes back where they were joined out
// of order, and is nonsense where a byte is damaged. So a frame that is out of
// line waits for the next one, and the one of the two times that is nearer to
// the next is right. In a file in the order of time that is always the waiting
// frame's, whatever lies between, and nothing differs from one that is
// believed at once.

// inLine is how far the time of a frame may be from that of the last: more
// than packets overtake each other by, in a capture or between two captures.
const inLine = 10 * time.Second

// clock is the time of a Core.
type clock struct {
	now         int64 // nanoseconds since the Unix epoch; 0: nothing was seen
	first, last int64 // earliest and latest so far
	waiting     bool
	frame       packet.Frame // which waits; its bytes are ours
}

// distance is how far two times are apart, for any two of them.
func distance(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	return uint64(a) - uint64(b) // right modulo 2^64, whatever the signs
}

// Frame takes one captured frame, which may be dealt with only with the next
// one, a Tick or Finish. Whatever is in it, Frame returns; a panic is a bug of
// ours and costs this one frame.
func (c *Core) Frame(f *packet.Frame) {
	c.stats.Frames++
	if c.clock.waiting {
		w := &c.clock.frame
		c.resume(distance(f.Time, w.Time) < distance(f.Time, c.clock.now))
	}
	if c.clock.now != 0 && distance(f.Time, c.clock.now) > uint64(inLine) {
		c.wait(f)
		return
	}
	c.pass(f.Time)
	c.decode(f)
}

// wait keeps a copy of f.
func (c *Core) wait(f *packet.Frame) {
	w := &c.clock.frame
	data := append(w.Data[:0], f.Data...)
	*w = *f
	w.Data = data
	c.clock.waiting = true
}

// resume takes the frame that waited, at its own time if that is right. If
// not, the frame may still be sound: it is taken as of now.
func (c *Core) resume(right bool) {
	w := &c.clock.frame
	c.clock.waiting = false
	if right {
		c.set(w.Time)
	} else {
		c.stats.StrayTimes++
		w.Time = c.clock.now
	}
	c.decode(w)
}

// Tick lets time pass without a frame; now is in nanoseconds since the Unix
// epoch, by the clock that stamps the frames. It is believed: no more than a
// second of frames ever runs by a wrong time.
func (c *Core) Tick(now int64) {
	c.set(now)
	if c.clock.waiting {
		c.resume(distance(c.clock.frame.Time, c.clock.now) <= uint64(inLine))
	}
}

// set makes it now, be that before or after what it was. What is a little
// earlier is only late.
func (c *Core) set(now int64) {
	if now >= c.clock.now || c.clock.now == 0 || distance(now, c.clock.now) <= uint64(inLine) {
		c.pass(now)
		return
	}
	c.stats.StepsBack++
	// What is about to be settled by the old time would wait until that comes
	// again, perhaps for hours: halves of streams, and calls that are over.
	c.guard(func() { c.streams.Flush(c.whole) })
	settled := c.clock.now + int64(max(c.cfg.Dialog.Settle, inLine))
	c.guard(func() { c.apply(c.legs.Tick(settled)) })
	c.clock.now = now
	c.clock.first = min(c.clock.first, now)
	c.tick()
}

// pass lets time go on and ticks once a second of it.
func (c *Core) pass(now int64) {
	before := c.clock.now
	if before != 0 && now <= before {
		c.clock.first = min(c.clock.first, now) // a late frame can still be the earliest
		return
	}
	// Time moves first: if the tick panics, the next frame must not begin
	// with the same tick.
	c.clock.now = now
	c.clock.last = max(c.clock.last, now)
	if before == 0 {
		c.clock.first, c.clock.last = now, now
	}
	if before == 0 || now/int64(time.Second) != before/int64(time.Second) {
		c.tick()
	}
}

// tick does what is due now. A panic in one part leaves the others running.
// Minutes turn first: what ends from now on ends in the new one.
func (c *Core) tick() {
	c.guard(func() { c.minutes(c.counters.Tick(c.clock.now)) })
	c.guard(func() { c.streams.Tick(c.clock.now, c.whole) })
	c.guard(func() { c.apply(c.legs.Tick(c.clock.now)) })
	c.guard(c.checkpoint)
	c.guard(c.ticked)
}

// Finish closes everything that is open: the capture, or the agent, ends. With
// KeepOpen calls stay as they are, also those whose end still settles: another
// run goes on with them.
func (c *Core) Finish() {
	if c.clock.waiting { // nothing speaks against a last frame after a silence
		c.resume(c.clock.frame.Time > c.clock.now)
	}
	c.guard(func() { c.streams.Flush(c.whole) })
	if !c.cfg.KeepOpen {
		c.guard(func() { c.apply(c.legs.Finish(c.clock.now)) })
	}
	c.guard(func() { c.minutes(c.counters.Close()) })
	c.guard(c.checkpoint)
	c.guard(c.ticked)
	if c.cfg.Flows == nil {
		return
	}
	c.guard(func() {
		for f := range c.media.Learned() {
			c.cfg.Flows(nil, f)
		}
	})
}
