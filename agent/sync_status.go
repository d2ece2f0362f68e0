package main

import (
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
	"github.com/sipward/sipward/sync/uplink"
)

func spoolStatus(s *spool.Stats, now time.Time) admin.Spool {
	return admin.Spool{
		Epoch: epochText(s.Epoch), Calls: streamStatus(&s.Calls, now), Telemetry: streamStatus(&s.Telemetry, now),
		Bytes: s.Bytes, BudgetBytes: s.Budget, FreeBytes: s.Free, MinFreeBytes: s.MinFree, ReserveBytes: s.Reserve,
		Segments: s.Segments, Kept: s.Kept, Corrupt: s.Corrupt, Full: s.Full,
		Commits: s.Commits, CommitErrors: s.CommitErrors, CommitTime: s.CommitTime, CommitP50: s.CommitP50, CommitP99: s.CommitP99,
		OpenCalls: s.OpenCalls,
	}
}

func streamStatus(s *spool.StreamStats, now time.Time) admin.SpoolStream {
	out := admin.SpoolStream{
		Accepted: s.Accepted, Acked: s.Acked, Spooled: s.Spooled, Declared: s.Declared, Queued: s.Queued,
		DeclaredBy: map[string]uint64{
			record.LossShed: s.Shed, record.LossCorrupt: s.Corrupt, record.LossDiskFull: s.DiskFull,
			record.LossQueueFull: s.QueueFull, record.LossTooLarge: s.TooLarge,
		},
	}
	if !s.OldestUnacked.IsZero() {
		out.OldestUnackedMs = max(now.Sub(s.OldestUnacked).Milliseconds(), 1)
	}
	return out
}

func uplinkStatus(u *uplink.Stats) admin.Uplink {
	out := admin.Uplink{
		Connected: u.Connected, Answered: u.Answered, Broker: u.Broker,
		Connections: u.Connections, Reconnects: u.Reconnects, Failures: u.Failures,
		SentBatches: u.Sent.Batches, SentRecords: u.Sent.Records, SentBytes: u.Sent.Bytes,
		ResentBatches: u.Resent.Batches, ResentRecords: u.Resent.Records,
		Window: u.Window, WindowLimit: u.WindowMost, WindowBytes: u.WindowBytes, CreditBytes: u.Credit, Waiting: u.Waiting,
		Acks: u.Acks, StoreID: u.StoreID, Skew: u.Skew, SkewKnown: u.SkewKnown, SkewHigh: u.SkewHigh,
		LiveAge: u.LiveAge, DuplicateNodeID: u.TwinSuspected,
	}
	if !u.Connected {
		out.LastError = u.LastError
	}
	return out
}

func spoolCounts(s *spool.Stats) []tally.Count {
	return tally.Stage("spool", []tally.Event{
		{"commit_errors", s.CommitErrors, "commits that the disk refused; they are tried again"},
		{"checkpoints", s.Checkpoints, "times that the calls that go on were written down"},
		{"checkpoint_errors", s.CheckpointErrors, "times that this failed"},
		{"open_calls_refused", s.OpenRefused, "calls in progress that were not written down because there were too many"},
		{"segments_corrupt", s.Corrupt, "damaged files that were set aside; what was readable in them is sent"},
		{"segments_shed", s.ShedFiles, "files of telemetry that gave way to calls"},
		{"epochs_forgotten", s.Forgotten, "earlier runs of which it is no longer known what was deleted"},
	})
}

func uplinkCounts(u *uplink.Stats) []tally.Count {
	return tally.Stage("uplink", []tally.Event{
		{"refused", u.Refused, "connections that the broker refused for want of rights"},
		{"hellos", u.Hellos, "times that the agent asked for an ack"},
		{"acks", u.Acks, "acks that came"},
		{"acks_ignored", u.IgnoredAcks, "those of them, and parts of them, that say nothing to this agent"},
		{"acks_behind", u.BehindAcks, "those that state less than earlier ones"},
		{"acks_never_sent", u.NeverSent, "those that name what was never sent; more than 0 is a fault of the collector"},
		{"acks_dropped", u.DroppedAcks, "those that came faster than they were read"},
		{"acks_malformed", u.BadAcks, "those that could not be read"},
		{"asked_again", u.Asked, "records that collectors asked for again"},
		{"absent", u.Absent, "records that were to be sent and were not on disk any more"},
		{"unread", u.Unread, "failures to read the spool"},
		{"store_changes", u.StoreChanges, "times that a collector had another database"},
		{"store_rollbacks", u.Rollbacks, "times that a collector had an older state of its database"},
		{"live", u.Live, "live messages that were sent"},
		{"live_dropped", u.LiveDropped, "seconds without one, because the connection was busy"},
		{"commands_answered", u.Answers, "questions of a collector that were answered"},
		{"commands_unknown", u.Commands, "commands that this version does not know"},
		{"commands_malformed", u.BadCommands, "commands that are too large"},
		{"commands_dropped", u.DroppedCommands, "commands that came faster than they were answered"},
		{"answers_dropped", u.DroppedAnswers, "answers that were too large, or too many at once"},
		{"tables", u.Tables, "tables of customers that came; which were taken says `sipward_table_refused_total`"},
		{"tables_malformed", u.BadTables, "of what came as a table, what could not be unpacked"},
		{"tables_dropped", u.DroppedTables, "tables that came faster than they were read"},
	})
}

// outboxDrops are there before the spool was opened, too.
func (a *agent) outboxDrops() []tally.Count {
	var n uint64
	if a.outbox != nil {
		n = a.outbox.Unencoded()
	}
	return tally.Stage("outbox", []tally.Event{
		{"unencoded", n, "records for a collector that could not be encoded; more than 0 is a bug"},
	})
}
