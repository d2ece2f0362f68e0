package admin

import (
	"math"

	"github.com/sipward/sipward/internal/metric"
	"github.com/sipward/sipward/sync/record"
)

// Names of the metrics of records on their way to a collector.
const (
	metricSpoolAccepted   = "sipward_spool_accepted_total"
	metricSpoolAcked      = "sipward_spool_acked_total"
	metricSpoolDeclared   = "sipward_spool_declared_total"
	metricSpoolReason     = "sipward_spool_lost_total"
	metricSpoolRecords    = "sipward_spool_records"
	metricSpoolOldest     = "sipward_spool_oldest_unacked_seconds"
	metricSpoolBytes      = "sipward_spool_bytes"
	metricSpoolBudget     = "sipward_spool_budget_bytes"
	metricSpoolFree       = "sipward_spool_filesystem_free_bytes"
	metricSpoolReserve    = "sipward_spool_reserve_bytes"
	metricSpoolSegments   = "sipward_spool_segments"
	metricSpoolCommit     = "sipward_spool_commit_seconds"
	metricSpoolFull       = "sipward_spool_full"
	metricSpoolOpen       = "sipward_spool_open_calls"
	metricUplinkUp        = "sipward_uplink_connected"
	metricUplinkAnswered  = "sipward_uplink_answered"
	metricUplinkConnects  = "sipward_uplink_connections_total"
	metricUplinkFailures  = "sipward_uplink_failures_total"
	metricUplinkReconnect = "sipward_uplink_reconnects_total"
	metricUplinkBatches   = "sipward_uplink_batches_total"
	metricUplinkRecords   = "sipward_uplink_records_total"
	metricUplinkBytes     = "sipward_uplink_bytes_total"
	metricUplinkWindow    = "sipward_uplink_window_batches"
	metricUplinkInFlight  = "sipward_uplink_window_bytes"
	metricUplinkCredit    = "sipward_uplink_credit_bytes" //nolint:gosec // no credential
	metricUplinkWaiting   = "sipward_uplink_waiting_seconds"
	metricUplinkSkew      = "sipward_uplink_clock_skew_seconds"
	metricUplinkLive      = "sipward_uplink_live_age_seconds"
	metricUplinkTwin      = "sipward_uplink_duplicate_node_id"
)

var (
	byStream = metric.Closed("stream", "calls", "telemetry")
	byKind   = metric.Closed("kind", "sent", "resent")
)

// syncDefs describes them.
var syncDefs = []metric.Def{
	metric.NewCounter(metricSpoolAccepted, "Records that the spool took on, those found at the start too.", byStream),
	metric.NewCounter(metricSpoolAcked, "Of the accepted records, what a collector has in its database.", byStream),
	metric.NewCounter(metricSpoolDeclared, "Of the accepted records, what was lost or given up, and is declared to the collector.", byStream),
	metric.NewCounter(metricSpoolReason, "The declared records by reason, since the start; `shed` gave way to calls.", byStream, metric.Closed("reason", record.LossShed, record.LossCorrupt, record.LossDiskFull, record.LossQueueFull, record.LossTooLarge)),
	metric.NewGauge(metricSpoolRecords, "Of the accepted records, what waits on disk.", byStream),
	metric.NewGauge(metricSpoolOldest, "Age of the oldest record that waits; 0 when none does.", byStream),
	metric.NewGauge(metricSpoolBytes, "Size of the spool's files."),
	metric.NewGauge(metricSpoolBudget, "Size that they may have: `spool.budget_mib`."),
	metric.NewGauge(metricSpoolFree, "Free on their file system."),
	metric.NewGauge(metricSpoolReserve, "What is set aside for calls when the disk is full; 0 when it was given up."),
	metric.NewGauge(metricSpoolSegments, "Files of records: those that wait, and those kept though a collector has all of them.", metric.Closed("state", "waiting", "kept")),
	metric.NewSummary(metricSpoolCommit, "Time of commits to disk: sum and count, no quantiles; status has some."),
	metric.NewGauge(metricSpoolFull, "1 while records are refused for want of room."),
	metric.NewGauge(metricSpoolOpen, "Calls that an agent that is started anew would know again."),
	metric.NewGauge(metricUplinkUp, "1 while a broker is connected."),
	metric.NewGauge(metricUplinkAnswered, "1 when a collector has answered in this connection."),
	metric.NewCounter(metricUplinkConnects, "Connections that were made."),
	metric.NewCounter(metricUplinkReconnect, "Of the connections, all but the first."),
	metric.NewCounter(metricUplinkFailures, "Tries to connect that failed."),
	metric.NewCounter(metricUplinkBatches, "Batches: `sent`, and of those `resent`, with records that had been sent before.", byKind),
	metric.NewCounter(metricUplinkRecords, "Records in the batches.", byKind),
	metric.NewCounter(metricUplinkBytes, "Bytes of the batches that were sent."),
	metric.NewGauge(metricUplinkWindow, "Batches that are on their way, 8 at most."),
	metric.NewGauge(metricUplinkInFlight, "Bytes that are on their way."),
	metric.NewGauge(metricUplinkCredit, "Bytes that the collector allows to be on their way; 0: no limit."),
	metric.NewGauge(metricUplinkWaiting, "Time since the last ack while one is waited for."),
	metric.NewGauge(metricUplinkSkew, "How far this host's clock is ahead of the collector's; NaN until it is known."),
	metric.NewGauge(metricUplinkLive, "Time since the last live message: below 2 while connected."),
	metric.NewGauge(metricUplinkTwin, "1 when another agent seems to use the same node id."),
}

func sendSync(s *Sync, out metric.Sender) {
	if s == nil {
		return
	}
	sendSpool(&s.Spool, out)
	sendUplink(&s.Uplink, out)
}

func sendSpool(p *Spool, out metric.Sender) {
	for name, s := range map[string]*SpoolStream{"calls": &p.Calls, "telemetry": &p.Telemetry} {
		out.Count(metricSpoolAccepted, s.Accepted, name)
		out.Count(metricSpoolAcked, s.Acked, name)
		out.Count(metricSpoolDeclared, s.Declared, name)
		for reason, n := range s.DeclaredBy {
			out.Count(metricSpoolReason, n, name, reason)
		}
		out.Send(metricSpoolRecords, float64(s.Spooled), name)
		out.Send(metricSpoolOldest, float64(s.OldestUnackedMs)/1000, name)
	}
	out.Send(metricSpoolBytes, float64(p.Bytes))
	out.Send(metricSpoolBudget, float64(p.BudgetBytes))
	out.Send(metricSpoolFree, float64(p.FreeBytes))
	out.Send(metricSpoolReserve, float64(p.ReserveBytes))
	out.Send(metricSpoolSegments, float64(p.Segments-p.Kept), "waiting")
	out.Send(metricSpoolSegments, float64(p.Kept), "kept")
	out.Summary(metricSpoolCommit, p.Commits, p.CommitTime.Seconds())
	out.Truth(metricSpoolFull, p.Full)
	out.Send(metricSpoolOpen, float64(p.OpenCalls))
}

func sendUplink(u *Uplink, out metric.Sender) {
	out.Truth(metricUplinkUp, u.Connected)
	out.Truth(metricUplinkAnswered, u.Answered)
	out.Count(metricUplinkConnects, u.Connections)
	out.Count(metricUplinkReconnect, u.Reconnects)
	out.Count(metricUplinkFailures, u.Failures)
	out.Count(metricUplinkBatches, u.SentBatches, "sent")
	out.Count(metricUplinkBatches, u.ResentBatches, "resent")
	out.Count(metricUplinkRecords, u.SentRecords, "sent")
	out.Count(metricUplinkRecords, u.ResentRecords, "resent")
	out.Count(metricUplinkBytes, u.SentBytes)
	out.Send(metricUplinkWindow, float64(u.Window))
	out.Send(metricUplinkInFlight, float64(u.WindowBytes))
	out.Send(metricUplinkCredit, float64(u.CreditBytes))
	out.Send(metricUplinkWaiting, u.Waiting.Seconds())
	skew := math.NaN()
	if u.SkewKnown {
		skew = u.Skew.Seconds()
	}
	out.Send(metricUplinkSkew, skew)
	out.Send(metricUplinkLive, u.LiveAge.Seconds())
	out.Truth(metricUplinkTwin, u.DuplicateNodeID)
}
