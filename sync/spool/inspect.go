package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// File is what a file of a spool folder holds, as somebody sees it who does not
// own the folder. What was acked is known to the running agent alone.
type File struct {
	Name    string
	ID      uint64
	Epoch   uint64
	Stream  record.Stream
	Kind    string // seg, corrupt or shed
	Records record.Ranges
	Bytes   int64
	Created time.Time
	InUse   bool  // a running agent may be writing it
	Damage  error // nil: nothing was found
}

// Folder is a spool folder, read without a lock: an agent may be running on it.
type Folder struct {
	Dir   string
	InUse bool // a process holds the lock
	Files []File
	Calls int       // that were going on at the last checkpoint
	Alive time.Time // of the last checkpoint
	Open  error     // why the checkpoint cannot be read; it may be being written

	newest map[lineKey]uint64 // segment
}

// Inspect lists a spool folder. With verify every record is read and held against
// its checksum, and the structure of every file that is not being written is
// checked; without, only what the files say of themselves.
func Inspect(dir string, verify bool) (*Folder, error) {
	f := &Folder{Dir: dir}
	err := f.each(func(x *found, path string) error {
		info := File{Name: x.file, ID: x.name.id, Epoch: x.name.epoch, Stream: x.name.stream, Kind: x.name.suffix, InUse: f.mayWrite(x)}
		if x.name.suffix == suffixShed {
			info.Records.Add(record.Range{First: x.name.first, Last: x.name.last})
			f.Files = append(f.Files, info)
			return nil
		}
		c, size, err := contentsOf(path, x.name, info.InUse, verify)
		if gone(err) {
			return nil // unlinked meanwhile
		}
		info.Records, info.Created, info.Bytes, info.Damage = c.have, c.created, size, err
		f.Files = append(f.Files, info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for range 5 { // it may be being written
		var k *saved
		if k, f.Open = readCheckpoint(filepath.Join(dir, openName)); f.Open == nil {
			f.Calls, f.Alive = countCalls(k.calls), k.alive
			break
		}
	}
	return f, nil
}

// Dump calls do for the records of a folder that want asks for, in order within
// each file, until it returns false. data is good until then.
func Dump(dir string, want func(epoch uint64, st record.Stream) bool, do func(epoch uint64, st record.Stream, seq uint64, data []byte) bool) error {
	f := &Folder{Dir: dir}
	return f.each(func(x *found, path string) error {
		if x.name.suffix == suffixShed || !want(x.name.epoch, x.name.stream) {
			return nil
		}
		file, err := os.Open(path)
		if gone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("dumping a segment: %w", err)
		}
		defer file.Close()
		c, size, err := committed(file, x.name)
		if err != nil {
			return fmt.Errorf("dumping a segment: %w", err)
		}
		r := reader{name: x.name, place: placeOf(x.name.epoch, x.name.stream), f: file, runs: c.runs, pages: pageReader{f: file, size: size}}
		return r.dump(do)
	})
}

// committed finds the records of a file. Pages of a transaction that a kill cut
// short prove themselves as well, and were never stored: only where the file
// cannot be read in order, each page is looked at for itself. A file that is being
// written may be in order a moment later.
func committed(f *os.File, name fileName) (c *contents, size int64, err error) {
	for range 5 {
		info, err := f.Stat()
		if err != nil {
			return nil, 0, err //nolint:wrapcheck // Dump does
		}
		size = info.Size()
		if c, err := verify(f, size, name); err == nil {
			return c, size, nil
		}
	}
	return salvage(f, size, name), size, nil
}

// dump calls do for all that is where it was found.
func (r *reader) dump(do func(epoch uint64, st record.Stream, seq uint64, data []byte) bool) error {
	next, more := uint64(0), true
	for _, x := range r.runs {
		page, err := r.pages.read(uint64(x.page))
		if err != nil {
			continue // it was cut meanwhile
		}
		r.place.records(page, r.name.stream, func(seq uint64, data []byte) bool {
			if seq >= max(x.first, next) && seq <= x.last {
				next = seq + 1
				more = do(r.name.epoch, r.name.stream, seq, data)
			}
			return more
		})
		if !more {
			return errStop
		}
	}
	return nil
}

var errStop = errors.New("stopped")

// each goes through the segments of a folder, by id.
func (f *Folder) each(do func(x *found, path string) error) error {
	if err := checkFormat(f.Dir, false); err != nil {
		return err
	}
	f.InUse = locked(f.Dir)
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return fmt.Errorf("reading the spool folder: %w", err)
	}
	var files []*found
	for _, e := range entries {
		if name, ok := parseName(e.Name()); ok {
			files = append(files, &found{name: name, file: e.Name()})
		}
	}
	slices.SortFunc(files, func(a, b *found) int { return cmp.Compare(a.name.id, b.name.id) })
	f.newest = map[lineKey]uint64{}
	for _, x := range files {
		f.newest[lineKey{x.name.epoch, x.name.stream}] = x.name.id
	}
	for _, x := range files {
		if err := do(x, filepath.Join(f.Dir, x.file)); err == errStop { //nolint:errorlint // our own, as it is
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// mayWrite reports whether a running agent may be writing a file: it is the last
// of its epoch and stream.
func (f *Folder) mayWrite(x *found) bool {
	return f.InUse && x.name.suffix == suffixSegment && f.newest[lineKey{x.name.epoch, x.name.stream}] == x.name.id
}

// contentsOf reads one file. One that is being written changes under the eyes of
// whoever reads it: its pages are looked at one by one, by the checksums of their
// records, and again until no number is missing between them.
func contentsOf(path string, name fileName, inUse, whole bool) (c *contents, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return &contents{}, 0, err //nolint:wrapcheck // names the file
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return &contents{}, 0, err //nolint:wrapcheck // names the file
	}
	size = info.Size()
	switch {
	case inUse:
		c = &contents{}
		for range 10 {
			next := salvage(f, size, name)
			c.have.AddAll(next.have)
			c.first, c.created = max(c.first, next.first), next.created
			if len(c.have) <= 1 {
				return c, size, nil
			}
		}
		return c, size, nil
	case name.suffix == suffixCorrupt:
		return salvage(f, size, name), size, damaged("it was set aside")
	case whole:
		c, err = verify(f, size, name)
	default:
		c, err = peek(f, size, name)
	}
	if err != nil {
		return salvage(f, size, name), size, err
	}
	return c, size, nil
}
