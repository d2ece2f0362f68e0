package spool

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// gatherFor is how long the writer waits for the callers that it has just answered to
// come back with their next record. It yields meanwhile and does not sleep: a timer is
// late by as much as a commit takes.
const gatherFor = 200 * time.Microsecond

// write is the one writer. It returns when the queue is closed and empty.
func (s *Spool) write(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	delay := time.NewTimer(time.Hour)
	defer delay.Stop()
	turn, expected := record.Calls, 0
	for {
		if ctx.Err() != nil {
			s.queue.close()
		}
		st, b, more := s.queue.look(turn)
		s.giveUp()
		if b == nil {
			if ctx.Err() != nil {
				s.mu.Lock()
				s.ending = true
				s.mu.Unlock()
				s.tell()
				return
			}
			s.tell()
			select {
			case <-s.wake:
			case <-tick.C:
				s.housekeep()
			case <-ctx.Done():
			}
			continue
		}
		if !more && ctx.Err() == nil {
			if wait := s.gather(b, expected); wait > 0 {
				s.pause(ctx, delay, wait)
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

// pause waits for so long, or until the queue has something new for the writer.
func (s *Spool) pause(ctx context.Context, delay *time.Timer, wait time.Duration) {
	delay.Reset(wait)
	select {
	case <-s.wake:
	case <-delay.C:
	case <-ctx.Done():
	}
}

// gather decides whether a batch is committed now; else it says how long it may wait.
// One that nobody waits for is filled for 10 ms. One that somebody waits for goes as
// soon as all callers are back that the last commit answered: a lone caller does not
// wait for others that will not come.
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
		s.seldom.Error(time.Now(), "spool: a commit failed", "stream", b.stream, "err", err)
		if noRoom(err) && !s.makeRoom(b.stream) {
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
	s.seldom.Error(time.Now(), "spool: records are refused", "stream", b.stream, "records", len(b.records), "err", err)
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
	if len(b.records) > 0 {
		s.full[index(b.stream)] = false
	}
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
