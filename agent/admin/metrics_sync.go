package admin

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
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

// syncDescs describes them.
var syncDescs = []desc{
	{metricSpoolAccepted, "Records that the spool took on, those found at the start too: acked + spooled + declared.", []string{"stream"}},
	{metricSpoolAcked, "Records that a collector has in its database.", []string{"stream"}},
	{metricSpoolDeclared, "Records that were lost or given up, and are declared to the collector.", []string{"stream"}},
	{metricSpoolReason, "The same by reason, since the start.", []string{"stream", "reason"}},
	{metricSpoolRecords, "Records on disk that no collector has yet.", []string{"stream"}},
	{metricSpoolOldest, "Age of the oldest of them; 0 without any.", []string{"stream"}},
	{metricSpoolBytes, "Size of the spool's files.", nil},
	{metricSpoolBudget, "Size that they may have.", nil},
	{metricSpoolFree, "Free on their file system.", nil},
	{metricSpoolReserve, "Set aside for calls when the disk is full; 0 when it was given up.", nil},
	{metricSpoolSegments, "Files of records: waiting ones, and those kept though a collector has all of them.", []string{"state"}},
	{metricSpoolCommit, "Time of commits to disk.", nil},
	{metricSpoolFull, "1 while records are refused for want of room.", nil},
	{metricSpoolOpen, "Calls that a restarted agent would know again.", nil},
	{metricUplinkUp, "1 while a broker is connected.", nil},
	{metricUplinkAnswered, "1 when a collector has answered in this connection.", nil},
	{metricUplinkConnects, "Connections that were made.", nil},
	{metricUplinkReconnect, "Of those, all but the first.", nil},
	{metricUplinkFailures, "Tries to connect that failed.", nil},
	{metricUplinkBatches, "Batches that were sent; resent: with records that had been sent before, which are in sent too.", []string{"kind"}},
	{metricUplinkRecords, "Records in them.", []string{"kind"}},
	{metricUplinkBytes, "Bytes of the batches that were sent.", nil},
	{metricUplinkWindow, "Batches that are on their way.", nil},
	{metricUplinkInFlight, "Bytes that are on their way.", nil},
	{metricUplinkCredit, "Bytes that the collector allows to be on their way; 0: no limit.", nil},
	{metricUplinkWaiting, "Time since the last ack while one is waited for.", nil},
	{metricUplinkSkew, "How far this host's clock is ahead of the collector's.", nil},
	{metricUplinkLive, "Time since the last live message; at most 2 while connected.", nil},
	{metricUplinkTwin, "1 when another agent seems to use the same node id.", nil},
}

func (c *collector) sync(s *Sync, out emitter) {
	if s == nil {
		return
	}
	c.spool(&s.Spool, out)
	c.uplink(&s.Uplink, out)
}

func (c *collector) spool(p *Spool, out emitter) {
	for name, s := range map[string]*SpoolStream{"calls": &p.Calls, "telemetry": &p.Telemetry} {
		out.counter(metricSpoolAccepted, s.Accepted, name)
		out.counter(metricSpoolAcked, s.Acked, name)
		out.counter(metricSpoolDeclared, s.Declared, name)
		for reason, n := range s.DeclaredBy {
			out.counter(metricSpoolReason, n, name, reason)
		}
		out.gauge(metricSpoolRecords, float64(s.Spooled), name)
		out.gauge(metricSpoolOldest, float64(s.OldestUnackedMS)/1000, name)
	}
	out.gauge(metricSpoolBytes, float64(p.Bytes))
	out.gauge(metricSpoolBudget, float64(p.BudgetBytes))
	out.gauge(metricSpoolFree, float64(p.FreeBytes))
	out.gauge(metricSpoolReserve, float64(p.ReserveBytes))
	out.gauge(metricSpoolSegments, float64(p.Segments-p.Kept), "waiting")
	out.gauge(metricSpoolSegments, float64(p.Kept), "kept")
	out.ch <- prometheus.MustNewConstSummary(out.descs[metricSpoolCommit], p.Commits, p.CommitTime.Seconds(), nil)
	out.gauge(metricSpoolFull, truth(p.Full))
	out.gauge(metricSpoolOpen, float64(p.OpenCalls))
}

func (c *collector) uplink(u *Uplink, out emitter) {
	out.gauge(metricUplinkUp, truth(u.Connected))
	out.gauge(metricUplinkAnswered, truth(u.Answered))
	out.counter(metricUplinkConnects, u.Connections)
	out.counter(metricUplinkReconnect, u.Reconnects)
	out.counter(metricUplinkFailures, u.Failures)
	out.counter(metricUplinkBatches, u.SentBatches, "sent")
	out.counter(metricUplinkBatches, u.ResentBatches, "resent")
	out.counter(metricUplinkRecords, u.SentRecords, "sent")
	out.counter(metricUplinkRecords, u.ResentRecords, "resent")
	out.counter(metricUplinkBytes, u.SentBytes)
	out.gauge(metricUplinkWindow, float64(u.Window))
	out.gauge(metricUplinkInFlight, float64(u.WindowBytes))
	out.gauge(metricUplinkCredit, float64(u.CreditBytes))
	out.gauge(metricUplinkWaiting, u.Waiting.Seconds())
	skew := math.NaN()
	if u.SkewKnown {
		skew = u.Skew.Seconds()
	}
	out.gauge(metricUplinkSkew, skew)
	out.gauge(metricUplinkLive, u.LiveAge.Seconds())
	out.gauge(metricUplinkTwin, truth(u.DuplicateNodeID))
}
