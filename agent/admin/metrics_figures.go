package admin

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
)

// Names of the metrics of calls and attempts, after "sipward_",
// "sipward_customer_" or "sipward_carrier_". %s is "calls" or, for carriers,
// "attempts".
const (
	figureChannels     = "channels"
	figurePeak         = "channels_peak"
	figureLimit        = "channels_limit"
	figureRate         = "%s_last_second"
	figureRateMax      = "%s_last_second_peak"
	figureStarted      = "%s_started_total"
	figureInbound      = "%s_inbound_total"
	figureMidcall      = "%s_seen_midcall_total"
	figureOutcomes     = "%s_outcomes_total"
	figureAnswered     = "%s_answered_total"
	figureEffective    = "%s_effective_total"
	figureDecided      = "%s_decided_total"
	figureIneffective  = "%s_ineffective_total"
	figureOver         = "%s_over_total"
	figureCompleted    = "%s_completed_total"
	figureEnded        = "%s_answered_ended_total"
	figureAnsweredTime = "%s_answered_seconds_total"
	figurePDD          = "%s_post_dial_delay_seconds"
	figureReleased     = "%s_released_total"
	figureMedia        = "%s_media_total"
	figureVisible      = "%s_media_visible_total"
	figureWithDigits   = "%s_with_digits_total"
	figureWithInfo     = "%s_with_info_digits_total"
	figureDigits       = "%s_digits_total"
	figurePackets      = "%s_rtp_packets_total"
	figureLost         = "%s_rtp_lost_total"
	figureMOS          = "%s_mos"
)

// family is one metric of a party's figures.
type family struct {
	name, help string
	kind       prometheus.ValueType // 0: a histogram or summary, made by hand
	labels     []string
	send       func(f *counters.Figures, channels int, out func(v float64, labels ...string))
}

// plain is a family of one counter.
func plain(name, help string, get func(f *counters.Figures) uint64) family {
	return family{name, help, prometheus.CounterValue, nil, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(get(f)))
	}}
}

// sides is a family of what callers and callees sent.
func sides(name, help string, get func(f *counters.Figures) [2]uint64) family {
	return family{name, help, prometheus.CounterValue, []string{"sent_by"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, n := range get(f) {
			out(float64(n), sideNames[i])
		}
	}}
}

var sideNames = [2]string{"caller", "callee"}

// families lists every metric of figures but the histogram and the summary.
var families = []family{
	{figureChannels, "Live channels: in setup, and answered.", prometheus.GaugeValue, []string{"state"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.LiveSetup), dialog.Setup.String())
		out(float64(f.LiveAnswered), dialog.Answered.String())
	}},
	{figurePeak, "Most live channels at once since the start: any, and answered.", prometheus.GaugeValue, []string{"state"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.Peak), "any")
		out(float64(f.PeakAnswered), dialog.Answered.String())
	}},
	{figureLimit, "Configured channels.", prometheus.GaugeValue, nil, func(_ *counters.Figures, channels int, out func(float64, ...string)) {
		if channels > 0 {
			out(float64(channels))
		}
	}},
	{figureRate, "Started in the last full second.", prometheus.GaugeValue, nil, func(f *counters.Figures, _ int, out func(float64, ...string)) { out(float64(f.Rate.Last)) }},
	{figureRateMax, "Most started in one second since the start.", prometheus.GaugeValue, nil, func(f *counters.Figures, _ int, out func(float64, ...string)) { out(float64(f.Rate.Max)) }},
	plain(figureStarted, "Initial INVITEs; one sent again after a 401 or 407 is the same.", func(f *counters.Figures) uint64 { return f.Started }),
	plain(figureInbound, "Of those started, from a carrier to a customer.", func(f *counters.Figures) uint64 { return f.Inbound }),
	plain(figureMidcall, "Joined while they went on; in channels, in nothing else.", func(f *counters.Figures) uint64 { return f.SeenMidcall }),
	{figureOutcomes, "Answered, or failed for good, by class of the final response. ASR is answered / outcomes.", prometheus.CounterValue, []string{"class"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, n := range f.ByClass {
			if i != 1 {
				out(float64(n), className(i))
			}
		}
	}},
	plain(figureAnswered, "Of the outcomes, answered.", func(f *counters.Figures) uint64 { return f.Answered }),
	plain(figureEffective, "Of the outcomes, where the network did its part. NER is effective / outcomes.", func(f *counters.Figures) uint64 { return f.Effective }),
	plain(figureDecided, "Of the outcomes, 2xx, 480, 486, 600 or 603. SEER (RFC 6076) is decided / (outcomes - 3xx).", func(f *counters.Figures) uint64 { return f.Decided }),
	plain(figureIneffective, "Of the outcomes, 408, 500, 503, 504 or no response. ISA (RFC 6076) is ineffective / outcomes.", func(f *counters.Figures) uint64 { return f.Defects }),
	plain(figureOver, "Ended, answered or not.", func(f *counters.Figures) uint64 { return f.Over }),
	plain(figureCompleted, "Of those over, without waiting in vain for a response. SCR (RFC 6076) is completed / over.", func(f *counters.Figures) uint64 { return f.Completed }),
	plain(figureEnded, "Answered ones that ended.", func(f *counters.Figures) uint64 { return f.Ended }),
	{figureAnsweredTime, "Time from answer to end of the answered ones that ended. ACD is answered seconds / answered ended.", prometheus.CounterValue, nil, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.AnsweredMS) / 1000)
	}},
	{figureReleased, "Ended, by reason.", prometheus.CounterValue, []string{"reason"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i := 1; i < dialog.Releases; i++ {
			out(float64(f.ByRelease[i]), dialog.Release(i).String())
		}
	}},
	{figureMedia, "Answered ones that ended, by what was seen of their media.", prometheus.CounterValue, []string{"class"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i := 1; i < counters.MediaClasses; i++ {
			out(float64(f.Media[i]), counters.MediaClass(i).String())
		}
	}},
	plain(figureVisible, "Answered ones that ended whose media was seen and not encrypted.", func(f *counters.Figures) uint64 { return f.MediaVisible }),
	plain(figureWithDigits, "Of those visible, with at least one RTP digit. The DTMF share is with digits / media visible.", func(f *counters.Figures) uint64 { return f.CallsWithDigits }),
	plain(figureWithInfo, "Ended with at least one SIP INFO digit.", func(f *counters.Figures) uint64 { return f.CallsWithInfo }),
	{figureDigits, "Digits pressed, in RTP (RFC 4733) and in SIP INFO.", prometheus.CounterValue, []string{"sent_by", "carried_in"}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, side := range sideNames {
			out(float64(f.Digits[i]), side, "rtp")
			out(float64(f.InfoDigits[i]), side, "info")
		}
	}},
	sides(figurePackets, "RTP packets of those that ended.", func(f *counters.Figures) [2]uint64 { return f.Packets }),
	sides(figureLost, "RTP sequence numbers that never came.", func(f *counters.Figures) [2]uint64 { return f.Lost }),
}

// figureFamilies are the metrics of one kind of party.
type figureFamilies struct {
	descs []*prometheus.Desc // as families
	pdd   *prometheus.Desc
	mos   *prometheus.Desc
}

func newFigureFamilies(prefix, noun, party string) *figureFamilies {
	var first []string
	if party != "" {
		first = []string{party}
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+named(name, noun), title(noun)+": "+help, append(slices.Clone(first), labels...), nil)
	}
	f := &figureFamilies{
		pdd: desc(figurePDD, "INVITE to the first 180, 183 or 2xx."),
		mos: desc(figureMOS, "Estimated mean opinion score of what one side sent.", "sent_by"),
	}
	for _, x := range families {
		f.descs = append(f.descs, desc(x.name, x.help, x.labels...))
	}
	return f
}

func (f *figureFamilies) describe(ch chan<- *prometheus.Desc) {
	for _, d := range f.descs {
		ch <- d
	}
	ch <- f.pdd
	ch <- f.mos
}

func (f *figureFamilies) collect(ch chan<- prometheus.Metric, from *counters.Figures, channels int, labels ...string) {
	for i, x := range families {
		x.send(from, channels, func(v float64, more ...string) {
			ch <- prometheus.MustNewConstMetric(f.descs[i], x.kind, v, append(slices.Clone(labels), more...)...)
		})
	}
	buckets, n := map[float64]uint64{}, uint64(0)
	for i, bound := range counters.PDDBounds() {
		n += from.PDD.Buckets[i]
		buckets[float64(bound)/1000] = n
	}
	ch <- prometheus.MustNewConstHistogram(f.pdd, from.PDD.Count, float64(from.PDD.SumMS)/1000, buckets, labels...)
	for i, side := range sideNames {
		ch <- prometheus.MustNewConstSummary(f.mos, from.MOSCalls[i], float64(from.MOSMilli[i])/1000, nil, append(slices.Clone(labels), side)...)
	}
}

// named puts the noun into a metric's name.
func named(name, noun string) string { return strings.Replace(name, "%s", noun, 1) }

func title(noun string) string { return strings.ToUpper(noun[:1]) + noun[1:] }
