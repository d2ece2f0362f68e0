package spool

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sipward/sipward/sync/record"
)

// What was acked and unlinked is remembered over restarts: a store that goes back
// to an older copy than that does not have it, and must learn that it never will.

// maxLines bounds how many epochs and streams without any file this is remembered of;
// the latest stay. A hello names all of them.
const maxLines = 128

// maxGoneRanges bounds what is remembered of each; mostly it is one range.
const maxGoneRanges = 64

var bucketGone = []byte("gone") // epoch, stream -> segment that was made last, ranges

// goneEntry is what open.db says of one epoch and stream.
type goneEntry struct {
	newest uint64
	ranges record.Ranges
}

func (x *goneEntry) equal(y *goneEntry) bool {
	return x.newest == y.newest && slices.Equal(x.ranges, y.ranges)
}

func (x *goneEntry) bytes() []byte {
	b := key(x.newest)
	for _, r := range x.ranges {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, r.First), r.Last)
	}
	return b
}

func (k lineKey) bytes() []byte { return append(key(k.epoch), byte(k.stream)) }

// goneNow is what a checkpoint says.
func (s *Spool) goneNow() map[lineKey]goneEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[lineKey]goneEntry)
	for k, l := range s.lines {
		if n := len(l.gone); n > 0 {
			out[k] = goneEntry{l.newest, slices.Clone(l.gone[max(0, n-maxGoneRanges):])}
		}
	}
	return out
}

// putGone writes what has changed since the last checkpoint.
func (c *checkpoint) putGone(tx *bolt.Tx, now map[lineKey]goneEntry) error {
	b, err := tx.CreateBucketIfNotExists(bucketGone)
	if err != nil {
		return fmt.Errorf("making a bucket: %w", err)
	}
	for k, x := range now {
		if old, ok := c.gone[k]; ok && old.equal(&x) {
			continue
		}
		if err := b.Put(k.bytes(), checked(k.bytes(), x.bytes())); err != nil {
			return fmt.Errorf("writing what was deleted: %w", err)
		}
	}
	for k := range c.gone {
		if _, ok := now[k]; ok {
			continue
		}
		if err := b.Delete(k.bytes()); err != nil {
			return fmt.Errorf("forgetting what was deleted: %w", err)
		}
	}
	return nil
}

// deleted reads an entry of bucketGone.
func (k *saved) deleted(name, v []byte) error {
	if len(name) != 9 || len(v) < 8 || len(v)%16 != 8 {
		return damaged("an entry of %d bytes for what was deleted", len(v))
	}
	x := goneEntry{newest: binary.BigEndian.Uint64(v)}
	for v = v[8:]; len(v) > 0; v = v[16:] {
		x.ranges.Add(record.Range{First: binary.BigEndian.Uint64(v), Last: binary.BigEndian.Uint64(v[8:])})
	}
	k.gone[lineKey{binary.BigEndian.Uint64(name), record.Stream(name[8])}] = x
	return nil
}

// loadGone takes over what the last checkpoint says was deleted, and what it says
// was there and is not: that was unlinked after it, or with the end of the run.
func (s *Spool) loadGone(kept *saved, files []*found, marks map[uint64]record.Ranges) {
	there := make(map[uint64]bool, len(files))
	for _, f := range files {
		there[f.name.id] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, x := range kept.gone {
		s.goneAlready(k, x.newest, x.ranges)
	}
	for id, x := range kept.index {
		var r record.Ranges
		r.Add(record.Range{First: x.first, Last: x.last})
		if r = r.Minus(marks[id]); !there[id] && len(r) > 0 {
			s.goneAlready(lineKey{x.epoch, x.stream}, id, r)
		}
	}
	s.forget()
}

// goneAlready notes what was deleted in an earlier run. Spool.mu is held.
func (s *Spool) goneAlready(k lineKey, newest uint64, ranges record.Ranges) {
	if k.epoch == 0 || k.stream != record.Calls && k.stream != record.Telemetry {
		return
	}
	l := s.lineOf(k)
	l.gone.AddAll(ranges)
	l.last, l.newest = max(l.last, ranges.Last()), max(l.newest, newest)
	s.nextID = max(s.nextID, newest+1)
}

// forget keeps what is remembered of deleted records within its bound. Spool.mu is held.
func (s *Spool) forget() {
	var old []lineKey
	for k, l := range s.lines {
		if len(l.segments) == 0 && k.epoch != s.epoch {
			old = append(old, k)
		}
	}
	if len(old) <= maxLines {
		return
	}
	slices.SortFunc(old, func(a, b lineKey) int { return cmp.Compare(s.lines[a].newest, s.lines[b].newest) })
	for _, k := range old[:len(old)-maxLines] {
		delete(s.lines, k)
		s.stats.Forgotten++
	}
}
