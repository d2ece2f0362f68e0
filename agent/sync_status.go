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
		out.OldestUnackedMS = max(now.Sub(s.OldestUnacked).Milliseconds(), 1)
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
		{"commit_errors", s.CommitErrors},
		{"checkpoints", s.Checkpoints},
		{"checkpoint_errors", s.CheckpointErrors},
		{"open_calls_refused", s.OpenRefused},
		{"segments_corrupt", s.Corrupt},
		{"segments_shed", s.ShedFiles},
		{"epochs_forgotten", s.Forgotten},
	})
}

func uplinkCounts(u *uplink.Stats) []tally.Count {
	return tally.Stage("uplink", []tally.Event{
		{"refused", u.Refused},
		{"hellos", u.Hellos},
		{"acks", u.Acks},
		{"acks_ignored", u.IgnoredAcks},
		{"acks_behind", u.BehindAcks},
		{"acks_never_sent", u.NeverSent},
		{"acks_dropped", u.DroppedAcks},
		{"acks_malformed", u.BadAcks},
		{"asked_again", u.Asked},
		{"absent", u.Absent},
		{"unread", u.Unread},
		{"store_changes", u.StoreChanges},
		{"store_rollbacks", u.Rollbacks},
		{"live", u.Live},
		{"live_dropped", u.LiveDropped},
		{"commands_answered", u.Answers},
		{"commands_unknown", u.Commands},
		{"commands_malformed", u.BadCommands},
		{"commands_dropped", u.DroppedCommands},
		{"answers_dropped", u.DroppedAnswers},
		{"tables", u.Tables},
		{"tables_malformed", u.BadTables},
		{"tables_dropped", u.DroppedTables},
	})
}

// outboxDrops are there before the spool was opened, too.
func (a *agent) outboxDrops() []tally.Count {
	var n uint64
	if a.outbox != nil {
		n = a.outbox.Unencoded()
	}
	return tally.Stage("outbox", []tally.Event{{Name: "unencoded", N: n}})
}
