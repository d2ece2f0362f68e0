package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sync/record"
)

// gatherFor is how long the writer lets those that it has just answered come
// again before it commits without them. It yields meanwhile, it does not sleep: a
// timer is late by as much as a commit takes.
const gatherFor = 200 * time.Microsecond

// write is the one writer. It returns when the queue is closed and empty.
func (s *Spool) write(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	delay := time.NewTimer(time.Hour)
	defer delay.Stop()
	turn, expected := record.Calls, 0
	for {
		st, b, more := s.queue.look(turn)
		s.giveUp()
		if b == nil {
			if ctx.Err() != nil {
				s.tell()
				return
			}
			s.tell()
			select {
			case <-s.wake:
			case <-tick.C:
				s.housekeep()
			case <-ctx.Done():
				s.queue.close()
			}
			continue
		}
		if !more && ctx.Err() == nil {
			if wait := s.gather(b, expected); wait > 0 {
				delay.Reset(wait)
				select {
				case <-s.wake:
				case <-delay.C:
				case <-ctx.Done():
					s.queue.close()
				}
				continue
			}
		}
		b = s.queue.take(st)
		s.store(b)
		expected = b.waiters
		s.queue.settle(b)
		turn = record.Calls + record.Telemetry - st
		select {
		case <-tick.C:
			s.housekeep()
		default:
		}
	}
}

// gather decides whether a batch is committed now; else it says how long it may
// wait. One that nobody waits for is filled for 10 ms. One that somebody waits for
// goes as soon as all those are back that the last commit answered: alone, a
// caller is never held up for company that does not come.
func (s *Spool) gather(b *batch, expected int) time.Duration {
	full, waiters := s.queue.ready(b)
	if full {
		return 0
	}
	if waiters == 0 {
		return batchDelay - time.Since(b.since)
	}
	for start := time.Now(); waiters < expected && !full && time.Since(start) < gatherFor; {
		runtime.Gosched()
		full, waiters = s.queue.ready(b)
	}
	return 0
}

// store commits a batch, and with calls what is to be declared. What became of
// it is in b.
func (s *Spool) store(b *batch) {
	now := time.Now()
	records := b.records
	var d *declaration
	if b.stream == record.Calls {
		if d = s.declare(now); d != nil {
			records = append(records[:len(records):len(records)], d.records...)
		}
	}
	if len(records) == 0 {
		return
	}
	var err error
	for range 3 { // a segment that fails is given up for a new one
		if err = s.room(b.stream, records); err != nil {
			break
		}
		if err = s.commit(b, records, d, now); err == nil {
			return
		}
		s.grumble.say(s.cfg.Log, "spool: a commit failed", "stream", b.stream, "err", err)
		if errors.Is(err, unix.ENOSPC) && !s.makeRoom(b.stream) {
			break
		}
	}
	s.deny(b, err)
}

// tell commits what waits to be declared, as far as there is room.
func (s *Spool) tell() {
	for {
		s.mu.Lock()
		some := s.untold()
		s.mu.Unlock()
		if !some {
			return
		}
		b := &batch{stream: record.Calls}
		if s.store(b); b.err != nil {
			return
		}
	}
}

// deny refuses a batch.
func (s *Spool) deny(b *batch, err error) {
	reason := record.LossDiskFull
	if b.stream == record.Telemetry {
		reason = record.LossShed
	}
	b.err = fmt.Errorf("%w: %v", ErrFull, err)
	s.mu.Lock()
	s.full[index(b.stream)] = true
	s.mu.Unlock()
	if len(b.records) == 0 {
		return
	}
	s.refuse(b.stream, reason, uint64(len(b.records)))
	s.grumble.say(s.cfg.Log, "spool: records are refused", "stream", b.stream, "records", len(b.records), "err", err)
}

// commit writes records into the segment that room has prepared. No state is
// changed before bbolt has said that they are on disk.
func (s *Spool) commit(b *batch, records [][]byte, d *declaration, now time.Time) error {
	g := s.writing[index(b.stream)]
	var marks []markOf
	if d != nil {
		marks = d.marks
	}
	first, err := g.active.commit(records, marks)
	if err != nil {
		s.mu.Lock()
		s.stats.CommitErrors++
		s.mu.Unlock()
		s.seal(g)
		return err
	}
	took := time.Since(now)
	last := first + uint64(len(records)) - 1
	b.first = first

	s.mu.Lock()
	if want := s.line(g).last + 1; first != want {
		s.mu.Unlock()
		panic(fmt.Sprintf("spool: bbolt counted %d where %d follows", first, want))
	}
	g.have.Add(record.Range{First: first, Last: last})
	g.stamp(last, now)
	s.line(g).last = last
	a := &s.accounts[index(b.stream)]
	a.Accepted += uint64(len(records))
	a.Last = last
	s.full[index(b.stream)] = false
	s.stats.Commits++
	s.latency.add(took)
	var finished []loss
	if d != nil {
		finished = s.declared(d)
	}
	s.mu.Unlock()

	poke(s.appended)
	s.finish(finished)
	return nil
}

// stamp notes when number seq was stored, about once a second. When there are
// many, every other one goes.
func (g *segment) stamp(seq uint64, now time.Time) {
	n := len(g.marks)
	if n > 0 && now.Sub(g.marks[n-1].at) < time.Second {
		return
	}
	if n >= 256 {
		for i := range n / 2 {
			g.marks[i] = g.marks[2*i]
		}
		g.marks = g.marks[:n/2]
	}
	g.marks = append(g.marks, mark{seq, now})
}

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
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !errors.Is(err, errBudget) {
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
// numbers above are given out again with the same records.
func (s *Spool) seal(g *segment) {
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
		s.grumble.say(s.cfg.Log, "spool: ending a segment", "file", g.name, "err", err)
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
