package spool

import (
	"fmt"
	"os"
	"time"

	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
)

// Open takes the folder, reads what is in it, declares what is lost, and draws
// the epoch. Run does it where it was not done.
func (s *Spool) Open() (err error) {
	s.mu.Lock()
	was := s.opened
	s.opened = true
	s.mu.Unlock()
	if was {
		return nil
	}
	defer func() {
		if err != nil {
			s.mu.Lock()
			s.opened = false
			s.mu.Unlock()
		}
	}()
	if err := s.cfg.defaults(); err != nil {
		return err
	}
	s.seldom = seldom.New(s.cfg.Log)
	s.seg = min(s.cfg.SegmentBytes, max(256<<10, s.cfg.Budget/16))
	s.step = min(step, s.seg/2)
	s.open.most = (s.cfg.Budget - s.cfg.Reserve) / statesPart
	s.queue.limit = s.cfg.Queue
	s.readers.dir = s.cfg.Dir
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making the spool folder: %w", err)
	}
	if s.lock, err = lockFolder(s.cfg.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.lock.Close()
		}
	}()
	return s.openFolder()
}

// openFolder does the rest of Open, once the folder is locked.
func (s *Spool) openFolder() error {
	if err := checkFormat(s.cfg.Dir, true); err != nil {
		return err
	}
	kept, err := s.loadCheckpoint()
	if err != nil {
		return err
	}
	if err := s.load(kept); err != nil {
		return err
	}
	for used := true; used; { // 0 is no epoch, and one that is on disk is taken
		s.epoch = s.cfg.Rand()
		used = s.epoch == 0 || s.lines[lineKey{s.epoch, record.Calls}] != nil || s.lines[lineKey{s.epoch, record.Telemetry}] != nil
	}
	s.lineOf(lineKey{s.epoch, record.Calls})
	s.lineOf(lineKey{s.epoch, record.Telemetry})
	s.loadOpenCalls(kept)
	s.mu.Lock()
	s.position = kept.position
	s.nextID = max(s.nextID, 1)
	s.stats.Epoch = s.epoch
	s.mu.Unlock()
	s.findReserve()
	// The first checkpoint comes before the first record, which could take its room.
	s.findSpare()
	s.keepRoom(kept.used)
	s.commitCheckpoint(s.open.take(), false)
	s.takeReserve(time.Now())
	s.watch()
	return nil
}

// finishLoading does, once the spool runs, what Open only noted.
func (s *Spool) finishLoading() {
	s.mu.Lock()
	var done []uint64
	for _, g := range s.segments {
		if g.corrupt && !s.pending(g.id) {
			done = append(done, g.id)
		}
	}
	s.mu.Unlock()
	for _, id := range done {
		s.setAside(id)
	}
}
