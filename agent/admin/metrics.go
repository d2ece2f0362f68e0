package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/sip/packet"
)

// Names of the metrics of the agent itself; those of calls and attempts are in
// metrics_figures.go.
const (
	metricBuild         = "sipward_build_info"
	metricStart         = "sipward_start_time_seconds"
	metricReady         = "sipward_ready"
	metricSuspect       = "sipward_figures_suspect"
	metricSnapshot      = "sipward_snapshot_time_seconds"
	metricFrames        = "sipward_frames_total"
	metricMessages      = "sipward_sip_messages_total"
	metricMalformed     = "sipward_sip_malformed_total"
	metricResent        = "sipward_sip_retransmissions_total"
	metricDuplicates    = "sipward_sip_duplicates_total"
	metricPanics        = "sipward_panics_total"
	metricRegisters     = "sipward_register_requests_total"
	metricRegistrations = "sipward_register_transactions_total"
	metricLegs          = "sipward_legs"
	metricLegsMax       = "sipward_legs_limit"
	metricEndpoints     = "sipward_media_endpoints"
	metricEndpointsMax  = "sipward_media_endpoints_limit"
	metricQueue         = "sipward_queue_batches"
	metricDrops         = "sipward_dropped_total"
	metricEvents        = "sipward_events_total"
	metricInterface     = "sipward_interface_up"
	metricSkew          = "sipward_live_skew_total"
)

// collector turns one Status into metrics at every scrape.
type collector struct {
	source  Source
	descs   map[string]*prometheus.Desc
	figures []*figureFamilies
}

// newCollector returns a collector of everything that source knows.
func newCollector(source Source) prometheus.Collector {
	c := &collector{source: source, descs: map[string]*prometheus.Desc{}}
	describe(c.descs, []desc{
		{metricBuild, "Version and node of the agent; always 1.", []string{"version", "node", "mode"}},
		{metricStart, "Start of the agent since the Unix epoch.", nil},
		{metricReady, "1 when the agent does its work, 0 when something is missing.", nil},
		{metricSuspect, "1 while packets are being lost, so that figures may be wrong.", nil},
		{metricSnapshot, "Time of the figures shown since the Unix epoch.", nil},
		{metricFrames, "Frames that reached user space.", nil},
		{metricMessages, "SIP messages, sent again and malformed ones too.", []string{"transport"}},
		{metricMalformed, "SIP messages that could not be used.", nil},
		{metricResent, "SIP messages that were sent again.", nil},
		{metricDuplicates, "SIP messages that were captured twice.", nil},
		{metricPanics, "Frames lost to a fault in the agent.", nil},
		{metricRegisters, "REGISTER requests, sent again ones too.", nil},
		{metricRegistrations, "REGISTER transactions by first final response; none: no response yet.", []string{"status"}},
		{metricLegs, "Legs that the dialog table holds.", nil},
		{metricLegsMax, "Legs that the dialog table can hold.", nil},
		{metricEndpoints, "Media endpoints that are watched.", nil},
		{metricEndpointsMax, "Media endpoints that can be watched.", nil},
		{metricQueue, "Batches of frames that wait for the pipeline.", nil},
		{metricDrops, "What was lost for want of room or time, by part of the agent.", []string{"stage", "event"}},
		{metricEvents, "Everything else that parts of the agent count.", []string{"stage", "event"}},
		{metricInterface, "1 while packets are captured on an interface of the configuration, or on one that its pattern names.", []string{"interface"}},
		{metricSkew, "Changes of live channels refused because they led below zero; more than 0 is a bug.", nil},
	})
	describe(c.descs, syncDescs)
	describe(c.descs, guardDescs)
	c.figures = []*figureFamilies{
		newFigureFamilies("sipward_", "calls", ""),
		newFigureFamilies("sipward_customer_", "calls", "customer"),
		newFigureFamilies("sipward_carrier_", "attempts", "carrier"),
	}
	return c
}

// Describe sends every description.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
	for _, f := range c.figures {
		f.describe(ch)
	}
}

// Collect sends the metrics of the latest snapshot.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.source.Status()
	c.agent(s, emitter{ch, c.descs})
	c.sync(s.Sync, emitter{ch, c.descs})
	c.guard(s.Guard, emitter{ch, c.descs})
	c.figures[0].collect(ch, &s.Figures.Total, 0)
	for i := range s.Figures.Customers {
		p := &s.Figures.Customers[i]
		c.figures[1].collect(ch, &p.Figures, p.Channels, p.Name)
	}
	for i := range s.Figures.Carriers {
		p := &s.Figures.Carriers[i]
		c.figures[2].collect(ch, &p.Figures, p.Channels, p.Name)
	}
}

func (c *collector) agent(s *Status, out emitter) {
	out.gauge(metricBuild, 1, s.Version, s.Node, s.Mode)
	out.gauge(metricStart, float64(s.Started.UnixMilli())/1000)
	out.gauge(metricReady, truth(len(s.NotReady) == 0))
	out.gauge(metricSuspect, truth(len(s.Suspect) > 0))
	out.gauge(metricSnapshot, float64(s.Taken.UnixMilli())/1000)
	out.counter(metricFrames, s.Frames)
	for t := packet.UDP; int(t) < packet.Transports; t++ {
		out.counter(metricMessages, s.Messages[t], t.String())
	}
	out.counter(metricMalformed, s.Malformed)
	out.counter(metricResent, s.Retransmissions)
	out.counter(metricDuplicates, s.Duplicates)
	out.counter(metricPanics, s.Panics)
	out.counter(metricRegisters, s.Registrations.Requests)
	out.counter(metricRegistrations, s.Registrations.Unanswered, "none")
	for status, n := range s.Registrations.ByStatus {
		out.counter(metricRegistrations, n, strconv.Itoa(int(status)))
	}
	out.gauge(metricLegs, float64(s.LiveLegs))
	out.gauge(metricLegsMax, float64(s.MaxLegs))
	out.gauge(metricEndpoints, float64(s.Endpoints))
	out.gauge(metricEndpointsMax, float64(s.MaxEndpoints))
	out.gauge(metricQueue, float64(s.QueueLength))
	for _, d := range s.Drops {
		out.counter(metricDrops, d.N, d.Stage, d.Event)
	}
	for _, d := range s.Counts {
		out.counter(metricEvents, d.N, d.Stage, d.Event)
	}
	for _, i := range s.Sources {
		out.gauge(metricInterface, truth(i.State == Capturing), i.Name)
	}
	out.counter(metricSkew, s.Figures.Skew)
}

// emitter sends metrics by name.
type emitter struct {
	ch    chan<- prometheus.Metric
	descs map[string]*prometheus.Desc
}

func (e emitter) gauge(name string, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(e.descs[name], prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(name string, n uint64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(e.descs[name], prometheus.CounterValue, float64(n), labels...)
}

// desc describes a metric.
type desc struct {
	name, help string
	labels     []string
}

func describe(to map[string]*prometheus.Desc, list []desc) {
	for _, d := range list {
		to[d.name] = prometheus.NewDesc(d.name, d.help, d.labels, nil)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
