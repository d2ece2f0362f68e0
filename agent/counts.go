package main

import (
	"slices"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/agent/records"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// These tables give every counter of every part the words that operators see.
// They are words of their own, not the names of fields: a field that is renamed
// must not rename a metric. docs/metrics.md explains each.

func pipelineDrops(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(
		tally.Stage("dialog", []tally.Event{{"refused", p.Dialogs.Refused}, {"overflow", p.Dialogs.Overflow}, {"evicted", p.Dialogs.Evicted}}),
		tally.Stage("media", []tally.Event{{"refused_endpoints", p.Media.RefusedEndpoints}, {"kernel_refused", p.Core.KernelRefused}}),
		tally.Stage("tcp", []tally.Event{{"evicted", p.Streams.Evicted}, {"starved", p.Streams.Starved}}),
		tally.Stage("fragment", []tally.Event{{"evicted", p.Packets.Fragments.Evicted}}),
	)
}

func pipelineCounts(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(packetCounts(p), messageCounts(p), callCounts(p))
}

// packetCounts are those from frames to whole messages.
func packetCounts(p *pipeline.Snapshot) []tally.Count {
	frames := []tally.Event{
		{"tunnelled", p.Packets.Tunnelled},
		{"bundled", p.Packets.Bundled},
		{"split", p.Packets.Split},
		{"stray_times", p.Core.StrayTimes},
		{"steps_back", p.Core.StepsBack},
		{"clock_corrections", p.Packets.ClockCorrections},
		{"clocks_forgotten", p.Packets.ClocksForgotten},
	}
	for r := packet.Payload; int(r) < packet.Results; r++ {
		frames = append(frames, tally.Event{r.String(), p.Packets.Frames[r]})
	}
	return slices.Concat(tally.Stage("frame", frames),
		tally.Stage("fragment", []tally.Event{
			{"fragments", p.Packets.Fragments.Fragments},
			{"reassembled", p.Packets.Fragments.Reassembled},
			{"kept", p.Packets.Fragments.Kept},
			{"duplicates", p.Packets.Fragments.Duplicates},
			{"conflicts", p.Packets.Fragments.Conflicts},
			{"malformed", p.Packets.Fragments.Malformed},
			{"cut", p.Packets.Fragments.Cut},
			{"too_many", p.Packets.Fragments.TooMany},
			{"overlaps", p.Packets.Fragments.Overlaps},
			{"expired", p.Packets.Fragments.Expired},
		}),
		tally.Stage("tcp", []tally.Event{
			{"segments", p.Streams.Segments},
			{"messages", p.Streams.Messages},
			{"keep_alives", p.Streams.KeepAlives},
			{"opened", p.Streams.Opened},
			{"web_sockets", p.Streams.WebSockets},
			{"out_of_order", p.Streams.OutOfOrder},
			{"old", p.Streams.Old},
			{"gaps", p.Streams.Gaps},
			{"lost_bytes", p.Streams.LostBytes},
			{"cut", p.Streams.Cut},
			{"incomplete", p.Streams.Incomplete},
			{"discarded", p.Streams.Discarded},
			{"resyncs", p.Streams.Resyncs},
			{"too_long", p.Streams.TooLong},
			{"no_length", p.Streams.NoLength},
			{"ws_other", p.Streams.WSOther},
			{"ws_packed", p.Streams.WSPacked},
			{"timeouts", p.Streams.Timeouts},
			{"forgotten", p.Streams.Forgotten},
		}),
	)
}

// messageCounts are those of reading messages.
func messageCounts(p *pipeline.Snapshot) []tally.Count {
	parsed := []tally.Event{
		{"not_sip", p.Core.NotSIP},
		{"repeats_forgotten", p.Core.Forgotten},
	}
	for e := parse.ErrStartLine; int(e) < parse.Reasons; e++ {
		parsed = append(parsed, tally.Event{"malformed_" + e.String(), p.Core.MalformedBy[e]})
	}
	return slices.Concat(tally.Stage("parse", parsed),
		tally.Stage("parse", []tally.Event{
			{"lenient_uri", p.Parser.LenientURI},
			{"headers_cut", p.Parser.HeadersCut},
			{"contacts_cut", p.Parser.ContactsCut},
			{"values_cut", p.Parser.ValuesCut},
			{"parts_cut", p.Parser.PartsCut},
			{"sdp_malformed", p.Parser.SDPMalformed},
			{"sdp_mended", p.Parser.SDPMended},
			{"sdp_cut", p.Parser.SDPCut},
		}),
	)
}

// callCounts are those of calls, their media and digits.
func callCounts(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(
		tally.Stage("dialog", []tally.Event{
			{"late", p.Dialogs.Late},
			{"strange", p.Dialogs.Strange},
		}),
		tally.Stage("media", []tally.Event{
			{"rtp", p.Media.RTP},
			{"rtcp", p.Media.RTCP},
			{"streams", p.Media.Streams},
			{"event_packets", p.Media.EventPackets},
			{"encrypted", p.Media.Encrypted},
			{"cut", p.Media.Cut},
			{"learned", p.Media.Learned},
			{"mixed", p.Media.Mixed},
			{"folded_flows", p.Media.FoldedFlows},
			{"refused_learning", p.Media.RefusedLearning},
		}),
		tally.Stage("dtmf", []tally.Event{
			{"packets", p.Events.Packets},
			{"presses", p.Events.Presses},
			{"malformed", p.Events.Malformed},
			{"bad_length", p.Events.BadLength},
			{"bad_event", p.Events.BadEvent},
			{"unlikely", p.Events.Unlikely},
		}),
	)
}

func recordDrops(s records.Stats) []tally.Count {
	return tally.Stage("records", []tally.Event{{"queue_full", s.Dropped}, {"disk_failed", s.Failed}})
}

func recordCounts(s records.Stats) []tally.Count {
	return tally.Stage("records", []tally.Event{{"written", s.Written}})
}

func liveDrops(l capture.LiveStats) []tally.Count {
	return slices.Concat(
		tally.Stage("capture", []tally.Event{{"kernel_dropped", l.KernelDropped}, {"queue_dropped", l.QueueDropped}, {"too_large", l.TooLarge}}),
		tally.Stage("filter", []tally.Event{{"full", l.Filter.Full}, {"failed", l.Filter.Failed}}),
	)
}

func liveCounts(l capture.LiveStats) []tally.Count {
	f := &l.Filter
	return slices.Concat(
		tally.Stage("capture", []tally.Event{
			{"received", l.Received},
			{"delivered", l.Delivered},
			{"frozen", l.Frozen},
			{"batches", l.Batches},
			{"wakeups", l.Wakeups},
		}),
		tally.Stage("filter", []tally.Event{
			{"seen", f.Seen},
			{"passed_udp", f.PassedUDP},
			{"passed_tcp", f.PassedTCP},
			{"fragments", f.Fragments},
			{"events", f.Events},
			{"passed_rtcp", f.PassedRTCP},
			{"tunnels", f.Tunnels},
			{"media", f.Media},
			{"encrypted", f.Encrypted},
			{"crowded", f.Crowded},
			{"reverse", f.Reverse},
			{"rtcp", f.RTCP},
			{"other", f.Other},
			{"twice", f.Twice},
			{"missed", f.Missed},
			{"keep_alives", f.KeepAlives},
			{"loopback", f.Loopback},
			{"irrelevant", f.Irrelevant},
			{"malformed", f.Malformed},
		}),
	)
}

func hepDrops(h capture.HEPStats) []tally.Count {
	return tally.Stage("hep", []tally.Event{{"queue_dropped", h.Dropped}, {"kernel_dropped", h.KernelDrops}, {"too_long", h.TooLong}, {"refused", h.Refused},
		{"unauthorized", h.Unauthorized}, {"malformed", h.Malformed}})
}

func hepCounts(h capture.HEPStats) []tally.Count {
	return tally.Stage("hep", []tally.Event{
		{"packets", h.Packets},
		{"bytes", h.Bytes},
		{"accepted", h.Accepted},
		{"idle", h.Idle},
		{"broken", h.Broken},
		{"accept_errors", h.AcceptErrors},
	})
}
