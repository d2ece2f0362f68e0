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
// must not rename a metric. The text of each is for docs/metrics.md.

func pipelineDrops(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(
		tally.Stage("dialog", []tally.Event{
			{"refused", p.Dialogs.Refused, "messages that would have begun a call when `calls.max` was reached"},
			{"overflow", p.Dialogs.Overflow, "hops, transactions, tags or media addresses beyond the bounds of one call"},
			{"evicted", p.Dialogs.Evicted, "calls that were over, or never responded to, forgotten early to make room"},
		}),
		tally.Stage("media", []tally.Event{
			{"refused_endpoints", p.Media.RefusedEndpoints, "announced media addresses beyond `capture.max_endpoints`: their media is not counted"},
			{"kernel_refused", p.Core.KernelRefused, "announced media addresses that the kernel filter did not take: their media is not counted"},
		}),
		tally.Stage("tcp", []tally.Event{
			{"evicted", p.Streams.Evicted, "SIP connections forgotten because there were too many"},
			{"starved", p.Streams.Starved, "times that the memory for TCP took or refused a buffer"},
		}),
		tally.Stage("fragment", []tally.Event{
			{"evicted", p.Packets.Fragments.Evicted, "unfinished datagrams given up for newer ones"},
		}),
	)
}

func pipelineCounts(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(packetCounts(p), messageCounts(p), callCounts(p))
}

var frameHelp = [packet.Results]string{
	packet.Payload:      "frames that carried a UDP datagram, or a part of a TCP stream",
	packet.Incomplete:   "fragments that wait for the others",
	packet.Discarded:    "fragments that bring nothing, or contradict others",
	packet.NotTransport: "frames of other protocols",
	packet.Truncated:    "frames cut by the snap length",
	packet.Malformed:    "frames that could not be read",
	packet.TooDeep:      "frames with more headers than are looked through",
	packet.Unsupported:  "frames of an unknown link layer",
	packet.Panicked:     "frames that met a fault in a decoder",
}

// packetCounts are those from frames to whole messages.
func packetCounts(p *pipeline.Snapshot) []tally.Count {
	var frames []tally.Event
	for r := packet.Payload; int(r) < packet.Results; r++ {
		frames = append(frames, tally.Event{r.String(), p.Packets.Frames[r], frameHelp[r]})
	}
	return slices.Concat(tally.Stage("frame", frames),
		tally.Stage("frame", []tally.Event{
			{"tunnelled", p.Packets.Tunnelled, "tunnel headers taken off"},
			{"bundled", p.Packets.Bundled, "messages behind the first of an SCTP packet, which are not read"},
			{"split", p.Packets.Split, "parts of SCTP messages, which are not put together"},
			{"stray_times", p.Core.StrayTimes, "frames whose time no other frame bore out"},
			{"steps_back", p.Core.StepsBack, "times that the clock was set back"},
			{"clock_corrections", p.Packets.ClockCorrections, "times that the clock of a HEP sender was found to be off, or right again"},
			{"clocks_forgotten", p.Packets.ClocksForgotten, "HEP senders with such a clock that were forgotten because there were too many"},
		}),
		tally.Stage("fragment", []tally.Event{
			{"fragments", p.Packets.Fragments.Fragments, "fragments seen"},
			{"reassembled", p.Packets.Fragments.Reassembled, "datagrams put together"},
			{"kept", p.Packets.Fragments.Kept, "fragments that brought new bytes"},
			{"duplicates", p.Packets.Fragments.Duplicates, "fragments that brought none"},
			{"conflicts", p.Packets.Fragments.Conflicts, "fragments that contradict others about their datagram's end"},
			{"malformed", p.Packets.Fragments.Malformed, "fragments of a length that cannot be"},
			{"cut", p.Packets.Fragments.Cut, "fragments cut by the snap length"},
			{"too_many", p.Packets.Fragments.TooMany, "fragments beyond 256 of one datagram"},
			{"overlaps", p.Packets.Fragments.Overlaps, "fragments kept in part"},
			{"expired", p.Packets.Fragments.Expired, "datagrams that were not complete in time"},
		}),
		tally.Stage("tcp", []tally.Event{
			{"segments", p.Streams.Segments, "TCP segments"},
			{"messages", p.Streams.Messages, "SIP messages read from them"},
			{"keep_alives", p.Streams.KeepAlives, "empty lines between messages"},
			{"opened", p.Streams.Opened, "directions of connections that proved to carry SIP"},
			{"web_sockets", p.Streams.WebSockets, "of those, over WebSocket"},
			{"out_of_order", p.Streams.OutOfOrder, "segments that came before an earlier one"},
			{"old", p.Streams.Old, "segments seen before"},
			{"gaps", p.Streams.Gaps, "holes that were given up"},
			{"lost_bytes", p.Streams.LostBytes, "bytes in those holes"},
			{"cut", p.Streams.Cut, "messages whose end is in a hole, or was cut by the snap length"},
			{"incomplete", p.Streams.Incomplete, "messages without their whole header: not used"},
			{"discarded", p.Streams.Discarded, "bytes thrown away"},
			{"resyncs", p.Streams.Resyncs, "times that the next message had to be searched for"},
			{"too_long", p.Streams.TooLong, "messages above the bound"},
			{"no_length", p.Streams.NoLength, "messages without a usable Content-Length"},
			{"ws_other", p.Streams.WSOther, "WebSocket messages that are no SIP"},
			{"ws_packed", p.Streams.WSPacked, "compressed WebSocket messages, which are not read"},
			{"timeouts", p.Streams.Timeouts, "messages whose rest did not come in time"},
			{"forgotten", p.Streams.Forgotten, "segments of connections that looked like SIP and were not"},
		}),
	)
}

var malformedHelp = [parse.Reasons]string{
	parse.ErrStartLine: "payloads that only look like SIP",
	parse.ErrVersion:   "messages of another version of SIP",
	parse.ErrCallID:    "messages without a Call-ID",
	parse.ErrCSeq:      "messages without a usable CSeq",
	parse.ErrFrom:      "messages without a From",
}

// messageCounts are those of reading messages.
func messageCounts(p *pipeline.Snapshot) []tally.Count {
	parsed := []tally.Event{{"not_sip", p.Core.NotSIP, "payloads that are neither SIP nor RTP: keep-alives, STUN, T.38"}}
	for e := parse.ErrStartLine; int(e) < parse.Reasons; e++ {
		parsed = append(parsed, tally.Event{"malformed_" + e.String(), p.Core.MalformedBy[e], malformedHelp[e]})
	}
	parsed = append(parsed, tally.Event{"repeats_forgotten", p.Core.Forgotten, "messages forgotten early because there were too many; a repeat of one counts as new"})
	return slices.Concat(tally.Stage("parse", parsed),
		tally.Stage("parse", []tally.Event{
			{"lenient_uri", p.Parser.LenientURI, "SIP URIs against the grammar that were read all the same"},
			{"headers_cut", p.Parser.HeadersCut, "messages with more headers than are read"},
			{"contacts_cut", p.Parser.ContactsCut, "messages with more Contacts than are kept"},
			{"values_cut", p.Parser.ValuesCut, "texts longer than is kept"},
			{"parts_cut", p.Parser.PartsCut, "multipart bodies with more parts than are read"},
			{"sdp_malformed", p.Parser.SDPMalformed, "session descriptions that could not be read"},
			{"sdp_mended", p.Parser.SDPMended, "session descriptions that had to be mended"},
			{"sdp_cut", p.Parser.SDPCut, "session descriptions with more media or attributes than are read"},
		}),
	)
}

// callCounts are those of calls, their media and digits.
func callCounts(p *pipeline.Snapshot) []tally.Count {
	return slices.Concat(
		tally.Stage("dialog", []tally.Event{
			{"late", p.Dialogs.Late, "messages of calls that were over"},
			{"strange", p.Dialogs.Strange, "messages of no call that cannot begin one"},
		}),
		tally.Stage("media", []tally.Event{
			{"rtp", p.Media.RTP, "RTP packets of announced media that reached user space"},
			{"rtcp", p.Media.RTCP, "RTCP packets of it; they are counted here and not read"},
			{"streams", p.Media.Streams, "distinct streams; counted in a replay only"},
			{"event_packets", p.Media.EventPackets, "of the RTP, telephone events"},
			{"encrypted", p.Media.Encrypted, "of those, hidden by SRTP"},
			{"cut", p.Media.Cut, "of those, cut by the snap length"},
			{"mixed", p.Media.Mixed, "addresses that were announced while another call used them"},
			{"folded_flows", p.Media.FoldedFlows, "flows that were summed up for want of room"},
			{"learned", p.Media.Learned, "packets of media that nothing announced; in a replay only"},
			{"refused_learning", p.Media.RefusedLearning, "such flows that were forgotten because there were too many"},
		}),
		tally.Stage("dtmf", []tally.Event{
			{"packets", p.Events.Packets, "packets of a telephone-event type"},
			{"presses", p.Events.Presses, "digits in them, on every hop"},
			{"malformed", p.Events.Malformed, "packets that are no RTP, or no RED"},
			{"bad_length", p.Events.BadLength, "events of a length that cannot be"},
			{"bad_event", p.Events.BadEvent, "events that are no key"},
			{"unlikely", p.Events.Unlikely, "packets with events that do not follow one another"},
		}),
	)
}

func recordDrops(s records.Stats) []tally.Count {
	return tally.Stage("records", []tally.Event{
		{"queue_full", s.Dropped, "call records that found the queue to the disk full"},
		{"disk_failed", s.Failed, "call records that the disk did not take"},
	})
}

func recordCounts(s records.Stats) []tally.Count {
	return tally.Stage("records", []tally.Event{
		{"written", s.Written, "call records that the operating system took"},
	})
}

func liveDrops(l capture.LiveStats) []tally.Count {
	return slices.Concat(
		tally.Stage("capture", []tally.Event{
			{"kernel_dropped", l.KernelDropped, "frames that found the receive ring full: raise `capture.ring_mib`"},
			{"queue_dropped", l.QueueDropped, "frames that found the pipeline's queue full: the host is too slow"},
			{"too_large", l.TooLarge, "frames that no batch holds"},
		}),
		tally.Stage("filter", []tally.Event{
			{"full", l.Filter.Full, "media addresses that the kernel's table had no room for"},
			{"failed", l.Filter.Failed, "accesses to that table that the kernel refused for another reason"},
		}),
	)
}

func liveCounts(l capture.LiveStats) []tally.Count {
	f := &l.Filter
	return slices.Concat(
		tally.Stage("capture", []tally.Event{
			{"received", l.Received, "frames read from the rings"},
			{"delivered", l.Delivered, "of those, handed to the pipeline"},
			{"batches", l.Batches, "in so many batches"},
			{"wakeups", l.Wakeups, "of the reader"},
			{"frozen", l.Frozen, "times that a ring was full"},
		}),
		tally.Stage("filter", []tally.Event{
			{"seen", f.Seen, "packets that the kernel filter looked at; all of this stage is 0 with a classic filter"},
			{"passed_udp", f.PassedUDP, "SIP over UDP"},
			{"passed_tcp", f.PassedTCP, "SIP over TCP"},
			{"fragments", f.Fragments, "fragments passed"},
			{"tunnels", f.Tunnels, "tunnelled packets passed"},
			{"media", f.Media, "RTP counted at a media address"},
			{"events", f.Events, "of the media, telephone events and RED; passed"},
			{"encrypted", f.Encrypted, "of the media, SRTP"},
			{"crowded", f.Crowded, "of the media, without a flow of its own: too many senders to one address"},
			{"reverse", f.Reverse, "found by its source: the other side is behind a NAT"},
			{"rtcp", f.RTCP, "RTCP at a media address"},
			{"passed_rtcp", f.PassedRTCP, "of that, passed (`capture.rtcp`)"},
			{"other", f.Other, "neither RTP nor RTCP at a media address"},
			{"twice", f.Twice, "media that was seen on another interface already"},
			{"missed", f.Missed, "UDP that belongs to nothing known"},
			{"keep_alives", f.KeepAlives, "UDP on a SIP port, too short for SIP"},
			{"loopback", f.Loopback, "the outgoing copy of a packet on loopback"},
			{"irrelevant", f.Irrelevant, "neither TCP nor UDP, or TCP of another service"},
			{"malformed", f.Malformed, "packets that could not be read"},
		}),
	)
}

func hepDrops(h capture.HEPStats) []tally.Count {
	return tally.Stage("hep", []tally.Event{
		{"kernel_dropped", h.KernelDrops, "datagrams that found the socket's buffer full"},
		{"queue_dropped", h.Dropped, "packets that found the pipeline's queue full"},
		{"too_long", h.TooLong, "packets that no batch holds"},
		{"refused", h.Refused, "connections turned away because there were too many"},
		{"unauthorized", h.Unauthorized, "packets without the authentication key of the listener"},
		{"malformed", h.Malformed, "packets that are no HEP"},
	})
}

func hepCounts(h capture.HEPStats) []tally.Count {
	return tally.Stage("hep", []tally.Event{
		{"packets", h.Packets, "HEP packets handed to the pipeline"},
		{"bytes", h.Bytes, "of those"},
		{"accepted", h.Accepted, "connections taken"},
		{"idle", h.Idle, "connections closed for silence"},
		{"broken", h.Broken, "connections that ended with an error, or inside a packet"},
		{"accept_errors", h.AcceptErrors, "connections that could not be taken"},
	})
}
