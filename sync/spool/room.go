package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sync/record"
)

// errBudget says that the configuration, not the file system, sets the limit.
var errBudget = errors.New("there is no room")

const reserveName = "reserve"

// warnAt is the share of the budget, in percent, at which the log warns; once,
// until it is well below again.
const (
	warnAt  = 70
	coolAt  = 60
	retryIn = 2 * time.Second // for getting the reserve back
)

// affordable reports whether the spool may take more bytes of the disk.
func (s *Spool) affordable(more int64) error {
	s.mu.Lock()
	used := s.used()
	s.mu.Unlock()
	if used+more > s.cfg.Budget {
		return fmt.Errorf("%w: %d of %d MiB (budget_mib)", errBudget, used>>20, s.cfg.Budget>>20)
	}
	if s.cfg.MinFree == 0 {
		return nil
	}
	free, err := freeBytes(s.cfg.Dir)
	if err != nil {
		return err
	}
	if free-more < s.cfg.MinFree {
		return fmt.Errorf("%w: %d MiB are free, and %d must stay so for others (min_free_mib)", errBudget, free>>20, s.cfg.MinFree>>20)
	}
	return nil
}

// noRoom reports whether an error says that the disk, or a quota, is used up.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// used is the bytes of all files. Spool.mu is held.
func (s *Spool) used() int64 {
	n := s.reserve + s.open.size.Load()
	for _, g := range s.segments {
		n += g.bytes
	}
	return n
}

func freeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("asking how much room %s has: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil // far below the limit
}

// makeRoom frees the next thing that may go for records of a stream: kept
// segments that nobody needs, the oldest telemetry, for calls the reserve. It
// reports false when there is nothing more.
func (s *Spool) makeRoom(st record.Stream) bool {
	if s.unlinkKept() {
		return true
	}
	if s.shed(st) {
		return true
	}
	return st == record.Calls && s.giveReserve()
}

// unlinkKept removes the oldest segment that was wholly acked, be it the one that is
// being written: on a small disk there may be no other.
func (s *Spool) unlinkKept() bool {
	for {
		s.mu.Lock()
		var g *segment
		for _, x := range s.segments {
			if x.left() == 0 && (x.active == nil || x.have.Len() > 0) && s.deletable(x) {
				g = x
				break
			}
		}
		written := g != nil && g.active != nil
		if g != nil && !written {
			s.remove(g)
		}
		s.mu.Unlock()
		switch {
		case g == nil:
			return false
		case written:
			s.seal(g) // and look again: what was acked may have been taken back
		default:
			s.unlink(g)
			return true
		}
	}
}

// shed gives up the oldest segment of telemetry. The one that is being written
// goes last, and never for telemetry itself when it is all there is.
func (s *Spool) shed(stream record.Stream) bool {
	s.mu.Lock()
	var g *segment
	for _, x := range s.segments {
		if x.stream == record.Telemetry && (x.active == nil || stream == record.Calls || x.bytes > 2*s.step) {
			g = x
			break
		}
	}
	s.mu.Unlock()
	if g == nil {
		return false
	}
	if g.active != nil {
		s.seal(g)
	}
	// The empty file is the memory of what is to be declared. Making it takes no
	// room, and is one step: the segment is there, or its loss is.
	// Nobody reads meanwhile: the file would seem to be damaged.
	s.reading.Lock()
	defer s.reading.Unlock()
	s.mu.Lock()
	old, name := g.name, shedName(g)
	s.mu.Unlock()
	path := filepath.Join(s.cfg.Dir, name)
	if err := os.Rename(filepath.Join(s.cfg.Dir, old), path); err != nil && !gone(err) {
		s.seldom.Error(time.Now(), "spool: giving up telemetry", "err", err)
		return false
	}
	_ = syncDir(s.cfg.Dir)
	_ = os.Truncate(path, 0)
	s.readers.drop(func(x *segment) bool { return x == g })

	s.mu.Lock()
	lost := g.unacked()
	s.lose(g, lost, record.LossShed, name)
	s.remove(g)
	s.stats.ShedFiles++
	s.mu.Unlock()
	if len(lost) == 0 {
		_ = os.Remove(path)
	}
	s.seldom.Error(time.Now(), "spool: telemetry gives way", "file", old, "records", lost.Len())
	return true
}

// giveReserve frees the reserve.
func (s *Spool) giveReserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserve == 0 {
		return false
	}
	if err := os.Remove(filepath.Join(s.cfg.Dir, reserveName)); err != nil && !gone(err) {
		return false
	}
	s.reserve = 0
	s.cfg.Log.Warn("spool: the disk is full, its reserve is given to calls", "bytes", s.cfg.Reserve)
	return true
}

// findReserve looks for the reserve of an earlier run: it is there for calls whether or
// not the disk has room for another. What is not of the size that is wanted goes.
func (s *Spool) findReserve() {
	path := filepath.Join(s.cfg.Dir, reserveName)
	var has unix.Stat_t
	if unix.Stat(path, &has) != nil || s.cfg.Reserve == 0 || has.Size != s.cfg.Reserve || has.Blocks*512 < has.Size {
		_ = os.Remove(path)
		return
	}
	s.mu.Lock()
	s.reserve = s.cfg.Reserve
	s.mu.Unlock()
}

// takeReserve sets the reserve aside, when there is room for it and as much again:
// else it would be taken from the calls that come next.
func (s *Spool) takeReserve(now time.Time) {
	s.mu.Lock()
	has := s.reserve != 0
	s.mu.Unlock()
	if has || s.cfg.Reserve == 0 || now.Sub(s.tried) < retryIn {
		return
	}
	s.tried = now
	if s.affordable(2*s.cfg.Reserve) != nil {
		return
	}
	if err := s.fillReserve(); err != nil {
		_ = os.Remove(filepath.Join(s.cfg.Dir, reserveName))
		return
	}
	s.mu.Lock()
	s.reserve = s.cfg.Reserve
	s.mu.Unlock()
}

func (s *Spool) fillReserve() error {
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, reserveName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // nobody is told: it is tried again
	}
	defer f.Close()
	return unix.Fallocate(int(f.Fd()), 0, 0, s.cfg.Reserve) //nolint:wrapcheck // as above
}

// housekeep does once a second what need not be done at every commit.
func (s *Spool) housekeep() {
	now := time.Now()
	s.reap(now)
	if s.open.short.Swap(false) { // the reserve stays for what has ended
		_ = s.unlinkKept() || s.shed(record.Calls)
	}
	s.roomAgain()
	s.tell()
	s.takeReserve(now)
	s.watch()
}

// roomAgain ends the state of a full disk where nobody tries: else what was
// refused would not be declared before the next record comes.
func (s *Spool) roomAgain() {
	s.mu.Lock()
	full := s.full[0] || s.full[1]
	s.mu.Unlock()
	if !full {
		return
	}
	for !s.roomy() {
		if !s.unlinkKept() { // as any record would
			return
		}
	}
	s.mu.Lock()
	s.full = [2]bool{}
	s.mu.Unlock()
}

// roomy reports whether there is room for more than the next few commits.
func (s *Spool) roomy() bool {
	free, err := freeBytes(s.cfg.Dir)
	return err == nil && free >= 4*s.step && s.affordable(4*s.step) == nil
}

// watch warns once when the budget runs low.
func (s *Spool) watch() {
	free, err := freeBytes(s.cfg.Dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.stats.Free = free
	}
	used := s.used()
	percent := used * 100 / s.cfg.Budget
	switch {
	case percent >= warnAt && !s.warned:
		s.warned = true
		s.cfg.Log.Warn("spool: the disk's budget runs low", "used_percent", percent, "bytes", used, "budget", s.cfg.Budget)
	case percent < coolAt:
		s.warned = false
	}
}
