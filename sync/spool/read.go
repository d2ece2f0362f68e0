package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/sipward/sipward/sync/record"
)

// Read returns records of one epoch and stream with consecutive numbers: the
// first that is on disk with number from or above, and what follows it, up to
// maxRecords and maxBytes; one record is returned whatever its size. They are
// clones, appended to to[:0]. None: first is 0.
//
// A file that turns out to be damaged is dealt with on the way: what cannot be read
// is declared, and the rest returned.
func (s *Spool) Read(epoch uint64, st record.Stream, from uint64, maxRecords, maxBytes int, to [][]byte) (first uint64, records [][]byte, err error) {
	out := &gather{records: to[:0], maxRecords: max(maxRecords, 1), maxBytes: maxBytes}
	s.reading.Lock()
	defer s.reading.Unlock()
	for failed := 0; !out.full(); err = nil {
		if out.n > 0 {
			from = out.next()
		}
		g, at, last := s.find(lineKey{epoch, st}, from)
		if g == nil || out.n > 0 && at != from {
			break
		}
		before := out.n
		if err = s.readSegment(g, at, last, out); err == nil && out.n > before {
			continue
		}
		if out.n > 0 && errors.Is(err, errMoved) {
			continue // the next round sees where it is now
		}
		if failed++; failed > 4 || err != nil && !errors.Is(err, errDamaged) && !errors.Is(err, errMoved) {
			break
		}
		if err == nil && out.full() {
			break
		}
		if err == nil {
			err = damaged("record %d is not in it", at)
		}
		if !errors.Is(err, errMoved) {
			s.damaged(g, at, err)
		}
	}
	if out.n > 0 {
		return out.first, out.records, nil
	}
	if err != nil {
		return 0, to[:0], fmt.Errorf("reading record %d of %s: %w", from, st, err)
	}
	return 0, to[:0], nil
}

// errMoved says that a segment is not what it was a moment ago: look again.
var errMoved = errors.New("the segment was ended or removed meanwhile")

// find returns the segment that has the first record from number from on, that
// number, and the last that is good to be read with it.
func (s *Spool) find(k lineKey, from uint64) (g *segment, at, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[k]
	if l == nil {
		return nil, 0, 0
	}
	for _, g := range l.segments {
		for _, r := range g.have {
			if r.Last >= from {
				return g, max(r.First, from), r.Last
			}
		}
	}
	return nil, 0, 0
}

func (s *Spool) readSegment(g *segment, from, last uint64, out *gather) error {
	s.mu.Lock()
	a, name, corrupt := g.active, g.name, g.corrupt
	s.mu.Unlock()
	if a != nil {
		return a.read(from, last, out)
	}
	r, err := s.readers.of(g, name, corrupt)
	if gone(err) && s.moved(g, name) {
		return errMoved
	}
	if gone(err) {
		return damaged("%v", err)
	}
	if err != nil {
		return err
	}
	return r.collect(from, last, out)
}

// moved reports whether a segment was removed, or got another name.
func (s *Spool) moved(g *segment, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.name != name || !slices.Contains(s.segments, g)
}

// read collects records of the segment that is being written.
func (a *active) read(from, last uint64, out *gather) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged("reading: %v", p)
		}
	}()
	err = a.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(a.stream.String())).Cursor()
		for k, v := c.Seek(key(from)); k != nil && from <= last; k, v = c.Next() {
			seq, data, err := a.place.open(k, v)
			if err != nil {
				return err
			}
			if seq != from {
				return damaged("record %d where %d was expected", seq, from)
			}
			if !out.add(seq, data) {
				return nil
			}
			from++
		}
		return nil
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return errMoved
	}
	return err //nolint:wrapcheck // Read does
}

// damaged finds out what is left of a segment of which number at could not be
// read, and declares the rest. The caller holds Spool.reading.
func (s *Spool) damaged(g *segment, at uint64, cause error) {
	s.readers.drop(func(x *segment) bool { return x == g })
	s.mu.Lock()
	if g.active != nil { // the writer gives it up first; it is looked at again then
		s.suspects = append(s.suspects, g)
		s.mu.Unlock()
		poke(s.wake)
		return
	}
	name, was, again := g.name, g.have.Clone(), g.corrupt
	s.mu.Unlock()

	var found record.Ranges
	r, c, err := openReader(s.cfg.Dir, name, true)
	if err == nil {
		found = c.have
		r.close()
	}
	if again { // it was searched before, and this one is not where it was then
		found.Remove(record.Range{First: at, Last: at})
	}
	s.cfg.Log.Error("spool: a segment is damaged", "file", name, "err", cause, "readable", was.And(found).Len(), "of", was.Len())
	s.mu.Lock()
	if !g.corrupt {
		g.corrupt = true
		s.stats.Corrupt++
	}
	lost := g.have.Minus(found)
	s.lose(g, lost.Minus(g.acked), record.LossCorrupt, "")
	s.line(g).gone.AddAll(lost.And(g.acked))
	g.have, g.acked = g.have.Minus(lost), g.acked.Minus(lost)
	g.lost.AddAll(lost)
	wait := s.pending(g.id)
	s.mu.Unlock()
	if !wait {
		s.setAside(g.id)
	}
	poke(s.wake)
}

// setAside gives a damaged segment its name. Its losses are on disk by now.
func (s *Spool) setAside(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.id != id || !g.corrupt {
			continue
		}
		name := segmentName(g.id, g.epoch, g.stream, suffixCorrupt)
		if name == g.name {
			return
		}
		if err := os.Rename(filepath.Join(s.cfg.Dir, g.name), filepath.Join(s.cfg.Dir, name)); err != nil {
			if !gone(err) {
				s.seldom.Error(time.Now(), "spool: setting a damaged segment aside", "err", err)
			}
			return
		}
		g.name = name
		_ = syncDir(s.cfg.Dir)
	}
}
