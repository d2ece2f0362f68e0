package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/internal/metric"
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
	metricCertificate   = "sipward_certificate_expiry_timestamp_seconds"
)

// Labels that several metrics have.
var (
	byStage  = metric.Open("stage")
	byEvent  = metric.Open("event")
	byReason = metric.Open("reason")
)

// What certificates are for.
const (
	CertUplink   = "uplink"    // the agent's own, which a broker asks for
	CertUplinkCA = "uplink_ca" // whom the broker's must be of
	CertHEP      = "hep"       // of a listener for HEP over TLS
)

// agentDefs describes them.
var agentDefs = []metric.Def{
	metric.NewGauge(metricBuild, "Version and node of the agent; always 1; `mode` is where packets come from: `ebpf`, `classic` or `hep`.", metric.Open("version"), metric.Open("node"), metric.Open("mode")),
	metric.NewGauge(metricStart, "Start of the agent since the Unix epoch."),
	metric.NewGauge(metricReady, "1 when every part does its work; `/readyz` says what is missing."),
	metric.NewGauge(metricSuspect, "1 when any `sipward_dropped_total` grew within the last minute, or an interface of the configuration is not captured on."),
	metric.NewGauge(metricSnapshot, "When these figures were published, since the Unix epoch; older than some seconds: the pipeline hangs."),
	metric.NewCounter(metricFrames, "Frames that reached user space."),
	metric.NewCounter(metricMessages, "SIP messages, sent again and malformed ones too.", metric.Closed("transport", transports()...)),
	metric.NewCounter(metricMalformed, "Of the SIP messages, what could not be used."),
	metric.NewCounter(metricResent, "Of the SIP messages, sent again."),
	metric.NewCounter(metricDuplicates, "Of the SIP messages, captured twice."),
	metric.NewCounter(metricPanics, "Frames lost to a fault in the agent; more than 0 is a bug."),
	metric.NewCounter(metricRegisters, "REGISTER requests, sent again ones too."),
	metric.NewCounter(metricRegistrations, "REGISTER transactions by first final response; `none` before there is one.", metric.Open("status")),
	metric.NewGauge(metricLegs, "Legs that are held: calls, and carriers' legs."),
	metric.NewGauge(metricLegsMax, "Legs that can be held: `calls.max`."),
	metric.NewGauge(metricEndpoints, "Media addresses that are watched."),
	metric.NewGauge(metricEndpointsMax, "Media addresses that can be watched: `capture.max_endpoints`."),
	metric.NewGauge(metricQueue, "Batches of frames that wait for the pipeline, 64 at most."),
	metric.NewCounter(metricDrops, "What was lost for want of room or time, by [stage and event](#what-is-lost-sipward_dropped_total).", byStage, byEvent),
	metric.NewCounter(metricEvents, "Everything else that parts count, by [stage and event](#what-else-is-counted-sipward_events_total).", byStage, byEvent),
	metric.NewGauge(metricInterface, "1 while packets are captured on this name of `capture.interfaces`, or on an interface that this pattern names.", metric.Open("interface")),
	metric.NewCounter(metricSkew, "Changes of live channels refused because they led below zero; more than 0 is a bug."),
	metric.NewGauge(metricCertificate, "Until when a certificate is good, since the Unix epoch; not there while it cannot be read.",
		metric.Closed("use", CertUplink, CertUplinkCA, CertHEP), metric.Open("file")),
}

func transports() []string {
	var out []string
	for t := packet.UDP; int(t) < packet.Transports; t++ {
		out = append(out, t.String())
	}
	return out
}

// Reference describes all metrics of the agent, in the groups of docs/metrics.md.
// Those of calls are there as parties lists them: of all, of customers, of carriers.
func Reference() []metric.Group {
	out := []metric.Group{{Name: "agent", Defs: agentDefs}, {Name: "sync", Defs: syncDefs}, {Name: "guard", Defs: guardDefs}}
	for _, p := range parties {
		out = append(out, metric.Group{Name: p.group, Defs: p.defs()})
	}
	return out
}

// collector turns one Status into metrics at every scrape.
type collector struct {
	metric.Set
	source Source
}

// newCollector returns a collector of everything that source knows.
func newCollector(source Source) prometheus.Collector {
	return &collector{metric.NewSet(Reference()...), source}
}

// Collect sends the metrics of the latest snapshot.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s, out := c.source.Status(), c.To(ch)
	sendAgent(s, out)
	sendSync(s.Sync, out)
	sendGuard(s.Guard, out)
	parties[0].send(out, &s.Figures.Total, 0)
	for i := range s.Figures.Customers {
		p := &s.Figures.Customers[i]
		parties[1].send(out, &p.Figures, p.Channels, p.Name)
	}
	for i := range s.Figures.Carriers {
		p := &s.Figures.Carriers[i]
		parties[2].send(out, &p.Figures, p.Channels, p.Name)
	}
}

func sendAgent(s *Status, out metric.Sender) {
	out.Send(metricBuild, 1, s.Version, s.Node, s.Mode)
	out.Send(metricStart, float64(s.Started.UnixMilli())/1000)
	out.Truth(metricReady, len(s.NotReady) == 0)
	out.Truth(metricSuspect, len(s.Suspect) > 0)
	out.Send(metricSnapshot, float64(s.Taken.UnixMilli())/1000)
	out.Count(metricFrames, s.Frames)
	for t := packet.UDP; int(t) < packet.Transports; t++ {
		out.Count(metricMessages, s.Messages[t], t.String())
	}
	out.Count(metricMalformed, s.Malformed)
	out.Count(metricResent, s.Retransmissions)
	out.Count(metricDuplicates, s.Duplicates)
	out.Count(metricPanics, s.Panics)
	out.Count(metricRegisters, s.Registrations.Requests)
	out.Count(metricRegistrations, s.Registrations.Unanswered, "none")
	for status, n := range s.Registrations.ByStatus {
		out.Count(metricRegistrations, n, strconv.Itoa(int(status)))
	}
	out.Send(metricLegs, float64(s.LiveLegs))
	out.Send(metricLegsMax, float64(s.MaxLegs))
	out.Send(metricEndpoints, float64(s.Endpoints))
	out.Send(metricEndpointsMax, float64(s.MaxEndpoints))
	out.Send(metricQueue, float64(s.QueueLength))
	for _, d := range s.Drops {
		out.Count(metricDrops, d.N, d.Stage, d.Event)
	}
	for _, d := range s.Counts {
		out.Count(metricEvents, d.N, d.Stage, d.Event)
	}
	for _, i := range s.Sources {
		out.Truth(metricInterface, i.State == Capturing, i.Name)
	}
	out.Count(metricSkew, s.Figures.Skew)
	for _, c := range s.Certificates {
		if c.Error == "" {
			out.Send(metricCertificate, float64(c.NotAfterUnixMs)/1000, c.Use, c.File)
		}
	}
}
