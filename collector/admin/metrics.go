package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/sync/record"
)

// Names of the metrics of the collector.
const (
	metricBuild      = "sipward_collector_build_info"
	metricStart      = "sipward_collector_start_time_seconds"
	metricReady      = "sipward_collector_ready"
	metricAttention  = "sipward_collector_attention"
	metricRead       = "sipward_collector_database_read_time_seconds"
	metricNodes      = "sipward_collector_nodes"
	metricDrops      = "sipward_collector_dropped_total"
	metricEvents     = "sipward_collector_events_total"
	metricLost       = "sipward_collector_lost_records"
	metricLetters    = "sipward_collector_dead_letters"
	metricDiffer     = "sipward_collector_differences"
	metricIncomplete = "sipward_collector_reconciliation_incomplete"
	metricTaskTime   = "sipward_collector_task_time_seconds"
	metricTaskFailed = "sipward_collector_task_failed"
	metricTable      = "sipward_collector_table_version"

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
)

var families = []struct {
	name, help string
	labels     []string
}{
	{metricBuild, "Version and kind of the collector; always 1.", []string{"version", "collector", "broker", "store"}},
	{metricStart, "Start of the collector since the Unix epoch.", nil},
	{metricReady, "1 when the collector does its work, 0 when something is missing.", nil},
	{metricAttention, "Things that somebody should look after; status says which.", nil},
	{metricRead, "When the database was last read for these figures, since the Unix epoch.", nil},
	{metricNodes, "Nodes by state.", []string{"state"}},
	{metricDrops, "What was turned away or set aside, by part of the collector.", []string{"stage", "event"}},
	{metricEvents, "Everything else that parts of the collector count.", []string{"stage", "event"}},
	{metricLost, "Records in the loss ledger: they will never come.", []string{"node", "stream", "reason"}},
	{metricLetters, "Batches that are set aside because they could not be stored.", nil},
	{metricDiffer, "Figures that differ from the stored calls at the last reconciliation.", []string{"against"}},
	{metricIncomplete, "Nodes and parties that could not be compared at the last reconciliation.", nil},
	{metricTaskTime, "When a task last ended, since the Unix epoch.", []string{"task"}},
	{metricTaskFailed, "1 when the last run of a task failed.", []string{"task"}},
	{metricTable, "Newest version of the table of customers: of all, and that all nodes get.", []string{"stage"}},

	{metricAlerts, "Alerts that are on, by level.", []string{"level"}},
	{metricAlertRules, "Rules for alerts: judged, or invalid and left out.", []string{"state"}},
	{metricAlertTime, "When rules were last judged, since the Unix epoch.", nil},
	{metricAlertFailing, "1 while rules or figures cannot be read, or alerts cannot be stored.", nil},
	{metricAlertQueue, "Messages on alerts that wait to be sent.", nil},
	{metricAlertSent, "Messages on alerts by what became of them.", []string{"channel", "event"}},
	{metricAlertLast, "When a message was last sent, since the Unix epoch; 0 for never.", []string{"channel"}},

	{metricQueue, "Bytes of batches that were taken and are not stored yet.", nil},
	{metricQueueMax, "Bytes that the queue can take.", nil},
	{metricMessages, "Batches in the queue that were not looked at yet.", nil},
	{metricWaiting, "Batches that wait for room in the queue.", nil},
	{metricBrokers, "External brokers by whether they are connected.", []string{"connected"}},
	{metricConnected, "Nodes that are connected to the embedded broker.", nil},
	{metricReporting, "Nodes that sent live figures or a state.", nil},
	{metricActive, "Nodes that were heard within the last minute.", nil},
	{metricStoreFailing, "1 while the last transaction failed and is being repeated.", nil},
	{metricLastCommit, "Time that the last transaction took.", nil},
	{metricCommits, "Time of transactions.", nil},
	{metricStreams, "Dashboards that are open: readers of live figures.", nil},
	{metricWatched, "Accounts and addresses whose failed logins are remembered.", nil},

	{metricNodeUp, "1 while the node is connected, by its own word or its will.", []string{"node"}},
	{metricNodeReady, "1 when the node says that it does its work.", []string{"node"}},
	{metricNodeSeen, "When the node last sent anything, since the Unix epoch.", []string{"node"}},
	{metricNodeLag, "Age of the oldest record that the node has and the collector has not.", []string{"node"}},
	{metricNodeSkew, "The node's clock minus the collector's.", []string{"node"}},
	{metricNodeChannels, "Live channels of the node: in setup, and answered.", []string{"node", "state"}},
	{metricNodeSpool, "Disk that the node's spool takes.", []string{"node"}},
	{metricNodeBudget, "Disk that the node's spool may take.", []string{"node"}},
	{metricNodeUnacked, "Records in the node's spool that are not stored here.", []string{"node"}},
	{metricNodeRecords, "Records since the node's start, by its own word: accepted is acked and spooled and declared lost.", []string{"node", "event"}},
	{metricNodeHours, "Of the last 48 hours that are over: closed by the node and all here (complete), or not (late).", []string{"node", "state"}},
	{metricNodeTable, "Version of the table of customers that the node has, when it has it from the centre.", []string{"node"}},
	{metricNodeTwice, "When two agents with this id were last seen, since the Unix epoch; 0 for never.", []string{"node"}},
}

// metrics turns one Status into metrics at every scrape.
type metrics struct {
	source Source
	descs  map[string]*prometheus.Desc
}

func newMetrics(source Source) prometheus.Collector {
	m := &metrics{source: source, descs: map[string]*prometheus.Desc{}}
	for _, f := range families {
		m.descs[f.name] = prometheus.NewDesc(f.name, f.help, f.labels, nil)
	}
	return m
}

// Describe sends every description.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect sends the metrics of this moment.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.source.Status()
	out := emitter{ch, m.descs}
	out.gauge(metricBuild, 1, s.Version, s.ID, s.Broker, s.Store)
	out.gauge(metricStart, seconds(s.StartedUnixMS))
	out.gauge(metricReady, truth(s.Ready))
	out.gauge(metricAttention, float64(len(s.Attention)))
	out.gauge(metricRead, seconds(s.ReadUnixMS))
	for _, d := range s.Drops {
		out.counter(metricDrops, d.N, d.Stage, d.Event)
	}
	for _, d := range s.Counts {
		out.counter(metricEvents, d.N, d.Stage, d.Event)
	}
	for _, l := range s.Losses {
		out.gauge(metricLost, float64(l.Records), l.Node, l.Stream, l.Reason)
	}
	out.gauge(metricLetters, float64(s.DeadLetters.Kept))
	out.gauge(metricDiffer, float64(len(s.Reconciliation.Differ)), "counters")
	out.gauge(metricDiffer, float64(len(s.Reconciliation.Sums)), "summaries")
	out.gauge(metricIncomplete, float64(s.Reconciliation.Incomplete))
	for name, t := range map[string]*Task{"reconciliation": &s.Reconciliation.Task, "retention": &s.Retention} {
		out.gauge(metricTaskTime, seconds(t.LastUnixMS), name)
		out.gauge(metricTaskFailed, truth(t.Error != ""), name)
	}
	out.alerts(s.Alerts)
	out.load(&s.Load)
	if t := s.Table; t != nil {
		out.gauge(metricTable, float64(t.Offered[0].Version), "newest")
		if last := t.Offered[len(t.Offered)-1]; len(last.Stage) == 0 {
			out.gauge(metricTable, float64(last.Version), "all")
		}
	}
	states := map[string]int{record.StateUp: 0, record.StateDown: 0, Unknown: 0, Gone: 0}
	for i := range s.Nodes {
		states[s.Nodes[i].State]++
		if s.Nodes[i].State != Gone {
			out.node(&s.Nodes[i])
		}
	}
	for state, n := range states {
		out.gauge(metricNodes, float64(n), state)
	}
}

// emitter sends metrics by name.
type emitter struct {
	ch    chan<- prometheus.Metric
	descs map[string]*prometheus.Desc
}

// alerts shows nothing before the store is open: nobody watches then.
func (e emitter) alerts(a *Alerts) {
	if a == nil {
		return
	}
	for level, n := range a.Open {
		e.gauge(metricAlerts, float64(n), level)
	}
	e.gauge(metricAlertRules, float64(a.Rules), "judged")
	e.gauge(metricAlertRules, float64(a.InvalidRules), "invalid")
	e.gauge(metricAlertTime, seconds(a.JudgedUnixMS))
	e.gauge(metricAlertFailing, truth(a.Error != ""))
	e.gauge(metricAlertQueue, float64(a.Queued))
	for i := range a.Channels {
		c := &a.Channels[i]
		e.counter(metricAlertSent, c.Sent, c.Channel, "sent")
		e.counter(metricAlertSent, c.Retried, c.Channel, "retried")
		e.counter(metricAlertSent, c.Failed, c.Channel, "failed")
		e.counter(metricAlertSent, c.Dropped, c.Channel, "dropped")
		e.gauge(metricAlertLast, seconds(c.SentUnixMS), c.Channel)
	}
}

func (e emitter) load(l *Load) {
	e.gauge(metricQueue, float64(l.QueueBytes))
	e.gauge(metricQueueMax, float64(l.QueueMaxBytes))
	e.gauge(metricMessages, float64(l.QueueMessages))
	e.gauge(metricWaiting, float64(l.QueueWaiting))
	e.gauge(metricBrokers, float64(l.BrokersConnected), "yes")
	e.gauge(metricBrokers, float64(l.Brokers-l.BrokersConnected), "no")
	e.gauge(metricConnected, float64(l.NodesConnected))
	e.gauge(metricReporting, float64(l.NodesReporting))
	e.gauge(metricActive, float64(l.NodesActive))
	e.gauge(metricStoreFailing, truth(l.StoreFailing))
	e.gauge(metricLastCommit, l.LastCommitSeconds)
	e.gauge(metricStreams, float64(l.DashboardStreams))
	e.gauge(metricWatched, float64(l.WatchedLogins))
	buckets := map[float64]uint64{}
	for _, b := range l.Commits.Buckets {
		buckets[b.UpToSeconds] = b.Count
	}
	e.ch <- prometheus.MustNewConstHistogram(e.descs[metricCommits], l.Commits.Count, l.Commits.SumSeconds, buckets)
}

func (e emitter) node(n *Node) {
	e.gauge(metricNodeUp, truth(n.State == record.StateUp), n.ID)
	e.gauge(metricNodeReady, truth(n.State == record.StateUp && len(n.NotReady) == 0), n.ID)
	e.gauge(metricNodeSeen, seconds(n.LastSeenUnixMS), n.ID)
	if n.LagMS != nil {
		e.gauge(metricNodeLag, seconds(*n.LagMS), n.ID)
	}
	if n.SkewMS != nil {
		e.gauge(metricNodeSkew, seconds(*n.SkewMS), n.ID)
	}
	if n.Live != nil {
		e.gauge(metricNodeChannels, float64(n.Live.LiveSetup), n.ID, "setup")
		e.gauge(metricNodeChannels, float64(n.Live.LiveAnswered), n.ID, "answered")
	}
	if s := n.Spool; s != nil {
		e.gauge(metricNodeSpool, float64(s.Bytes), n.ID)
		e.gauge(metricNodeBudget, float64(s.BudgetBytes), n.ID)
		e.gauge(metricNodeUnacked, float64(s.Records), n.ID)
		e.gauge(metricNodeRecords, float64(s.Accepted), n.ID, "accepted")
		e.gauge(metricNodeRecords, float64(s.Acked), n.ID, "acked")
		e.gauge(metricNodeRecords, float64(s.Declared), n.ID, "declared")
	}
	if n.Table != nil {
		e.gauge(metricNodeTable, float64(n.Table.Version), n.ID)
	}
	e.gauge(metricNodeHours, float64(n.HoursComplete), n.ID, "complete")
	e.gauge(metricNodeHours, float64(len(n.HoursLate)), n.ID, "late")
	e.gauge(metricNodeTwice, seconds(n.DuplicateUnixMS), n.ID)
}

func (e emitter) gauge(name string, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(e.descs[name], prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(name string, n uint64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(e.descs[name], prometheus.CounterValue, float64(n), labels...)
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
