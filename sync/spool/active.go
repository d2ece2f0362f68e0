package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sync/record"
)

// Buckets of a segment, beside the one of its stream's name.
var (
	bucketMeta  = []byte("meta")  // format, epoch, stream, first, created
	bucketMarks = []byte("marks") // what Loss records in this file have declared
)

// active is the segment of a stream that is being written. The writer owns it;
// view is safe for others.
type active struct {
	db     *bolt.DB
	f      *os.File // of db
	path   string
	epoch  uint64
	stream record.Stream
	place  place
	next   uint64 // first page that was never used, as of the last commit
	size   int64  // of the file, all of it allocated
	broken bool   // bbolt has panicked: it is never called again

	values []byte // of the commit
	keys   []byte
}

// createActive makes a segment whose first record will be number first, the one
// before it being the file prev. It has size bytes on disk, or ENOSPC is returned and nothing is left behind.
func createActive(dir, name string, g *segment, first, prev uint64, size int64) (a *active, err error) {
	a = &active{path: filepath.Join(dir, name), epoch: g.epoch, stream: g.stream, place: placeOf(g.epoch, g.stream)}
	defer func() {
		if err != nil {
			a.abandon()
			_ = os.Remove(a.path)
			a = nil
		}
	}()
	o := boltOptions(64<<20, 48<<20)
	o.OpenFile = func(path string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(path, flag|os.O_EXCL, mode)
		a.f = f
		return f, err
	}
	if a.db, err = bolt.Open(a.path, 0o600, o); err != nil {
		return a, fmt.Errorf("creating a segment: %w", err)
	}
	a.db.AllocSize = step
	if err = a.grow(size); err != nil {
		return a, err
	}
	err = a.update(func(tx *bolt.Tx) error {
		m, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucket(bucketMarks); err != nil {
			return err
		}
		b, err := tx.CreateBucket([]byte(g.stream.String()))
		if err != nil {
			return err
		}
		for k, v := range map[string]uint64{
			"format": formatNumber, "epoch": g.epoch, "stream": uint64(g.stream),
			"first": first, "prev": prev, "created": uint64(g.created.UnixMilli()), // after 1970
		} {
			if err := m.Put([]byte(k), key(v)); err != nil {
				return err
			}
		}
		return b.SetSequence(first - 1)
	})
	if err != nil {
		return a, fmt.Errorf("creating a segment: %w", err)
	}
	return a, syncDir(dir)
}

// grow allocates the file up to size, so that no commit finds the disk full
// half way: bbolt can answer that only by reading the whole file again.
func (a *active) grow(size int64) error {
	if size <= a.size {
		return nil
	}
	if err := unix.Fallocate(int(a.f.Fd()), 0, 0, size); err != nil {
		if !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("growing a segment: %w", err)
		}
		if err := a.f.Truncate(size); err != nil { // a file system that cannot set room aside
			return fmt.Errorf("growing a segment: %w", err)
		}
	}
	// The length must be on disk before a meta page counts on it.
	if err := a.f.Sync(); err != nil {
		return fmt.Errorf("growing a segment: %w", err)
	}
	a.size = size
	return nil
}

// room is how many bytes of the file were never used.
func (a *active) room() int64 { return a.size - int64(a.next)*pageSize } // small

// used is how long the file must be.
func (a *active) used() int64 { return int64(a.next) * pageSize } // small

// commit stores records under the next numbers, and marks beside them, in one
// transaction. It returns the number of the first.
func (a *active) commit(records [][]byte, marks []markOf) (first uint64, err error) {
	err = a.update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(a.stream.String()))
		b.FillPercent = 1 // numbers only rise: a page that was left is never written again
		seq := b.Sequence()
		first = seq + 1
		a.slab(records)
		for _, r := range records {
			seq++
			k, at := len(a.keys), len(a.values)
			a.keys = binary.BigEndian.AppendUint64(a.keys, seq)
			a.values = a.place.appendValue(a.values, a.keys[k:], r)
			if err := b.Put(a.keys[k:], a.values[at:]); err != nil {
				return err
			}
		}
		if len(marks) > 0 {
			m := tx.Bucket(bucketMarks)
			for _, x := range marks {
				if err := m.Put(x.key, x.value); err != nil {
					return err
				}
			}
		}
		return b.SetSequence(seq)
	})
	return first, err
}

// slab makes room for the values of a commit: bbolt refers to them until it is over.
func (a *active) slab(records [][]byte) {
	n := 0
	for _, r := range records {
		n += len(r) + valueHeader
	}
	if cap(a.values) < n || cap(a.values) > 4*batchBytes {
		a.values = make([]byte, 0, max(n, 64<<10))
	}
	if cap(a.keys) < 8*len(records) {
		a.keys = make([]byte, 0, 8*max(len(records), batchRecords))
	}
	a.values, a.keys = a.values[:0], a.keys[:0]
}

func (a *active) update(do func(*bolt.Tx) error) error {
	used, broken, err := update(a.db, do)
	a.broken = broken
	if err == nil {
		a.next = uint64(used / pageSize) // positive
	}
	return err
}

// close ends writing, and gives back the room that was set aside.
func (a *active) close() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil { // the file was cut: whoever reads it next finds out
			err = damaged("ending: %v", p)
		}
	}()
	if a.broken {
		a.abandon()
		return nil
	}
	next := a.used()
	_ = a.db.View(func(tx *bolt.Tx) error { next = tx.Size(); return nil })
	if err := a.db.Close(); err != nil {
		return fmt.Errorf("closing a segment: %w", err)
	}
	if err := os.Truncate(a.path, next); err != nil {
		return fmt.Errorf("closing a segment: %w", err)
	}
	a.size = next
	return nil
}

// abandon lets go of the file without bbolt.
func (a *active) abandon() {
	if a.db != nil && !a.broken {
		_ = a.db.Close()
		return
	}
	if a.f != nil {
		_ = a.f.Close() // the map stays until the program ends: a reader may be in it
	}
}
