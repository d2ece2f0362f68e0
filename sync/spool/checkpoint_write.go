package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// writeCheckpoint writes changes to open.db, which the first one of a run makes
// anew beside the last run's, and puts in its place.
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
