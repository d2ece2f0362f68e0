package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

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

func (s *Spool) writeCheckpoint(changes map[uint64][]byte, pos position) (err error) {
	c := &s.open
	path := filepath.Join(s.cfg.Dir, openName)
	fresh := c.db == nil
	if fresh {
		path = filepath.Join(s.cfg.Dir, openNew)
		s.takeSpare(path)
		if c.db, err = bolt.Open(path, 0o600, boltOptions(1<<20, 0)); err != nil {
			c.db = nil
			_ = os.Remove(path)
			return fmt.Errorf("creating %s: %w", openName, err)
		}
		c.db.AllocSize = step / 4
		defer func() {
			if err != nil && c.db != nil {
				_ = c.db.Close()
				c.db = nil
			}
			if err != nil {
				_ = os.Remove(path)
			}
		}()
		clear(c.indexed)
		clear(c.counted)
		clear(c.gone)
	}
	index, counted := s.indexNow()
	deleted := s.goneNow()
	c.db.MaxSize = s.mostOpen(changes)
	used, broken, err := update(c.db, func(tx *bolt.Tx) error {
		if err := c.putGone(tx, deleted); err != nil {
			return err
		}
		return c.put(tx, changes, pos, index, counted, s.epoch)
	})
	if broken {
		s.lostCheckpoint()
	}
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		err = fmt.Errorf("%w: the rest of the disk is for records", unix.ENOSPC)
	}
	if err != nil {
		return err
	}
	if fresh {
		if err = os.Rename(path, filepath.Join(s.cfg.Dir, openName)); err != nil {
			return fmt.Errorf("putting %s in its place: %w", openName, err)
		}
		if err = syncDir(s.cfg.Dir); err != nil {
			return err
		}
	}
	c.indexed, c.counted, c.gone = index, counted, deleted
	s.keepRoom(used)
	return nil
}

// lostCheckpoint begins open.db anew after it broke under us. The calls in it are
// known again when their state changes.
func (s *Spool) lostCheckpoint() {
	c := &s.open
	c.db = nil
	c.mu.Lock()
	clear(c.known)
	c.bytes = 0
	for id, state := range c.changes {
		if state != nil {
			c.know(id, state)
		}
	}
	c.mu.Unlock()
	s.mu.Lock()
	s.stats.Corrupt++
	s.mu.Unlock()
}

// put fills a transaction.
func (c *checkpoint) put(tx *bolt.Tx, changes map[uint64][]byte, pos position, index map[uint64]indexEntry, counted map[refusal][2]uint64, epoch uint64) error {
	buckets := map[string]*bolt.Bucket{}
	for _, name := range [][]byte{bucketOpen, bucketIndex, bucketRefused, bucketState} {
		b, err := tx.CreateBucketIfNotExists(name)
		if err != nil {
			return fmt.Errorf("making a bucket: %w", err)
		}
		buckets[string(name)] = b
	}
	write := func(bucket []byte, k []byte, v []byte) error {
		if v == nil {
			return buckets[string(bucket)].Delete(k)
		}
		return buckets[string(bucket)].Put(k, checked(k, v))
	}
	// Numbers of calls only rise: pages may be full, and what comes last goes last.
	buckets[string(bucketOpen)].FillPercent = 0.9
	for _, k := range slices.Sorted(maps.Keys(changes)) {
		if err := write(bucketOpen, key(k), changes[k]); err != nil {
			return fmt.Errorf("writing an open call: %w", err)
		}
	}
	for id, x := range index {
		if old, ok := c.indexed[id]; ok && old.equal(&x) {
			continue
		}
		if err := write(bucketIndex, key(id), x.bytes()); err != nil {
			return fmt.Errorf("writing a segment's range: %w", err)
		}
	}
	for id := range c.indexed {
		if _, ok := index[id]; !ok {
			if err := write(bucketIndex, key(id), nil); err != nil {
				return fmt.Errorf("removing a segment's range: %w", err)
			}
		}
	}
	for x, n := range counted {
		if n == c.counted[x] {
			continue
		}
		k := append(binary.BigEndian.AppendUint64(nil, epoch), byte(x.stream))
		v := binary.BigEndian.AppendUint64(key(n[0]), n[1])
		if err := write(bucketRefused, append(k, x.reason...), v); err != nil {
			return fmt.Errorf("writing what was refused: %w", err)
		}
	}
	for k, v := range map[string][]byte{
		"version":  key(formatNumber),
		"alive":    key(uint64(time.Now().UnixMilli())), // after 1970
		"position": binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(key(pos.epoch), pos.seq), pos.segment),
	} {
		if err := write(bucketState, []byte(k), v); err != nil {
			return fmt.Errorf("writing the state: %w", err)
		}
	}
	return nil
}
