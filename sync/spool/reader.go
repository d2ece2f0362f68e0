package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// reader serves the records of one file that is no longer written.
type reader struct {
	name  fileName
	f     *os.File
	place place
	runs  []run
	pages pageReader
}

// openReader opens a file and checks all of it; where it was found damaged
// before, it looks for what is left.
func openReader(dir, file string, corrupt bool) (*reader, *contents, error) {
	name, ok := parseName(file)
	if !ok {
		return nil, nil, damaged("%q is no name of a segment", file)
	}
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // names the file
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, err //nolint:wrapcheck // names the file
	}
	var c *contents
	if corrupt {
		c = salvage(f, info.Size(), name)
	} else if c, err = verify(f, info.Size(), name); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return &reader{name: name, place: placeOf(name.epoch, name.stream), f: f, runs: c.runs, pages: pageReader{f: f, size: info.Size()}}, c, nil
}

func (r *reader) close() { _ = r.f.Close() }

// collect adds the records from number from on to out, as far as they follow one
// another and are not above last. What is not where it was is an error.
func (r *reader) collect(from, last uint64, out *gather) error {
	i, _ := slices.BinarySearchFunc(r.runs, from, func(x run, n uint64) int {
		if x.last < n {
			return -1
		}
		return 1
	})
	for ; i < len(r.runs) && from <= last && !out.full(); i++ {
		x := r.runs[i]
		x.last = min(x.last, last)
		if x.first > from {
			return nil // a gap ends what can be sent together
		}
		page, err := r.pages.read(uint64(x.page))
		if err != nil {
			return err
		}
		r.place.records(page, r.name.stream, func(seq uint64, data []byte) bool {
			if seq == from && seq <= x.last {
				if !out.add(seq, data) {
					return false
				}
				from++
			}
			return from <= x.last // of a damaged page, elements can come in any order
		})
		if from <= x.last && !out.full() {
			return damaged("record %d is no longer where it was", from)
		}
	}
	return nil
}

// gather collects clones of records with consecutive numbers, within bounds.
type gather struct {
	first      uint64
	records    [][]byte
	n          int // records
	bytes      int
	maxRecords int
	maxBytes   int
	over       bool
	block      []byte // memory of the clones
}

func (g *gather) full() bool { return g.over || g.n >= g.maxRecords }

// next is the number that would follow.
func (g *gather) next() uint64 { return g.first + uint64(g.n) } // not negative

// add takes a clone of data, and reports false when it does not fit. The first
// record always fits.
func (g *gather) add(seq uint64, data []byte) bool {
	if g.n > 0 && (g.n >= g.maxRecords || g.bytes+len(data) > g.maxBytes) {
		g.over = true
		return false
	}
	if g.n == 0 {
		g.first = seq
	}
	if cap(g.block)-len(g.block) < len(data) {
		g.block = make([]byte, 0, max(len(data), min(g.maxBytes-g.bytes, 64<<10)))
	}
	at := len(g.block)
	g.block = append(g.block, data...)
	g.records = append(g.records, g.block[at:len(g.block):len(g.block)])
	g.n++
	g.bytes += len(data)
	return true
}

// readers keeps the last few files open.
type readers struct {
	dir  string
	open []*openFile // the last used first
}

type openFile struct {
	seg *segment
	*reader
}

// of returns the reader of a segment. name and corrupt are as Spool.mu guards
// them.
func (r *readers) of(g *segment, name string, corrupt bool) (*reader, error) {
	for i, o := range r.open {
		if o.seg == g {
			r.open = slices.Insert(slices.Delete(r.open, i, i+1), 0, o)
			return o.reader, nil
		}
	}
	rd, _, err := openReader(r.dir, name, corrupt)
	if err != nil {
		return nil, err
	}
	r.open = slices.Insert(r.open, 0, &openFile{g, rd})
	if len(r.open) > maxReaders {
		r.open[maxReaders].close()
		r.open = r.open[:maxReaders]
	}
	return rd, nil
}

// drop closes the readers that want says.
func (r *readers) drop(want func(*segment) bool) {
	r.open = slices.DeleteFunc(r.open, func(o *openFile) bool {
		if !want(o.seg) {
			return false
		}
		o.close()
		return true
	})
}

// gone reports whether a file was unlinked under a reader, which is no damage.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) }
