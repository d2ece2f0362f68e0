package spool

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sipward/sipward/sync/record"
)

const (
	openName = "open.db"
	openNew  = "open.db.new"
)

// Buckets of open.db. Every value begins with its CRC-32C.
var (
	bucketOpen    = []byte("open")     // number of a call -> its state
	bucketIndex   = []byte("segments") // id -> epoch, stream, first, last, what was declared
	bucketRefused = []byte("refused")  // epoch, stream, reason -> all, told
	bucketState   = []byte("state")    // version, alive, position
)

// checkpoint is what open.db will say. A file of an earlier run is read and
// written anew, never written on: bbolt would have to trust it.
type checkpoint struct {
	size  atomic.Int64 // bytes on disk, with the spare
	short atomic.Bool  // the last one found no room

	mu      sync.Mutex        // guards below
	known   map[uint64]int    // bytes that the state takes
	bytes   int64             // sum of these
	most    int64             // that may be
	changes map[uint64][]byte // nil: dropped
	refused uint64
	saved   []Saved // of the last run
	marked  int64   // hour of the last HourMark behind the position

	// Only the task that writes checkpoints uses what follows.
	db      *bolt.DB
	indexed map[uint64]indexEntry
	counted map[refusal][2]uint64
	gone    map[lineKey]goneEntry
	before  position // at the last checkpoint but one
	used    int64    // bytes of open.db
	room    int64    // that it has on disk, at least
	spare   int64    // and the spare
}

func (c *checkpoint) init() {
	c.known, c.changes = map[uint64]int{}, map[uint64][]byte{}
	c.most = math.MaxInt64 // Open knows better
	c.indexed = map[uint64]indexEntry{}
	c.counted = map[refusal][2]uint64{}
	c.gone = map[lineKey]goneEntry{}
}

// checkpoints writes one every second, and a last one when stop is closed.
func (s *Spool) checkpoints(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.checkpoint(false)
		case <-stop:
			s.checkpoint(true)
			if s.open.db != nil {
				_ = s.open.db.Close()
			}
			return
		}
	}
}

// checkpoint writes what has changed. The order is what makes it safe: first the
// changes are taken, then all records that were handed over before them become
// durable, then the changes do. So no call is gone from here before its record is
// on disk. The position is that of one checkpoint before: a call whose record is
// below it was dropped with it (AddCall), before the changes were taken.
func (s *Spool) checkpoint(last bool) {
	changes := s.open.take()
	s.queue.drained(record.Calls)
	s.commitCheckpoint(changes, last)
}

// take returns what has changed since it was last called.
func (c *checkpoint) take() map[uint64][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := c.changes
	c.changes = map[uint64][]byte{}
	return changes
}

// giveBack undoes take for what has not changed once more.
func (c *checkpoint) giveBack(changes map[uint64][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, v := range changes {
		if _, newer := c.changes[k]; newer {
			continue
		}
		c.changes[k] = v
		if v != nil {
			c.know(k, v)
		}
	}
}

// commitCheckpoint writes changes that checkpoint, or Open, has taken.
func (s *Spool) commitCheckpoint(changes map[uint64][]byte, last bool) {
	c := &s.open
	s.mu.Lock()
	at := position{s.epoch, s.lineOf(lineKey{s.epoch, record.Calls}).last, s.nextID}
	was := s.position
	s.mu.Unlock()
	pos := c.before
	if pos.epoch == 0 {
		pos = position{epoch: s.epoch, segment: at.segment}
		was = pos
	}
	if last {
		pos = at
	}
	err := s.writeCheckpoint(changes, pos)
	if noRoom(err) {
		c.short.Store(true)
		// The states of calls that go on can wait, what has ended cannot.
		going := maps.Clone(changes)
		maps.DeleteFunc(going, func(_ uint64, state []byte) bool { return state == nil })
		maps.DeleteFunc(changes, func(_ uint64, state []byte) bool { return state != nil })
		c.giveBack(going)
		s.seldom.Error(time.Now(), "spool: the disk is full; a restart now would not know some calls that go on", "calls", len(going), "err", err)
		ended := slices.Sorted(maps.Keys(changes))
		if err = s.dropInParts(ended, was, pos); noRoom(err) && s.giveReserve() { // else no segment could ever go
			err = s.dropInParts(ended, was, pos)
		}
	}
	if err != nil {
		c.giveBack(changes)
		s.mu.Lock()
		s.stats.CheckpointErrors++
		s.mu.Unlock()
		s.seldom.Error(time.Now(), "spool: writing the checkpoint of open calls", "err", err)
		return
	}
	c.before = at
	s.mu.Lock()
	s.position = pos
	s.stats.Checkpoints++
	s.mu.Unlock()
	poke(s.wake)
}
