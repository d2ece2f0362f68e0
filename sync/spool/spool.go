package spool

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
)

// Spool is a folder of records. Its methods are safe for concurrent use.
type Spool struct {
	cfg   Config
	seg   int64 // bytes after which a segment is followed by the next
	step  int64 // bytes by which a segment grows
	lock  *os.File
	epoch uint64

	ready    chan struct{}
	wake     chan struct{}
	appended chan struct{}
	queue    queue
	open     checkpoint

	writing [2]*segment // those being written; the writer owns it
	tried   time.Time   // when the writer last looked whether the reserve can be had again
	seldom  *seldom.Logger
	noSync  bool // of tests that fill a large spool

	mu       sync.Mutex // guards all below
	opened   bool
	segments []*segment // by id
	lines    map[lineKey]*line
	nextID   uint64
	accounts [2]StreamStats
	losses   []loss   // ranges that wait to be declared
	refusals refusals // records without a number that wait to be declared
	carried  bool     // some are of earlier runs: they wait for the first checkpoint
	reserve  int64    // bytes of the reserve
	full     [2]bool  // the last record was refused
	warned   bool
	toldAt   time.Time // when refusals were last declared
	ending   bool      // what is left is declared at once
	stats    Stats
	latency  latencies
	position position   // up to which the last checkpoint, be it of an earlier run, knows of closed calls
	suspects []*segment // being written, and found damaged by a reader

	reading sync.Mutex // guards below: one reads at a time
	readers readers
}

// lineKey names the records of one epoch and stream.
type lineKey struct {
	epoch  uint64
	stream record.Stream
}

// line is what is known of them.
type line struct {
	segments []*segment    // on disk, in order
	gone     record.Ranges // acked, and unlinked
	last     uint64        // highest number that was given out
	newest   uint64        // segment that was made last
}

// position is a place in the stream calls: what comes after it are the higher
// numbers of this epoch, and other epochs in files from segment on.
type position struct{ epoch, seq, segment uint64 }

// New makes a Spool; it starts and opens nothing.
func New(c Config) *Spool {
	s := &Spool{
		cfg: c, ready: make(chan struct{}), wake: make(chan struct{}, 1), appended: make(chan struct{}, 1),
		lines: map[lineKey]*line{},
	}
	s.queue.passed = sync.NewCond(&s.queue.mu)
	s.open.init()
	return s
}

// Ready is closed once records can be read and are written.
func (s *Spool) Ready() <-chan struct{} { return s.ready }

// Epoch is the number of this run; 0 before Open.
func (s *Spool) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// Appended has a value when records were committed since it was last received.
func (s *Spool) Appended() <-chan struct{} { return s.appended }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Add hands a record over, as record.Encode returned it; the spool keeps the
// slice. It never waits. False: it was refused, and is counted, and will be declared.
func (s *Spool) Add(st record.Stream, encoded []byte) bool {
	_, _, err := s.push(st, encoded, false)
	return err == nil
}

// Append stores a record and returns its number once it is durable. When ctx ends
// first the record may be stored all the same.
func (s *Spool) Append(ctx context.Context, st record.Stream, encoded []byte) (seq uint64, err error) {
	b, at, err := s.push(st, encoded, true)
	if err != nil {
		return 0, err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return 0, fmt.Errorf("appending a record: %w", ctx.Err())
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.first + uint64(at), nil // not negative
}

func (s *Spool) push(st record.Stream, encoded []byte, wait bool) (*batch, int, error) {
	if st != record.Calls && st != record.Telemetry {
		return nil, 0, fmt.Errorf("appending to stream %d: there is none", st)
	}
	if len(encoded) > record.MaxRecord {
		s.refuse(st, record.LossTooLarge, 1)
		return nil, 0, ErrLarge
	}
	b, at, wake, err := s.queue.push(st, encoded, wait)
	if err != nil {
		s.refuse(st, record.LossQueueFull, 1)
		return nil, 0, err
	}
	if wake {
		poke(s.wake)
	}
	return b, at, nil
}

// refuse counts records that found no place.
func (s *Spool) refuse(st record.Stream, reason string, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.accounts[index(st)]
	a.Accepted += n
	a.count(reason, n)
	s.refusals.add(st, reason, n)
}
