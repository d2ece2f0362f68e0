package spool

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Stats is the state of a spool at one moment.
type Stats struct {
	Epoch     uint64
	Calls     StreamStats
	Telemetry StreamStats

	Bytes     int64 // of all files
	Budget    int64
	Free      int64 // on the file system, for an unprivileged user
	MinFree   int64
	Reserve   int64 // of the reserve now; 0 when it was given up
	Segments  int
	Kept      int    // of these: wholly acked, and kept
	Corrupt   uint64 // segments that were found damaged since the start
	ShedFiles uint64 // segments of telemetry that gave way since the start
	Full      bool   // records are being refused for want of room
	Warned    bool   // more than 70 % of the budget is used

	Commits      uint64
	CommitErrors uint64
	CommitTime   time.Duration // of all commits together
	CommitP50    time.Duration // of the last 1024 commits
	CommitP99    time.Duration
	CommitMax    time.Duration // since the start

	OpenCalls        int    // in the checkpoint
	OpenRefused      uint64 // above the bounds of the checkpoint
	Checkpoints      uint64
	CheckpointErrors uint64
	Forgotten        uint64 // old epochs whose released ranges are no longer known
}

// StreamStats is the account of one stream, in records. Always
// Accepted = Acked + Spooled + Declared; what is Queued has no fate yet.
type StreamStats struct {
	Accepted   uint64 // found on disk at the start, or taken since and decided
	Acked      uint64
	Spooled    uint64
	Declared   uint64 // told in a Loss, or about to be
	Undeclared uint64 // of Declared: its Loss is not yet on disk
	Queued     uint64

	Shed      uint64 // of Declared, by reason
	Corrupt   uint64
	DiskFull  uint64
	QueueFull uint64
	TooLarge  uint64

	Last          uint64    // number of the last record of this epoch
	OldestUnacked time.Time // about when it was stored; zero when all is acked
}

// Of returns the account of a stream.
func (s *Stats) Of(st record.Stream) *StreamStats {
	if st == record.Calls {
		return &s.Calls
	}
	return &s.Telemetry
}

func (a *StreamStats) count(reason string, n uint64) {
	a.Declared += n
	a.Undeclared += n
	switch reason {
	case record.LossShed:
		a.Shed += n
	case record.LossCorrupt:
		a.Corrupt += n
	case record.LossDiskFull:
		a.DiskFull += n
	case record.LossQueueFull:
		a.QueueFull += n
	case record.LossTooLarge:
		a.TooLarge += n
	}
}
