package spool

import (
	"errors"
	"os"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// room sees to it that there is a segment being written, and that what it needs
// for records is allocated.
func (s *Spool) room(st record.Stream, records [][]byte) error {
	need := int64(64 << 10)
	for _, r := range records {
		need += 2 * int64(len(r)+64)
	}
	g := s.writing[index(st)]
	if g != nil && g.active.used() >= s.seg {
		s.seal(g)
		g = nil
	}
	if g != nil && g.active.room() >= need {
		return nil
	}
	for {
		err := s.extend(st, need)
		if err == nil {
			return nil
		}
		if !noRoom(err) && !errors.Is(err, errBudget) {
			return err
		}
		if !s.makeRoom(st) {
			return err
		}
	}
}

// extend allocates need bytes, in the segment that is being written or a new
// one: if it can be had, as much again as is there, since each time costs as much as
// several commits; else the rest of a step.
func (s *Spool) extend(st record.Stream, need int64) error {
	g := s.writing[index(st)]
	least := (need + s.step - 1) / s.step * s.step
	if g == nil {
		return s.begin(st, least)
	}
	used := g.active.used()
	if most := min(used, s.seg+s.step-used); most > least && s.growTo(g, used+most) == nil {
		return nil
	}
	return s.growTo(g, used+least)
}

func (s *Spool) growTo(g *segment, size int64) error {
	if err := s.affordable(size - g.active.size); err != nil {
		return err
	}
	if err := g.active.grow(size); err != nil {
		return err
	}
	s.mu.Lock()
	g.bytes = g.active.size
	s.mu.Unlock()
	return nil
}

// begin makes a new segment of size bytes.
func (s *Spool) begin(st record.Stream, size int64) error {
	if err := s.affordable(size); err != nil {
		return err
	}
	s.mu.Lock()
	g := &segment{id: s.nextID, epoch: s.epoch, stream: st, created: time.Now()}
	l := s.lineOf(lineKey{s.epoch, st})
	g.first = l.last + 1
	s.mu.Unlock()
	g.name = segmentName(g.id, g.epoch, st, suffixSegment)
	a, err := createActive(s.cfg.Dir, g.name, g, g.first, l.newest, size)
	if err != nil {
		return err
	}
	a.db.NoSync = s.noSync
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	g.active, g.bytes = a, a.size
	l.segments, l.newest = append(l.segments, g), g.id
	s.segments = append(s.segments, g)
	s.writing[index(st)] = g
	return nil
}

// seal ends the writing of a segment. After a failed commit it is not known what
// bbolt has left in the file: the index keeps to what was committed, and the
// numbers above are given out again with the same records. Nobody reads meanwhile:
// the file is neither bbolt's nor ours.
func (s *Spool) seal(g *segment) {
	s.reading.Lock()
	defer s.reading.Unlock()
	a := g.active
	err := a.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	g.active = nil
	if info, statErr := os.Stat(a.path); statErr == nil {
		g.bytes = info.Size()
	}
	s.writing[index(g.stream)] = nil
	if err != nil {
		s.seldom.Error(time.Now(), "spool: ending a segment", "file", g.name, "err", err)
	}
}

// giveUp ends the segments that a reader has found damaged, so that they are
// looked into like any other.
func (s *Spool) giveUp() {
	s.mu.Lock()
	suspects := s.suspects
	s.suspects = nil
	s.mu.Unlock()
	for _, g := range suspects {
		if g.active == nil {
			continue
		}
		s.seal(g)
		s.reading.Lock()
		s.damaged(g, 0, damaged("found while it was being written"))
		s.reading.Unlock()
	}
}
