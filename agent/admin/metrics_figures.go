package admin

import (
	"slices"
	"strings"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/metric"
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
	name   string
	kind   metric.Kind
	help   string
	labels []metric.Label
	send   func(f *counters.Figures, channels int, out func(v float64, labels ...string)) // nil: a histogram or summary, sent by hand
}

// plain is a family of one counter.
func plain(name, help string, get func(f *counters.Figures) uint64) family {
	return family{name, metric.Counter, help, nil, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(get(f)))
	}}
}

// sides is a family of what callers and callees sent.
func sides(name, help string, get func(f *counters.Figures) [2]uint64) family {
	return family{name, metric.Counter, help, []metric.Label{bySide}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, n := range get(f) {
			out(float64(n), sideNames[i])
		}
	}}
}

var (
	sideNames = [2]string{"caller", "callee"}
	bySide    = metric.Closed("sent_by", sideNames[:]...)
)

// families lists every metric of figures, in the order of docs/metrics.md.
var families = []family{
	{figureChannels, metric.Gauge, "Live channels.", []metric.Label{metric.Closed("state", dialog.Setup.String(), dialog.Answered.String())}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.LiveSetup), dialog.Setup.String())
		out(float64(f.LiveAnswered), dialog.Answered.String())
	}},
	{figurePeak, metric.Gauge, "Most live channels at once since the start.", []metric.Label{metric.Closed("state", "any", dialog.Answered.String())}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.Peak), "any")
		out(float64(f.PeakAnswered), dialog.Answered.String())
	}},
	{figureLimit, metric.Gauge, "Channels in the configuration; there for who has a limit, and never for all calls.", nil, func(_ *counters.Figures, channels int, out func(float64, ...string)) {
		if channels > 0 {
			out(float64(channels))
		}
	}},
	{figureRate, metric.Gauge, "Started in the last full second.", nil, func(f *counters.Figures, _ int, out func(float64, ...string)) { out(float64(f.Rate.Last)) }},
	{figureRateMax, metric.Gauge, "Most started in one second since the start.", nil, func(f *counters.Figures, _ int, out func(float64, ...string)) { out(float64(f.Rate.Max)) }},
	plain(figureStarted, "Initial INVITEs; one that comes again after 401 or 407 is the same.", func(f *counters.Figures) uint64 { return f.Started }),
	plain(figureInbound, "Of those started, from a carrier to a customer.", func(f *counters.Figures) uint64 { return f.Inbound }),
	plain(figureMidcall, "Joined while they went on; they are in the channels, and in no ratio.", func(f *counters.Figures) uint64 { return f.SeenMidcall }),
	{figureOutcomes, metric.Counter, "Setups that ended for good, answered or failed, by class of the final response.", []metric.Label{metric.Closed("class", classNames()...)}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, n := range f.ByClass {
			if i != 1 {
				out(float64(n), className(i))
			}
		}
	}},
	plain(figureAnswered, "Of the outcomes, answered: ASR is answered / outcomes.", func(f *counters.Figures) uint64 { return f.Answered }),
	plain(figureEffective, "Of the outcomes, where the network did its part: NER is effective / outcomes.", func(f *counters.Figures) uint64 { return f.Effective }),
	plain(figureDecided, "Of the outcomes, 2xx, 480, 486, 600, 603: SEER (RFC 6076) is decided / (outcomes − 3xx).", func(f *counters.Figures) uint64 { return f.Decided }),
	plain(figureIneffective, "Of the outcomes, 408, 500, 503, 504 or no response: ISA (RFC 6076) is ineffective / outcomes.", func(f *counters.Figures) uint64 { return f.Defects }),
	plain(figureOver, "Ended, answered or not.", func(f *counters.Figures) uint64 { return f.Over }),
	plain(figureCompleted, "Of those over, without waiting in vain for a response: SCR (RFC 6076) is completed / over.", func(f *counters.Figures) uint64 { return f.Completed }),
	plain(figureEnded, "Answered ones that ended.", func(f *counters.Figures) uint64 { return f.Ended }),
	{figureAnsweredTime, metric.Counter, "Time from answer to end of the answered ones that ended: ACD is answered seconds / answered ended.", nil, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		out(float64(f.AnsweredMs) / 1000)
	}},
	{figurePDD, metric.Histogram, "INVITE to the first 180, 183 or 2xx.", nil, nil},
	{figureReleased, metric.Counter, "Ended, by what: see [How a call ends](how-it-counts.md#how-a-call-ends).", []metric.Label{metric.Closed("reason", releaseNames()...)}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i := 1; i < dialog.Releases; i++ {
			out(float64(f.ByRelease[i]), dialog.Release(i).String())
		}
	}},
	{figureMedia, metric.Counter, "Answered ones that ended, by [class of their media](how-it-counts.md#media).", []metric.Label{metric.Closed("class", mediaNames()...)}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i := 1; i < counters.MediaClasses; i++ {
			out(float64(f.Media[i]), counters.MediaClass(i).String())
		}
	}},
	plain(figureVisible, "Answered ones that ended whose media was seen and not encrypted.", func(f *counters.Figures) uint64 { return f.MediaVisible }),
	plain(figureWithDigits, "Of those visible, with at least one RTP digit: the DTMF share is with digits / media visible.", func(f *counters.Figures) uint64 { return f.CallsWithDigits }),
	plain(figureWithInfo, "Ended with at least one SIP INFO digit.", func(f *counters.Figures) uint64 { return f.CallsWithInfo }),
	{figureDigits, metric.Counter, "Digits pressed, in RTP (RFC 4733) and in SIP INFO.", []metric.Label{bySide, metric.Closed("carried_in", "rtp", "info")}, func(f *counters.Figures, _ int, out func(float64, ...string)) {
		for i, side := range sideNames {
			out(float64(f.Digits[i]), side, "rtp")
			out(float64(f.InfoDigits[i]), side, "info")
		}
	}},
	sides(figurePackets, "RTP packets of those that ended.", func(f *counters.Figures) [2]uint64 { return f.Packets }),
	sides(figureLost, "RTP sequence numbers of those that ended that never came.", func(f *counters.Figures) [2]uint64 { return f.Lost }),
	{figureMOS, metric.Summary, "Mean opinion score of what one side sent, [estimated](how-it-counts.md#media): sum and count, no quantiles.", []metric.Label{bySide}, nil},
}

func classNames() (out []string) {
	for i := 2; i <= 6; i++ {
		out = append(out, className(i))
	}
	return append(out, className(0))
}

func releaseNames() (out []string) {
	for i := 1; i < dialog.Releases; i++ {
		out = append(out, dialog.Release(i).String())
	}
	return out
}

func mediaNames() (out []string) {
	for i := 1; i < counters.MediaClasses; i++ {
		out = append(out, counters.MediaClass(i).String())
	}
	return out
}

// partyMetrics is one kind of party with the names that its metrics have.
type partyMetrics struct {
	group, of string
	labels    []metric.Label
	names     []string // as families
}

// parties are all calls together, customers, and carriers.
var parties = [3]*partyMetrics{
	newParty("calls", "", "sipward_", "calls"),
	newParty("customers", "Of each customer: ", "sipward_customer_", "calls", metric.Open("customer")),
	newParty("carriers", "Of each carrier: ", "sipward_carrier_", "attempts", metric.Open("carrier")),
}

func newParty(group, of, prefix, noun string, labels ...metric.Label) *partyMetrics {
	p := &partyMetrics{group: group, of: of, labels: labels}
	for _, x := range families {
		p.names = append(p.names, prefix+strings.Replace(x.name, "%s", noun, 1))
	}
	return p
}

func (p *partyMetrics) defs() []metric.Def {
	var out []metric.Def
	for i, x := range families {
		help := x.help
		if p.of != "" {
			help = p.of + metric.Phrase(help) + "."
		}
		out = append(out, metric.Def{Name: p.names[i], Kind: x.kind, Help: help, Labels: slices.Concat(p.labels, x.labels)})
	}
	return out
}

func (p *partyMetrics) send(out metric.Sender, from *counters.Figures, channels int, labels ...string) {
	for i, x := range families {
		name := p.names[i]
		switch x.name {
		case figurePDD:
			buckets, n := map[float64]uint64{}, uint64(0)
			for i, bound := range counters.PDDBounds() {
				n += from.PDD.Buckets[i]
				buckets[float64(bound)/1000] = n
			}
			out.Histogram(name, from.PDD.Count, float64(from.PDD.SumMs)/1000, buckets, labels...)
		case figureMOS:
			for i, side := range sideNames {
				out.Summary(name, from.MOSCalls[i], float64(from.MOSMilli[i])/1000, append(slices.Clone(labels), side)...)
			}
		default:
			x.send(from, channels, func(v float64, more ...string) { out.Send(name, v, append(slices.Clone(labels), more...)...) })
		}
	}
}
