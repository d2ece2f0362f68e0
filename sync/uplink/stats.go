package uplink

import "time"

// Traffic counts batches.
type Traffic struct{ Batches, Records, Bytes uint64 }

func (t *Traffic) add(records uint64, bytes int) {
	t.Batches++
	t.Records += records
	t.Bytes += uint64(bytes) // a length
}

// counts are the sender's.
type counts struct {
	sent, resent Traffic
	acked        [2]uint64 // records by stream, from calls on
	asked        uint64    // records that acks asked for again
	absent       uint64    // records that the spool named and did not have
	hellos       uint64
	ignored      uint64 // acks and cursors that say nothing to this agent
	behind       uint64 // cursors that state less than earlier ones
	neverSent    uint64 // cursors that name what was never sent
	storeChanges uint64
	rollbacks    uint64
}

// Stats is the state of an uplink at one moment.
type Stats struct {
	Connected      bool
	ConnectedSince time.Time // zero when not
	Broker         string    // URL of the last try, without credentials
	Connections    uint64    // that were made
	Reconnects     uint64    // of those, all but the first
	Failures       uint64    // tries that made none
	Refused        uint64    // of those, refused for want of rights
	LastError      string    // of the last connection or try; stays when it is over
	LastErrorAt    time.Time

	Sent         Traffic
	Resent       Traffic // batches with a record that had been sent in this run; all of Sent
	AckedCalls   uint64  // records that acks covered in this run
	AckedOthers  uint64  // the same of telemetry
	Asked        uint64  // records that collectors asked for again
	Absent       uint64  // records that the spool named and did not have
	Unread       uint64  // failures to read the spool
	Window       int     // batches on their way
	WindowMost   int
	WindowBytes  int
	Credit       uint64        // bytes; 0: no limit
	Waiting      time.Duration // since the last ack that covered any, as long as any is sent and not acked
	Acks         uint64
	IgnoredAcks  uint64 // acks and cursors that say nothing to this agent
	BehindAcks   uint64 // cursors that state less than earlier ones: late, or the store went back
	NeverSent    uint64 // cursors that name what was never sent; never more than 0 with a sound collector
	DroppedAcks  uint64 // that came faster than they were read
	BadAcks      uint64 // that could not be read
	StoreID      string
	StoreChanges uint64
	Rollbacks    uint64 // of the same store
	Hellos       uint64
	Answered     bool // a collector answered in this connection

	Skew      time.Duration // how far this host's clock is ahead of the collector's
	SkewError time.Duration // by how much that may be wrong
	SkewKnown bool
	SkewHigh  bool // above 2 s

	Live        uint64        // messages that were handed to the connection
	LiveDropped uint64        // seconds without one, because the connection was busy
	LiveAge     time.Duration // since the last one was on the wire; 0 before the first

	Commands        uint64 // that nobody here knows
	BadCommands     uint64 // that are too large
	DroppedCommands uint64 // that came faster than they were answered
	Answers         uint64
	DroppedAnswers  uint64 // that were too large, or more than could be sent
	Tables          uint64 // that came, and were handed on
	BadTables       uint64 // that could not be unpacked
	DroppedTables   uint64 // that came faster than they were read; the newest is asked for again
	TableError      string // why the last one could not be unpacked; "" when it could

	TwinSuspected bool // another agent seems to use the same id
}

// stats fills in what the sender knows.
func (s *sender) stats(now time.Time, to *Stats) {
	to.Sent, to.Resent = s.n.sent, s.n.resent
	to.AckedCalls, to.AckedOthers = s.n.acked[0], s.n.acked[1]
	to.Asked, to.Absent, to.Hellos = s.n.asked, s.n.absent, s.n.hellos
	to.IgnoredAcks, to.BehindAcks, to.NeverSent = s.n.ignored, s.n.behind, s.n.neverSent
	to.StoreID, to.StoreChanges, to.Rollbacks = s.store, s.n.storeChanges, s.n.rollbacks
	to.Window, to.WindowMost, to.WindowBytes, to.Credit = len(s.flights), s.window, s.bytes, s.credit
	to.Answered = s.up && s.greeted
	to.Skew, to.SkewError, to.SkewKnown = s.clock.skew(now)
	to.SkewHigh = to.SkewKnown && to.Skew.Abs() > skewMost
	to.TwinSuspected = s.twins.suspected(now)
}

// waiting is since when a sent record has seen no ack move; zero without any.
func (s *sender) waiting() (at time.Time) {
	for _, l := range s.lines {
		if !l.waiting.IsZero() && (at.IsZero() || l.waiting.Before(at)) {
			at = l.waiting
		}
	}
	return at
}
