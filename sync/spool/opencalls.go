package spool

import "time"

// SaveOpen notes the state of a call that goes on, for the run after this one. id
// is the leg_id that its Call record will have; no two calls that go on share one. It is
// on disk after a second or two. The slice is kept. At most 200,000 calls of at
// most 64 KiB are noted; what is above is counted.
func (s *Spool) SaveOpen(id uint64, state []byte) {
	c := &s.open
	if state == nil {
		state = []byte{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.known[id]; !ok && len(c.known) >= maxOpen || len(state) > maxOpenBytes {
		c.refused++
		return
	}
	c.known[id] = struct{}{}
	c.changes[id] = state
}

// DropOpen says that a call has ended. Its Call record must have been handed
// over before: a checkpoint waits for what was queued before it.
func (s *Spool) DropOpen(id uint64) {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.known[id]; !ok {
		return
	}
	delete(c.known, id)
	c.changes[id] = nil
}

// OpenCalls returns the calls that were going on when the last run ended, by
// their numbers. They stay in the checkpoint until DropOpen is called for them. A
// second call returns nothing: they can be large.
func (s *Spool) OpenCalls() []Saved {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	saved := c.saved
	c.saved = nil
	return saved
}

// LastAlive is when an earlier run was last known to be alive, within a second
// or two; the zero time when there was none.
func (s *Spool) LastAlive() time.Time {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.alive
}
