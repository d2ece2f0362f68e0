package spool

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// spareName is the file that the next run's open.db is made of: empty, with the room
// it needs behind its end.
const spareName = "open.db.spare"

// keepRoom sets room on disk aside for checkpoints of so many bytes. On a full disk
// no segment can go before a checkpoint says that its calls are over: were there no
// room for that either, nothing would ever make room again. open.db has a step more
// than it uses, since what changes is written beside what was there; the spare has
// as much as is used, and the file that is made of it begins without what was left
// behind. More would be taken from the calls.
func (s *Spool) keepRoom(used int64) {
	c := &s.open
	c.used = used
	leave := int64(0)
	if used > s.step {
		leave = 2 * s.step
	}
	spare := max((used+s.step-1)/s.step, 1) * s.step
	if room := spare + s.step; c.db != nil && c.room < room && allocate(filepath.Join(s.cfg.Dir, openName), room, leave) == nil {
		c.room = room
	}
	if c.spare < spare && allocate(filepath.Join(s.cfg.Dir, spareName), spare, leave) == nil {
		c.spare = spare
	}
	c.size.Store(max(c.room, used) + c.spare)
}

// mostOpen is how large open.db may become with changes; 0: as large as the disk. It
// never shrinks, so the states of calls that go on leave room for a segment of each
// stream; what is over takes what there is.
func (s *Spool) mostOpen(changes map[uint64][]byte) int {
	going := false
	for _, state := range changes {
		going = going || state != nil
	}
	free, err := freeBytes(s.cfg.Dir)
	if !going || err != nil {
		return 0
	}
	c := &s.open
	has := max(c.room, c.used) + int64(c.db.AllocSize) // by which it grows beyond what is used
	return int(has + max(0, free-2*s.step))            // far below the limit
}

// dropInParts writes a checkpoint in which calls are over, in as many transactions as
// the room asks for: each is written beside what was there, and the next may use what
// it left behind. The position stays where it was until the last: there must be no
// call below it that is over.
func (s *Spool) dropInParts(ended []uint64, was, pos position) error {
	changes := make(map[uint64][]byte, len(ended))
	for _, id := range ended {
		changes[id] = nil
	}
	err := s.writeCheckpoint(changes, pos)
	if !noRoom(err) || len(ended) < 2 {
		return err
	}
	half := len(ended) / 2
	if err := s.dropInParts(ended[:half], was, was); err != nil {
		return err
	}
	return s.dropInParts(ended[half:], was, pos)
}

// findSpare looks for the spare of an earlier run, which may be larger than this one
// needs or can have.
func (s *Spool) findSpare() {
	var has unix.Stat_t
	if unix.Stat(filepath.Join(s.cfg.Dir, spareName), &has) == nil {
		s.open.spare = has.Blocks * 512
	}
}

// takeSpare makes the spare the file at path, where there is one.
func (s *Spool) takeSpare(path string) {
	_ = os.Remove(path)
	room := s.open.spare
	if os.Rename(filepath.Join(s.cfg.Dir, spareName), path) != nil {
		room = 0
	}
	s.open.used, s.open.room, s.open.spare = 0, room, 0
}

// allocate gives a file size bytes on disk, without changing how long it is, if the
// disk still has leave bytes then. A file system that cannot set room aside has none to keep.
func allocate(path string, size, leave int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // nobody is told: it is tried again
	}
	defer f.Close()
	var has unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &has); err != nil {
		return err //nolint:wrapcheck // as above
	}
	// ext4 would take what there is before it says that it is not enough.
	if free, err := freeBytes(filepath.Dir(path)); err != nil || free-leave < size-has.Blocks*512 {
		return unix.ENOSPC
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err //nolint:wrapcheck // as above
}
