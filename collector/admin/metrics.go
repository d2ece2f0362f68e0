package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/internal/metric"
	"github.com/sipward/sipward/sync/record"
)

// Names of the metrics of the collector.
const (
	metricBuild       = "sipward_collector_build_info"
	metricStart       = "sipward_collector_start_time_seconds"
	metricReady       = "sipward_collector_ready"
	metricAttention   = "sipward_collector_attention"
	metricRead        = "sipward_collector_database_read_time_seconds"
	metricNodes       = "sipward_collector_nodes"
	metricDrops       = "sipward_collector_dropped_total"
	metricEvents      = "sipward_collector_events_total"
	metricLost        = "sipward_collector_lost_records"
	metricLetters     = "sipward_collector_dead_letters"
	metricDiffer      = "sipward_collector_differences"
	metricIncomplete  = "sipward_collector_reconciliation_incomplete"
	metricTaskTime    = "sipward_collector_task_time_seconds"
	metricTaskFailed  = "sipward_collector_task_failed"
	metricTable       = "sipward_collector_table_version"
	metricCertificate = "sipward_collector_certificate_expiry_timestamp_seconds"

	metricAlerts       = "sipward_collector_alerts"
	metricAlertRules   = "sipward_collector_alert_rules"
	metricAlertTime    = "sipward_collector_alert_judged_time_seconds"
	metricAlertFailing = "sipward_collector_alert_failing"
	metricAlertQueue   = "sipward_collector_alert_queue"
	metricAlertSent    = "sipward_collector_alert_messages_total"
	metricAlertLast    = "sipward_collector_alert_sent_time_seconds"

	metricQueue        = "sipward_collector_queue_bytes"
	metricQueueMax     = "sipward_collector_queue_limit_bytes"
	metricMessages     = "sipward_collector_queue_messages"
	metricWaiting      = "sipward_collector_queue_waiting"
	metricBrokers      = "sipward_collector_brokers"
	metricConnected    = "sipward_collector_nodes_connected"
	metricReporting    = "sipward_collector_nodes_reporting"
	metricActive       = "sipward_collector_nodes_active"
	metricStoreFailing = "sipward_collector_store_failing"
	metricLastCommit   = "sipward_collector_last_commit_seconds"
	metricCommits      = "sipward_collector_commit_seconds"
	metricStreams      = "sipward_collector_dashboard_streams"
	metricWatched      = "sipward_collector_watched_logins"

	metricNodeUp       = "sipward_collector_node_up"
	metricNodeReady    = "sipward_collector_node_ready"
	metricNodeSeen     = "sipward_collector_node_last_seen_time_seconds"
	metricNodeLag      = "sipward_collector_node_lag_seconds"
	metricNodeSkew     = "sipward_collector_node_skew_seconds"
	metricNodeChannels = "sipward_collector_node_channels"
	metricNodeSpool    = "sipward_collector_node_spool_bytes"
	metricNodeBudget   = "sipward_collector_node_spool_limit_bytes"
	metricNodeUnacked  = "sipward_collector_node_spool_records"
	metricNodeRecords  = "sipward_collector_node_records"
	metricNodeHours    = "sipward_collector_node_hour_marks"
	metricNodeTwice    = "sipward_collector_node_duplicate_time_seconds"
	metricNodeTable    = "sipward_collector_node_table_version"
	metricNodeCert     = "sipward_collector_node_certificate_expiry_timestamp_seconds"
)

// Labels that several metrics have.
var (
	byNode  = metric.Open("node")
	byStage = metric.Open("stage")
	byEvent = metric.Open("event")
	byTask  = metric.Closed("task", "reconciliation", "retention")
)

// What certificates are for.
const (
	CertDashboard  = "dashboard"
	CertBroker     = "broker"      // of the embedded broker; in memory, and made anew in time
	CertAuthority  = "authority"   // which signs that and those of nodes
	CertExternal   = "external"    // the collector's own, which an external broker asks for
	CertExternalCA = "external_ca" // whom the external broker's must be of
)

// Reference describes all metrics of the collector, in the groups of docs/collector.md.
func Reference() []metric.Group {
	return []metric.Group{{Name: "collector", Defs: ownDefs}, {Name: "alerts", Defs: alertDefs}, {Name: "load", Defs: loadDefs}, {Name: "nodes", Defs: nodeDefs}}
}

var ownDefs = []metric.Def{
	metric.NewGauge(metricBuild, "Version and kind of the collector; always 1.", metric.Open("version"), metric.Open("collector"), metric.Open("broker"), metric.Open("store")),
	metric.NewGauge(metricStart, "Start of the collector since the Unix epoch."),
	metric.NewGauge(metricReady, "1 when the collector does its work; `/readyz` says what is missing."),
	metric.NewGauge(metricAttention, "Things that somebody should look after; `status` says which."),
	metric.NewGauge(metricRead, "When the database was last read for these figures, since the Unix epoch."),
	metric.NewGauge(metricNodes, "Nodes by state.", metric.Closed("state", record.StateUp, record.StateDown, Unknown, Gone)),
	metric.NewCounter(metricDrops, "What was turned away or set aside, by [stage and event](#sipward_collector_dropped_total).", byStage, byEvent),
	metric.NewCounter(metricEvents, "Everything else that parts of the collector count, by [stage and event](#sipward_collector_events_total).", byStage, byEvent),
	metric.NewGauge(metricLost, "Records in the loss ledger: they will never come.", byNode, metric.Open("stream"), metric.Open("reason")),
	metric.NewGauge(metricLetters, "Batches that are set aside because they could not be stored."),
	metric.NewGauge(metricDiffer, "Figures that differ from the stored calls at the last reconciliation: minute counters, and summaries.", metric.Closed("against", "counters", "summaries")),
	metric.NewGauge(metricIncomplete, "Nodes and parties that could not be compared at the last reconciliation."),
	metric.NewGauge(metricTaskTime, "When a task last ended, since the Unix epoch.", byTask),
	metric.NewGauge(metricTaskFailed, "1 when the last run of a task failed.", byTask),
	metric.NewGauge(metricTable, "Version of the table of customers: the newest, and that which all nodes get.", metric.Closed("stage", "newest", "all")),
	metric.NewGauge(metricCertificate, "Until when a certificate is good, since the Unix epoch; not there while it cannot be read.",
		metric.Closed("use", CertDashboard, CertBroker, CertAuthority, CertExternal, CertExternalCA), metric.Open("file")),
}

var (
	byChannel = metric.Closed("channel", "mail", "webhook")
	alertDefs = []metric.Def{
		metric.NewGauge(metricAlerts, "Alerts that are on.", metric.Closed("level", "info", "warning", "critical")),
		metric.NewGauge(metricAlertRules, "Rules for alerts: judged, or invalid and left out.", metric.Closed("state", "judged", "invalid")),
		metric.NewGauge(metricAlertTime, "When rules were last judged, since the Unix epoch; every 5 seconds."),
		metric.NewGauge(metricAlertFailing, "1 while rules or figures cannot be read, or alerts cannot be stored."),
		metric.NewGauge(metricAlertQueue, "Messages on alerts that wait to be sent, 1000 at most."),
		metric.NewCounter(metricAlertSent, "Messages on alerts by what became of them; `failed`: given up, `dropped`: the queue was full.",
			byChannel, metric.Closed("event", "sent", "retried", "failed", "dropped")),
		metric.NewGauge(metricAlertLast, "When a message was last sent, since the Unix epoch; 0 for never.", byChannel),
	}
)

var loadDefs = []metric.Def{
	metric.NewGauge(metricQueue, "Bytes of batches that were taken and are not stored yet."),
	metric.NewGauge(metricQueueMax, "Bytes that the queue can take."),
	metric.NewGauge(metricMessages, "Batches in the queue that were not looked at yet."),
	metric.NewGauge(metricWaiting, "Batches that wait for room in the queue."),
	metric.NewGauge(metricBrokers, "External brokers by whether they are connected.", metric.Closed("connected", "yes", "no")),
	metric.NewGauge(metricConnected, "Nodes that are connected to the embedded broker."),
	metric.NewGauge(metricReporting, "Nodes that sent live figures or a state."),
	metric.NewGauge(metricActive, "Nodes that were heard within the last minute."),
	metric.NewGauge(metricStoreFailing, "1 while the last transaction failed and is being repeated."),
	metric.NewGauge(metricLastCommit, "Time that the last transaction took."),
	metric.NewHistogram(metricCommits, "Time of transactions."),
	metric.NewGauge(metricStreams, "Readers of live figures: [dashboards](dashboard.md) that are open."),
	metric.NewGauge(metricWatched, "Accounts and addresses whose failed logins are remembered."),
}

var nodeDefs = []metric.Def{
	metric.NewGauge(metricNodeUp, "1 while the node is connected, by its own word or its will.", byNode),
	metric.NewGauge(metricNodeReady, "1 when the node says that it does its work.", byNode),
	metric.NewGauge(metricNodeSeen, "When the node last sent anything, since the Unix epoch.", byNode),
	metric.NewGauge(metricNodeLag, "Age of the oldest record that the node has and the collector has not.", byNode),
	metric.NewGauge(metricNodeSkew, "The node's clock minus the collector's.", byNode),
	metric.NewGauge(metricNodeChannels, "Live channels of the node.", byNode, metric.Closed("state", "setup", "answered")),
	metric.NewGauge(metricNodeSpool, "Disk that the node's spool takes.", byNode),
	metric.NewGauge(metricNodeBudget, "Disk that the node's spool may take.", byNode),
	metric.NewGauge(metricNodeUnacked, "Records in the node's spool that are not stored here.", byNode),
	metric.NewGauge(metricNodeRecords, "Records since the node's start, by its own word: accepted is acked and spooled and declared lost.",
		byNode, metric.Closed("event", "accepted", "acked", "declared")),
	metric.NewGauge(metricNodeHours, "Of the last 48 hours that are over: closed by the node and all here, or not.", byNode, metric.Closed("state", "complete", "late")),
	metric.NewGauge(metricNodeTable, "Version of the table of customers that the node has, when it has it from the centre.", byNode),
	metric.NewGauge(metricNodeCert, "Until when the certificate is good that the node has from here, since the Unix epoch.", byNode),
	metric.NewGauge(metricNodeTwice, "When two agents with this id were last seen, since the Unix epoch; 0 for never.", byNode),
}

// metrics turns one Status into metrics at every scrape.
type metrics struct {
	metric.Set
	source Source
}

func newMetrics(source Source) prometheus.Collector {
	return &metrics{metric.NewSet(Reference()...), source}
}

// Collect sends the metrics of this moment.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s, out := m.source.Status(), m.To(ch)
	out.Send(metricBuild, 1, s.Version, s.ID, s.Broker, s.Store)
	out.Send(metricStart, seconds(s.StartedUnixMs))
	out.Truth(metricReady, s.Ready)
	out.Send(metricAttention, float64(len(s.Attention)))
	out.Send(metricRead, seconds(s.ReadUnixMs))
	for _, d := range s.Drops {
		out.Count(metricDrops, d.N, d.Stage, d.Event)
	}
	for _, d := range s.Counts {
		out.Count(metricEvents, d.N, d.Stage, d.Event)
	}
	for _, l := range s.Losses {
		out.Send(metricLost, float64(l.Records), l.Node, l.Stream, l.Reason)
	}
	out.Send(metricLetters, float64(s.DeadLetters.Kept))
	out.Send(metricDiffer, float64(len(s.Reconciliation.Differ)), "counters")
	out.Send(metricDiffer, float64(len(s.Reconciliation.Sums)), "summaries")
	out.Send(metricIncomplete, float64(s.Reconciliation.Incomplete))
	for name, t := range map[string]*Task{"reconciliation": &s.Reconciliation.Task, "retention": &s.Retention} {
		out.Send(metricTaskTime, seconds(t.LastUnixMs), name)
		out.Truth(metricTaskFailed, t.Error != "", name)
	}
	sendAlerts(s.Alerts, out)
	sendLoad(&s.Load, out)
	if t := s.Table; t != nil {
		out.Send(metricTable, float64(t.Offered[0].Version), "newest")
		if last := t.Offered[len(t.Offered)-1]; len(last.Stage) == 0 {
			out.Send(metricTable, float64(last.Version), "all")
		}
	}
	for _, c := range s.Certificates {
		if c.Error == "" {
			out.Send(metricCertificate, seconds(c.NotAfterUnixMs), c.Use, c.File)
		}
	}
	states := map[string]int{record.StateUp: 0, record.StateDown: 0, Unknown: 0, Gone: 0}
	for i := range s.Nodes {
		states[s.Nodes[i].State]++
		if s.Nodes[i].State != Gone {
			sendNode(&s.Nodes[i], out)
		}
	}
	for state, n := range states {
		out.Send(metricNodes, float64(n), state)
	}
}

// sendAlerts shows nothing before the store is open: nobody watches then.
func sendAlerts(a *Alerts, out metric.Sender) {
	if a == nil {
		return
	}
	for level, n := range a.Open {
		out.Send(metricAlerts, float64(n), level)
	}
	out.Send(metricAlertRules, float64(a.Rules), "judged")
	out.Send(metricAlertRules, float64(a.InvalidRules), "invalid")
	out.Send(metricAlertTime, seconds(a.JudgedUnixMs))
	out.Truth(metricAlertFailing, a.Error != "")
	out.Send(metricAlertQueue, float64(a.Queued))
	for i := range a.Channels {
		c := &a.Channels[i]
		out.Count(metricAlertSent, c.Sent, c.Channel, "sent")
		out.Count(metricAlertSent, c.Retried, c.Channel, "retried")
		out.Count(metricAlertSent, c.Failed, c.Channel, "failed")
		out.Count(metricAlertSent, c.Dropped, c.Channel, "dropped")
		out.Send(metricAlertLast, seconds(c.SentUnixMs), c.Channel)
	}
}

func sendLoad(l *Load, out metric.Sender) {
	out.Send(metricQueue, float64(l.QueueBytes))
	out.Send(metricQueueMax, float64(l.QueueMaxBytes))
	out.Send(metricMessages, float64(l.QueueMessages))
	out.Send(metricWaiting, float64(l.QueueWaiting))
	out.Send(metricBrokers, float64(l.BrokersConnected), "yes")
	out.Send(metricBrokers, float64(l.Brokers-l.BrokersConnected), "no")
	out.Send(metricConnected, float64(l.NodesConnected))
	out.Send(metricReporting, float64(l.NodesReporting))
	out.Send(metricActive, float64(l.NodesActive))
	out.Truth(metricStoreFailing, l.StoreFailing)
	out.Send(metricLastCommit, l.LastCommitSeconds)
	out.Send(metricStreams, float64(l.DashboardStreams))
	out.Send(metricWatched, float64(l.WatchedLogins))
	buckets := map[float64]uint64{}
	for _, b := range l.Commits.Buckets {
		buckets[b.UpToSeconds] = b.Count
	}
	out.Histogram(metricCommits, l.Commits.Count, l.Commits.SumSeconds, buckets)
}

func sendNode(n *Node, out metric.Sender) {
	out.Truth(metricNodeUp, n.State == record.StateUp, n.ID)
	out.Truth(metricNodeReady, n.State == record.StateUp && len(n.NotReady) == 0, n.ID)
	out.Send(metricNodeSeen, seconds(n.LastSeenUnixMs), n.ID)
	if n.LagMs != nil {
		out.Send(metricNodeLag, seconds(*n.LagMs), n.ID)
	}
	if n.SkewMs != nil {
		out.Send(metricNodeSkew, seconds(*n.SkewMs), n.ID)
	}
	if n.Live != nil {
		out.Send(metricNodeChannels, float64(n.Live.LiveSetup), n.ID, "setup")
		out.Send(metricNodeChannels, float64(n.Live.LiveAnswered), n.ID, "answered")
	}
	if s := n.Spool; s != nil {
		out.Send(metricNodeSpool, float64(s.Bytes), n.ID)
		out.Send(metricNodeBudget, float64(s.BudgetBytes), n.ID)
		out.Send(metricNodeUnacked, float64(s.Records), n.ID)
		out.Send(metricNodeRecords, float64(s.Accepted), n.ID, "accepted")
		out.Send(metricNodeRecords, float64(s.Acked), n.ID, "acked")
		out.Send(metricNodeRecords, float64(s.Declared), n.ID, "declared")
	}
	if n.CertUnixMs != 0 {
		out.Send(metricNodeCert, seconds(n.CertUnixMs), n.ID)
	}
	if n.Table != nil {
		out.Send(metricNodeTable, float64(n.Table.Version), n.ID)
	}
	out.Send(metricNodeHours, float64(n.HoursComplete), n.ID, "complete")
	out.Send(metricNodeHours, float64(len(n.HoursLate)), n.ID, "late")
	out.Send(metricNodeTwice, seconds(n.DuplicateUnixMs), n.ID)
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }
