package spool

import (
	"github.com/sipward/sipward/sync/record"
)

// isCall reports whether an id is that of a call. The first and the last are for
// what else an agent wants to find again after a restart.
func isCall(id uint64) bool { return id != 0 && id != ^uint64(0) }

// countCalls counts the ids of a checkpoint that are those of calls.
func countCalls[V any](ids map[uint64]V) int {
	n := len(ids)
	for _, id := range []uint64{0, ^uint64(0)} {
		if _, ok := ids[id]; ok {
			n--
		}
	}
	return n
}

// SaveOpen notes the state of a call that goes on, for the run after this one. id
// is the leg_id that its Call record will have; no two calls that go on share one; 0
// and 2^64-1 are no calls, and stay until they are saved anew. It is
// on disk after a second or two. The slice is kept. At most 200,000 calls of at
// most 64 KiB are noted, and of all no more than an eighth of the budget; what is
// above is counted.
func (s *Spool) SaveOpen(id uint64, state []byte) {
	c := &s.open
	if state == nil {
		state = []byte{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.may(id, state) {
		c.refused++
		return
	}
	c.know(id, state)
	c.changes[id] = state
}

// stateBytes is what a state takes in open.db.
func stateBytes(state []byte) int { return len(state) + 32 }

// may reports whether a state can be noted. The lock is held.
func (c *checkpoint) may(id uint64, state []byte) bool {
	was, known := c.known[id]
	if !isCall(id) {
		return true
	}
	return (known || len(c.known) < maxOpen) && len(state) <= maxOpenBytes && c.bytes+int64(stateBytes(state)-was) <= c.most
}

// know counts a state that is noted. The lock is held.
func (c *checkpoint) know(id uint64, state []byte) {
	n := stateBytes(state)
	c.bytes += int64(n - c.known[id])
	c.known[id] = n
}

// AddCall hands over the record of a call that has ended, as Add does, and drops
// the call, in one step: no checkpoint comes between the two, and none has a
// position behind the record with the call still open, whatever holds up the
// caller. A restart would bill it twice.
func (s *Spool) AddCall(id uint64, encoded []byte) bool {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	added := s.Add(record.Calls, encoded)
	c.drop(id)
	return added
}

// DropOpen says that a call has ended. Its Call record must have been handed
// over before: a checkpoint waits for what was queued before it.
func (s *Spool) DropOpen(id uint64) {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(id)
}

// drop forgets a call. The lock is held.
func (c *checkpoint) drop(id uint64) {
	n, ok := c.known[id]
	if !ok {
		return
	}
	c.bytes -= int64(n)
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

// LastMark is the beginning of the last hour that the run before closed after its
// last checkpoint, seconds since the Unix epoch; 0: it closed none. What that
// checkpoint says of closed hours is older.
func (s *Spool) LastMark() int64 {
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marked
}
