package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Config of a Spool. Zero values get the defaults named, except where zero means
// none.
type Config struct {
	Dir          string        // made with mode 0700 when it is missing
	Budget       int64         // bytes that all files may take; 1 GiB
	MinFree      int64         // bytes that stay free on the file system; zero: none
	Reserve      int64         // bytes set aside for calls when the disk is full, part of the budget; zero: none
	SegmentBytes int64         // bytes after which a segment is followed by the next; 32 MiB, from 256 KiB to 32 MiB
	KeepAcked    time.Duration // how long a segment stays after it was wholly acked, if there is room; zero: not at all
	Queue        int           // records that wait for the disk; 16,384
	Log          *slog.Logger  // nil: silent
	Rand         func() uint64 // draws the epoch; nil: crypto/rand
}

// Bounds that no configuration changes.
const (
	batchRecords = 512     // records in a commit
	batchBytes   = 2 << 20 // bytes in a commit, unless one record is larger
	batchDelay   = 10 * time.Millisecond
	queueBytes   = 16 << 20 // bytes that wait for the disk
	maxOpen      = 200_000  // open calls in a checkpoint
	maxOpenBytes = 64 << 10 // bytes of one open call
	statesPart   = 8        // of so many bytes of the budget, one for the states of open calls: open.db takes up to four times as much, with its spare, and the calls need the rest
	maxReaders   = 4        // old segments that are open at once
	step         = 1 << 20  // bytes by which a segment grows on disk
	formatNumber = 1
)

// Errors that callers tell apart.
var (
	ErrFull   = errors.New("no room for the record on disk")
	ErrQueue  = errors.New("the queue to the disk is full")
	ErrLarge  = errors.New("the record is too large")
	ErrClosed = errors.New("the spool has ended")
	ErrLocked = errors.New("the spool folder is in use")
	ErrFormat = errors.New("the spool folder was written by a newer version")
)

func (c *Config) defaults() error {
	if c.Dir == "" {
		return errors.New("spool: no folder is configured")
	}
	if c.Budget == 0 {
		c.Budget = 1 << 30
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = 32 << 20
	}
	c.SegmentBytes = min(max(c.SegmentBytes, 256<<10), 32<<20)
	if c.Queue <= 0 {
		c.Queue = 16384
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Rand == nil {
		c.Rand = randomEpoch
	}
	if least := c.Reserve + 4*step; c.Budget < least || c.Reserve < 0 || c.MinFree < 0 {
		return fmt.Errorf("spool: a budget of %d bytes is too small, with this reserve at least %d are needed", c.Budget, least)
	}
	return nil
}

func randomEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, it ends the program
	return binary.BigEndian.Uint64(b[:])
}

// Saved is a call that was going on when the previous run ended.
type Saved struct {
	Epoch uint64 // of the run that saved it last
	ID    uint64
	State []byte // as SaveOpen got it
}

// index of a stream in arrays.
func index(st record.Stream) int { return int(st) - 1 }
