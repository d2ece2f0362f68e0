package spool

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// found is a file of the folder, and what could be learnt of it.
type found struct {
	name fileName
	file string
	size int64
	mod  time.Time
	c    *contents
	bad  error // why it is damaged
}

// load reads the folder. Nobody else uses the spool yet, but the methods that it
// calls take their locks.
func (s *Spool) load(kept *saved) error {
	files, err := s.list()
	if err != nil {
		return err
	}
	marks := map[uint64]record.Ranges{}
	refused := map[uint64]map[string]uint64{} // epoch
	for _, f := range files {
		if f.c == nil {
			continue
		}
		for id, ranges := range f.c.marks {
			r := marks[id]
			r.AddAll(ranges)
			marks[id] = r
			s.nextID = max(s.nextID, id+1) // what is said of it must not be taken for another
		}
		for what, n := range f.c.refused {
			if refused[f.name.epoch] == nil {
				refused[f.name.epoch] = map[string]uint64{}
			}
			refused[f.name.epoch][what] = max(refused[f.name.epoch][what], n)
		}
	}
	for id, x := range kept.index {
		r := marks[id]
		r.AddAll(x.declared)
		marks[id] = r
		s.nextID = max(s.nextID, id+1)
	}
	byLine := map[lineKey][]*found{}
	for _, f := range files {
		s.nextID = max(s.nextID, f.name.id+1)
		k := lineKey{f.name.epoch, f.name.stream}
		if f.name.suffix == suffixShed {
			s.loadShed(f, marks[f.name.id])
			continue
		}
		byLine[k] = append(byLine[k], f)
	}
	for _, f := range files {
		k := lineKey{f.name.epoch, f.name.stream}
		if l := byLine[k]; len(l) > 0 {
			s.loadLine(k, l, kept, marks)
			delete(byLine, k)
		}
	}
	slices.SortFunc(s.segments, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	s.loadGone(kept, files, marks)
	s.loadRefused(kept, refused)
	return nil
}

// list reads the names of the folder, by id, and the head of every segment.
func (s *Spool) list() ([]*found, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading the spool folder: %w", err)
	}
	var out []*found
	for _, e := range entries {
		name, ok := parseName(e.Name())
		if !ok {
			continue
		}
		f := &found{name: name, file: e.Name()}
		if name.suffix != suffixShed {
			if err := f.look(s.cfg.Dir); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b *found) int { return cmp.Compare(a.name.id, b.name.id) })
	return out, nil
}

// look reads what a segment says of itself, or what is left of it. Only a file
// that cannot even be opened is an error: that says nothing about what is in it.
func (f *found) look(dir string) error {
	file, err := os.Open(filepath.Join(dir, f.file))
	if err != nil {
		return fmt.Errorf("opening a segment: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("opening a segment: %w", err)
	}
	f.size, f.mod = info.Size(), info.ModTime()
	if f.name.suffix == suffixSegment {
		if f.c, f.bad = peek(file, f.size, f.name); f.bad == nil {
			return nil
		}
	}
	f.c = salvage(file, f.size, f.name)
	return nil
}

// loadLine puts the segments of one epoch and stream into the index. Each has
// the numbers up to where the one that was made after it begins, so that what is
// lost of a damaged one is known; of others, the index of the last checkpoint
// knows.
func (s *Spool) loadLine(k lineKey, files []*found, kept *saved, marks map[uint64]record.Ranges) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lineOf(k)
	for i, f := range files {
		x := kept.index[f.name.id]
		g := &segment{id: f.name.id, epoch: k.epoch, stream: k.stream, name: f.file, bytes: f.size}
		g.corrupt = f.name.suffix == suffixCorrupt || f.bad != nil
		last, cut := x.last, false // it had at least these; or, with a next one, these and no more
		if i+1 < len(files) {
			next := files[i+1]
			if next.c.prev == f.name.id { // else one between them is gone
				last, cut = next.c.first-1, true
			}
		}
		if g.first = f.c.first; g.first == 0 {
			g.first = x.first
		}
		if g.first == 0 && i > 0 {
			g.first = l.last + 1 // too low if one between them is gone: that is better than a gap
		}
		if g.first == 0 && len(f.c.have) > 0 {
			g.first = f.c.have[0].First
		}
		g.have = f.c.have
		s.settleRange(g, f, last, cut, marks[g.id])
		if g.created = f.c.created; g.created.IsZero() {
			g.created = f.mod
		}
		l.last = max(l.last, g.last(), g.lost.Last())
		if g.have.Len() == 0 && g.lost.Len() == 0 && !g.corrupt || f.size == 0 && g.lost.Len() == 0 {
			_ = os.Remove(filepath.Join(s.cfg.Dir, f.file)) // it ended before its first record
			continue
		}
		l.segments = append(l.segments, g)
		s.segments = append(s.segments, g)
	}
}

// settleRange compares what a segment has with what it should have, and declares
// the difference unless that was done. Spool.mu is held.
func (s *Spool) settleRange(g *segment, f *found, last uint64, cut bool, told record.Ranges) {
	if cut && g.last() > last { // a commit that failed left them; the next segment has them too
		g.have = g.have.And(record.Ranges{{First: 1, Last: last}})
	}
	var lost record.Ranges
	if last = max(last, g.last()); g.first > 0 && last > 0 {
		lost = g.have.Missing(record.Range{First: g.first, Last: last})
	}
	if len(lost) > 0 && !g.corrupt { // a file that is whole, but older than the checkpoint
		g.corrupt = true
		f.bad = damaged("it ends at %d, and once had %d", g.last(), last)
	}
	fresh := lost.Minus(told)
	if f.name.suffix == suffixCorrupt && told == nil {
		fresh = nil // it got its name after its losses were told, in a file that is gone since
	}
	g.lost = lost
	a := &s.accounts[index(g.stream)]
	a.Accepted += g.have.Len() + fresh.Len()
	s.lose(g, fresh, record.LossCorrupt, "")
	if f.bad != nil {
		s.stats.Corrupt++
		s.cfg.Log.Error("spool: a segment is damaged", "file", f.file, "err", f.bad, "readable", g.have.Len(), "lost", fresh.Len())
	}
}

// loadShed declares a segment that gave way, unless that was done.
func (s *Spool) loadShed(f *found, told record.Ranges) {
	path := filepath.Join(s.cfg.Dir, f.file)
	var lost record.Ranges
	lost.Add(record.Range{First: f.name.first, Last: f.name.last})
	lost = lost.Minus(told)
	if len(lost) == 0 {
		_ = os.Remove(path)
		return
	}
	_ = os.Truncate(path, 0) // it may have ended in between
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &segment{id: f.name.id, epoch: f.name.epoch, stream: f.name.stream}
	s.accounts[index(g.stream)].Accepted += lost.Len()
	s.lose(g, lost, record.LossShed, f.file)
	l := s.lineOf(lineKey{g.epoch, g.stream})
	l.last = max(l.last, f.name.last)
}

// loadRefused takes over what earlier runs refused and could not tell.
func (s *Spool) loadRefused(kept *saved, marked map[uint64]map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for epoch, counts := range kept.refused {
		for what, x := range counts {
			told := max(x.told, marked[epoch][what])
			st := record.Stream(what[0])
			if x.all <= told || st != record.Calls && st != record.Telemetry {
				continue
			}
			n := x.all - told
			a := &s.accounts[index(st)]
			a.Accepted += n
			a.count(what[1:], n)
			s.refusals.add(st, what[1:], n)
			s.carried = true
		}
	}
}
