package pipeline

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
)

// Saved is what Config.Saved was last told of one ID, by the run before.
type Saved struct {
	ID    uint64
	State []byte
}

// theRun is the ID under which a Core saves until when it watched.
const theRun = 0

// Restore begins a run of the agent, of the given epoch: legs that are opened
// from now on have it. It takes over the calls that the run before had open, if
// any, with their media and their places in the live gauges. now is the time by
// the clock that stamps the frames, in nanoseconds since the Unix epoch; Restore
// comes before the first frame, and sorts saved. bad is how many calls could not be taken over;
// these are dropped.
func (c *Core) Restore(epoch uint64, saved []Saved, now int64) (restored, bad int) {
	c.legs.SetEpoch(epoch)
	slices.SortFunc(saved, func(a, b Saved) int { return cmp.Compare(a.ID, b.ID) })
	var alive int64
	if len(saved) > 0 && saved[0].ID == theRun {
		alive, saved = readAlive(saved[0].State), saved[1:]
	}
	for part := range slices.Chunk(saved, restoreAtOnce) {
		c.guard(func() { bad += c.takeOver(part, alive, now) })
	}
	c.Tick(now) // saves them, and then that this run watches
	return len(saved) - bad, bad
}

// restoreAtOnce bounds the memory that the effects of so many calls take.
const restoreAtOnce = 256

// takeOver restores some calls and returns how many could not be.
func (c *Core) takeOver(saved []Saved, alive, now int64) (bad int) {
	states := make([][]byte, len(saved))
	for i := range saved {
		states[i] = saved[i].State
	}
	effects, refused := c.legs.Restore(states, alive, now)
	c.apply(effects)
	for _, i := range refused {
		c.dropped(saved[i].ID)
	}
	return len(refused)
}

// checkpoint saves the calls that changed. A call that comes and goes between
// two checkpoints costs nothing.
func (c *Core) checkpoint() {
	if c.cfg.Saved == nil {
		return
	}
	for l := range c.legs.Changed {
		c.state = c.legs.Save(l, c.state[:0])
		c.cfg.Saved(l.ID, c.state)
	}
	c.state = appendAlive(c.state[:0], c.clock.now)
	c.cfg.Saved(theRun, c.state)
}

const aliveVersion = 1

func appendAlive(to []byte, now int64) []byte {
	return binary.BigEndian.AppendUint64(append(to, aliveVersion), uint64(now)) // and back
}

// readAlive returns until when a run watched, 0 if that cannot be read.
func readAlive(b []byte) int64 {
	if len(b) != 9 || b[0] != aliveVersion {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[1:])) // and back
}

func (c *Core) dropped(id uint64) {
	if c.cfg.Dropped != nil {
		c.cfg.Dropped(id)
	}
}

func (c *Core) minutes(list []counters.Minute) {
	if c.cfg.Minute != nil && len(list) > 0 {
		c.cfg.Minute(list, c.book)
	}
}

func (c *Core) ticked() {
	if c.cfg.Ticked != nil {
		c.cfg.Ticked(c.clock.now)
	}
}

// alive returns when any media of a restored leg last passed, 0 for never, and
// whether it must have if there is any.
func (c *Core) alive(l *dialog.Leg) (last int64, sure bool) {
	if !c.sees() {
		return 0, false
	}
	caller, callee := c.lastBySide(l)
	return max(caller, callee), c.local(l)
}
