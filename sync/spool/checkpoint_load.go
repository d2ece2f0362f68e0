package spool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// indexEntry is what open.db knows of a segment, for when its file no longer says.
type indexEntry struct {
	epoch       uint64
	stream      record.Stream
	first, last uint64
	declared    record.Ranges
}

func (x *indexEntry) equal(y *indexEntry) bool {
	return x.epoch == y.epoch && x.stream == y.stream && x.first == y.first && x.last == y.last && slices.Equal(x.declared, y.declared)
}

func (x *indexEntry) bytes() []byte {
	b := binary.BigEndian.AppendUint64(key(x.epoch), uint64(x.stream))
	b = binary.BigEndian.AppendUint64(b, x.first)
	b = binary.BigEndian.AppendUint64(b, x.last)
	for _, r := range x.declared {
		b = binary.BigEndian.AppendUint64(b, r.First)
		b = binary.BigEndian.AppendUint64(b, r.Last)
	}
	return b
}

func parseIndex(b []byte) (x indexEntry, ok bool) {
	if len(b) < 32 || len(b)%16 != 0 {
		return x, false
	}
	x.epoch, x.stream = binary.BigEndian.Uint64(b), record.Stream(binary.BigEndian.Uint64(b[8:])) // checked by its user
	x.first, x.last = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
	for b = b[32:]; len(b) > 0; b = b[16:] {
		x.declared.Add(record.Range{First: binary.BigEndian.Uint64(b), Last: binary.BigEndian.Uint64(b[8:])})
	}
	return x, true
}

// indexNow is what a checkpoint says of the segments, and of what was refused.
func (s *Spool) indexNow() (map[uint64]indexEntry, map[refusal][2]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[uint64]indexEntry, len(s.segments))
	for _, g := range s.segments {
		x := indexEntry{epoch: g.epoch, stream: g.stream, first: g.first, last: max(g.last(), g.lost.Last())}
		if len(g.lost) > 0 {
			x.declared = g.lost.Clone()
			for i := range s.losses {
				if s.losses[i].seg == g.id {
					x.declared.Remove(s.losses[i].r)
				}
			}
		}
		out[g.id] = x
	}
	counted := make(map[refusal][2]uint64, len(s.refusals.all))
	for x, n := range s.refusals.all {
		counted[x] = [2]uint64{n, s.refusals.told[x]}
	}
	return out, counted
}

// checked puts the checksum of a key and a value before the value.
func checked(k, v []byte) []byte {
	c := crc32.Update(crc32.Checksum(k, castagnoli), castagnoli, v)
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(v)), c), v...)
}

func uncheck(k, v []byte) ([]byte, error) {
	if len(v) < 4 || binary.BigEndian.Uint32(v) != crc32.Update(crc32.Checksum(k, castagnoli), castagnoli, v[4:]) {
		return nil, damaged("the checksum of entry %x differs", k)
	}
	return v[4:], nil
}

// saved is what open.db of the last run says.
type saved struct {
	used     int64 // bytes of the file
	alive    time.Time
	position position
	calls    map[uint64][]byte
	index    map[uint64]indexEntry
	refused  map[uint64]map[string]saidRefused // epoch, then stream and reason
	gone     map[lineKey]goneEntry
}

type saidRefused struct{ all, told uint64 }

// loadCheckpoint reads open.db. A damaged one is set aside: what goes on is then
// not known, and calls that end are records without their beginning.
func (s *Spool) loadCheckpoint() (*saved, error) {
	_ = os.Remove(filepath.Join(s.cfg.Dir, openNew))
	path := filepath.Join(s.cfg.Dir, openName)
	k, err := readCheckpoint(path)
	switch {
	case errors.Is(err, errDamaged):
		s.cfg.Log.Error("spool: the checkpoint of open calls is damaged", "file", path, "err", err)
		s.mu.Lock()
		s.stats.Corrupt++
		s.mu.Unlock()
		if err := os.Rename(path, path+"."+suffixCorrupt); err != nil {
			return nil, fmt.Errorf("setting the checkpoint aside: %w", err)
		}
	case err != nil:
		return nil, err
	}
	return k, nil
}

// readCheckpoint reads as much as is good; it never returns nil.
func readCheckpoint(path string) (*saved, error) {
	k := &saved{calls: map[uint64][]byte{}, index: map[uint64]indexEntry{}, refused: map[uint64]map[string]saidRefused{}, gone: map[lineKey]goneEntry{}}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, fmt.Errorf("reading the checkpoint: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return k, fmt.Errorf("reading the checkpoint: %w", err)
	}
	t, err := openTree(f, info.Size())
	if err != nil {
		return k, err
	}
	k.used = int64(t.meta.next) * pageSize // no more than the file has
	top, err := t.buckets()
	if err != nil {
		return k, err
	}
	for _, b := range []struct {
		name []byte
		do   func(key, value []byte) error
	}{{bucketState, k.state}, {bucketIndex, k.segment}, {bucketRefused, k.refusal}, {bucketGone, k.deleted}, {bucketOpen, k.call}} {
		value := top[string(b.name)]
		if value == nil {
			return k, damaged("no bucket %s", b.name)
		}
		err := t.bucket(value, func(_ uint64, key, value []byte) error {
			v, err := uncheck(key, value)
			if err != nil {
				return err
			}
			return b.do(key, v)
		})
		if err != nil {
			return k, err
		}
	}
	return k, nil
}

func (k *saved) state(name, v []byte) error {
	switch {
	case string(name) == "version" && len(v) == 8:
		if n := binary.BigEndian.Uint64(v); n > formatNumber {
			return fmt.Errorf("%w: format %d in %s", ErrFormat, n, openName)
		}
	case string(name) == "alive" && len(v) == 8:
		k.alive = time.UnixMilli(int64(binary.BigEndian.Uint64(v))) // and back
	case string(name) == "position" && len(v) == 24:
		k.position = position{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:]), binary.BigEndian.Uint64(v[16:])}
	}
	return nil
}

func (k *saved) segment(id, v []byte) error {
	x, ok := parseIndex(v)
	if !ok || len(id) != 8 {
		return damaged("an entry of %d bytes for a segment", len(v))
	}
	k.index[binary.BigEndian.Uint64(id)] = x
	return nil
}

func (k *saved) refusal(what, v []byte) error {
	if len(what) < 10 || len(v) != 16 {
		return damaged("an entry of %d bytes for what was refused", len(v))
	}
	epoch := binary.BigEndian.Uint64(what)
	if k.refused[epoch] == nil {
		k.refused[epoch] = map[string]saidRefused{}
	}
	k.refused[epoch][string(what[8:])] = saidRefused{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}
	return nil
}

func (k *saved) call(id, v []byte) error {
	if len(id) != 8 {
		return damaged("an open call with a key of %d bytes", len(id))
	}
	k.calls[binary.BigEndian.Uint64(id)] = append([]byte{}, v...)
	return nil
}

// loadOpenCalls drops the calls whose records came after the checkpoint, and
// has the first checkpoint of this run hold the others.
func (s *Spool) loadOpenCalls(k *saved) {
	if len(k.calls) > 0 {
		s.dropEnded(k)
	}
	c := &s.open
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, state := range k.calls {
		if !c.may(id, state) {
			c.refused++
			continue
		}
		c.know(id, state)
		c.changes[id] = state
		c.saved = append(c.saved, Saved{Epoch: k.position.epoch, ID: id, State: state})
	}
	slices.SortFunc(c.saved, func(a, b Saved) int { return cmp.Compare(a.ID, b.ID) })
}

// dropEnded reads the calls' records that are behind the position, and which hours
// were closed there. Numbers of calls are enough to tell: a run that takes calls
// over gives its own ones higher numbers.
func (s *Spool) dropEnded(k *saved) {
	for key, l := range s.lines {
		if key.stream != record.Calls || len(l.segments) == 0 {
			continue
		}
		from := uint64(1)
		switch {
		case key.epoch == k.position.epoch:
			from = k.position.seq + 1
		case l.segments[len(l.segments)-1].id < k.position.segment:
			continue // of a run before
		}
		s.dropEndedOf(key, from, k.calls)
	}
}

func (s *Spool) dropEndedOf(k lineKey, from uint64, calls map[uint64][]byte) {
	var buf [][]byte
	for {
		first, records, err := s.Read(k.epoch, k.stream, from, batchRecords, batchBytes, buf)
		if err != nil || first == 0 {
			return // what cannot be read was declared
		}
		for _, b := range records {
			switch r, err := record.Decode(b); {
			case err != nil:
			case r.GetCall() != nil && isCall(r.GetCall().GetLegId()):
				delete(calls, r.GetCall().GetLegId())
			case r.GetHourMark() != nil:
				s.open.marked = max(s.open.marked, r.GetHourMark().GetHourUnixS())
			}
		}
		from, buf = first+uint64(len(records)), records
	}
}
