package capture

import (
	"encoding/binary"
	"unsafe"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// The structs of bpf/flow.h and bpf/filter.c, field by field and without
// padding. A test compares their sizes with the object's own type information.

type mapEndpoint struct {
	IP   [16]byte
	Port uint16
	Side mapSide // in the map of the rest; in that of the media 0
	Zero [2]uint16
}

func mapKey(ep packet.Endpoint) mapEndpoint { return mapEndpoint{IP: ep.IP, Port: ep.Port} }

// mapSide is a direction of packets at an endpoint.
type mapSide uint16

const (
	sideTo mapSide = iota
	sideFrom
	mapSides
)

const (
	tickShift     = 12
	flagEncrypted = 1
	mapFlows      = 3
)

type mapMedia struct {
	In        parse.PayloadTypes // that pass: events and redundancy
	Tick      uint32
	Flags     uint16
	More      [mapSides]uint8 // whether there may be a rest
	Flow      mapFlow
	InEvents  parse.PayloadTypes
	Out       parse.PayloadTypes
	OutEvents parse.PayloadTypes
}

func mapMediaOf(s *media.Spec) mapMedia {
	m := mapMedia{
		In:        union(s.EventsIn, s.RedundantIn),
		Tick:      uint32((1_000_000_000 << tickShift) / uint64(s.Clock())),
		InEvents:  s.EventsIn,
		Out:       union(s.EventsOut, s.RedundantOut),
		OutEvents: s.EventsOut,
	}
	if s.Encrypted {
		m.Flags |= flagEncrypted
	}
	return m
}

func union(a, b parse.PayloadTypes) parse.PayloadTypes {
	return parse.PayloadTypes{a[0] | b[0], a[1] | b[1]}
}

type mapFlow struct {
	Peer  [16]byte
	SSRC  uint32
	Port  uint16
	Used  uint8
	Doubt uint8

	Packets  uint64
	Bytes    uint64
	Last     uint64
	Window   uint64
	Arrival  uint64
	TS       uint32
	Top      uint32
	Jitter   uint32
	Ifindex  uint32
	Skipped  uint32
	Bad      uint16
	Restarts uint16

	First uint64
	Base  uint32
	Lost  uint32
}

// lost is what RFC 3550 appendix A.3 calls expected minus received, over all
// runs of sequence numbers.
func (f *mapFlow) lost() uint64 {
	expected, came := f.Top-f.Base+1, uint32(f.Packets)-f.Skipped
	if expected > came {
		return uint64(f.Lost) + uint64(expected-came)
	}
	return uint64(f.Lost)
}

// append appends what the flow has counted.
func (f *mapFlow) append(to []media.Observed, side mapSide, offset int64) []media.Observed {
	// A slot is in use a moment before its first packet is counted.
	if f.Packets == 0 {
		return to
	}
	o := f.observed(offset)
	o.Reverse = side == sideFrom
	return append(to, o)
}

func (f *mapFlow) observed(offset int64) media.Observed {
	return media.Observed{
		Peer: packet.Endpoint{IP: f.Peer, Port: f.Port},
		SSRC: f.SSRC,
		Counters: media.Counters{
			Packets:  f.Packets,
			Bytes:    f.Bytes,
			Lost:     f.lost(),
			Jitter:   int64(f.Jitter),
			First:    int64(f.First) + offset,
			Last:     int64(f.Last) + offset,
			Restarts: uint64(f.Restarts),
		},
	}
}

type mapRest struct {
	Packets   uint64
	Bytes     uint64
	Lost      uint64
	First     uint64
	Last      uint64
	OtherLast uint64
	Restarts  uint64
}

// append appends what no flow holds.
func (r *mapRest) append(to []media.Observed, side mapSide, offset int64) []media.Observed {
	if r.Packets == 0 && r.OtherLast == 0 {
		return to
	}
	o := r.observed(offset)
	o.Reverse = side == sideFrom
	return append(to, o)
}

func (r *mapRest) observed(offset int64) media.Observed {
	f := media.Observed{
		Counters: media.Counters{
			Packets:  r.Packets,
			Bytes:    r.Bytes,
			Lost:     r.Lost,
			Restarts: r.Restarts,
		},
	}
	if r.Packets > 0 {
		f.First, f.Last = int64(r.First)+offset, int64(r.Last)+offset
	}
	if r.OtherLast > 0 {
		f.OtherLast = int64(r.OtherLast) + offset
	}
	return f
}

// mapMore is the rest of what was seen in one direction: the further flows of
// packets to the endpoint, all flows of those from it.
type mapMore struct {
	Flow [mapFlows]mapFlow
	Rest mapRest
}

// append appends what was seen.
func (m *mapMore) append(to []media.Observed, side mapSide, offset int64) []media.Observed {
	for i := range m.Flow {
		to = m.Flow[i].append(to, side, offset)
	}
	return m.Rest.append(to, side, offset)
}

// Answers of the update program.
const (
	updateAbsent uint32 = iota + 1
	updateDone
)

// updateRequest is the packet that the update program reads: an Ethernet
// header, which the kernel wants to see and removes, then struct update.
func updateRequest(key *mapEndpoint, m *mapMedia) []byte {
	const header, settings = 14, 4*16 + 2*4
	b := make([]byte, header, header+int(unsafe.Sizeof(*key))+settings)
	binary.BigEndian.PutUint16(b[12:], 0x88b5) // for local experiments (IEEE 802)
	b = append(b, key.IP[:]...)
	b = binary.NativeEndian.AppendUint16(b, key.Port)
	b = append(b, make([]byte, unsafe.Sizeof(key.Side)+unsafe.Sizeof(key.Zero))...)
	b = appendTypes(b, m.In, m.InEvents, m.Out, m.OutEvents)
	b = binary.NativeEndian.AppendUint32(b, m.Tick)
	return binary.NativeEndian.AppendUint32(b, uint32(m.Flags))
}

func appendTypes(b []byte, sets ...parse.PayloadTypes) []byte {
	for _, set := range sets {
		b = binary.NativeEndian.AppendUint64(b, set[0])
		b = binary.NativeEndian.AppendUint64(b, set[1])
	}
	return b
}

// outcome indexes the counters of the filter. The order is that of enum outcome
// in bpf/filter.c.
type outcome uint32

const (
	_ outcome = iota
	outSIPUDP
	outSIPTCP
	outFragment
	outEvent
	outRTCPPassed
	outTunnel
	outMedia
	outEncrypted
	outRTCP
	outOther
	outTwice
	outMissed
	outKeepAlive
	outLoopback
	outIrrelevant
	outMalformed
	outReverse // this and the next are counted beside the outcome
	outCrowded
	outcomes
)

// FilterCounters count the packets that the kernel filter saw by what became of
// them.
type FilterCounters struct {
	Seen       uint64 // all packets
	PassedUDP  uint64 // SIP over UDP
	PassedTCP  uint64 // SIP over TCP
	Fragments  uint64 // passed
	Events     uint64 // telephone events and RED; passed; part of Media
	PassedRTCP uint64 // part of RTCP
	Tunnels    uint64 // passed
	Media      uint64 // RTP counted at an endpoint
	Encrypted  uint64 // SRTP; part of Media
	Crowded    uint64 // had no flow of its own; part of Media
	Reverse    uint64 // found by its source; part of Media, RTCP, Other or Twice
	RTCP       uint64 // at an endpoint
	Other      uint64 // neither RTP nor RTCP at an endpoint
	Twice      uint64 // media seen on a second interface
	Missed     uint64 // UDP that belongs to nothing known
	KeepAlives uint64 // UDP on a SIP port, too short for SIP
	Loopback   uint64 // the outgoing copy of a loopback packet
	Irrelevant uint64 // neither TCP nor UDP, or TCP of another service
	Malformed  uint64
}

// countersOf sums up what the filter counted.
func countersOf(n *[outcomes]uint64) FilterCounters {
	c := FilterCounters{
		PassedUDP:  n[outSIPUDP],
		PassedTCP:  n[outSIPTCP],
		Fragments:  n[outFragment],
		Events:     n[outEvent],
		PassedRTCP: n[outRTCPPassed],
		Tunnels:    n[outTunnel],
		Media:      n[outMedia] + n[outEvent] + n[outEncrypted],
		Encrypted:  n[outEncrypted],
		Crowded:    n[outCrowded],
		Reverse:    n[outReverse],
		RTCP:       n[outRTCP] + n[outRTCPPassed],
		Other:      n[outOther],
		Twice:      n[outTwice],
		Missed:     n[outMissed],
		KeepAlives: n[outKeepAlive],
		Loopback:   n[outLoopback],
		Irrelevant: n[outIrrelevant],
		Malformed:  n[outMalformed],
	}
	for _, v := range n[:outReverse] {
		c.Seen += v
	}
	return c
}
