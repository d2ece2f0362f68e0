package packet

import "encoding/binary"

// Result says what became of one frame.
type Result uint8

// Results; the zero value is invalid.
const (
	// Payload: the packet is filled in.
	Payload Result = iota + 1
	// Incomplete: the frame is a fragment and was kept for reassembly.
	Incomplete
	// Discarded: the frame is a fragment that was not kept; FragmentStats says why.
	Discarded
	// NotTransport: sound, but neither UDP, TCP nor SCTP data: ARP, ICMP (and
	// the datagram that an ICMP error quotes), routing protocols, HEP reports.
	NotTransport
	// Truncated: the snap length cut a header.
	Truncated
	// Malformed: a header contradicts itself or the length of the frame.
	Malformed
	// TooDeep: more layers of encapsulation than a sound network has.
	TooDeep
	// Unsupported: a link type that cannot be decoded.
	Unsupported
	// Panicked: a fault in a decoder; the frame is lost, nothing else.
	Panicked
	resultEnd
)

// Results is the number of Result values, for arrays indexed by one.
const Results = int(resultEnd)

// String returns the name of the result as metrics label it.
func (r Result) String() string {
	switch r {
	case Payload:
		return "payload"
	case Incomplete:
		return "incomplete"
	case Discarded:
		return "discarded"
	case NotTransport:
		return "not_transport"
	case Truncated:
		return "truncated"
	case Malformed:
		return "malformed"
	case TooDeep:
		return "too_deep"
	case Unsupported:
		return "unsupported"
	case Panicked:
		return "panicked"
	}
	return "invalid"
}

// maxLayers bounds the network layers, bridged frames and tag stacks of one
// frame. A tenant's VXLAN inside a provider's MPLS inside a mirror's ERSPAN
// needs about ten.
const maxLayers = 16

// Limits bound what a Decoder keeps between frames. A zero field means its
// default.
type Limits struct {
	FragmentBytes int   // memory of unfinished datagrams, in bytes; 4 MiB
	FragmentFlows int   // unfinished datagrams; 2048
	FragmentAge   int64 // nanoseconds of packet time that one may stay unfinished; 30 s (RFC 1122 section 3.3.2 allows 60 to 120 s, more than any call waits)
}

func (l Limits) withDefaults() Limits {
	if l.FragmentBytes <= 0 {
		l.FragmentBytes = 4 << 20
	}
	if l.FragmentFlows <= 0 {
		l.FragmentFlows = 2048
	}
	if l.FragmentAge <= 0 {
		l.FragmentAge = 30e9
	}
	return l
}

// Stats are a decoder's counters since it was made.
type Stats struct {
	Frames    [Results]uint64 // by Result
	Fragments FragmentStats
	Tunnelled uint64 // tunnel headers taken off (GRE, IP in IP, VXLAN, Geneve, GTP-U, ERSPAN, EtherIP)
	Bundled   uint64 // SCTP DATA chunks after the first of their packet, which are not read
	Split     uint64 // SCTP DATA chunks that carry a part of a message, which are not put together

	ClockCorrections uint64 // times that the clock of a HEP sender was found to be off, or right again
	ClocksForgotten  uint64 // HEP senders with a clock that is off, forgotten for their number
}

// Decoder takes frames apart. It keeps unfinished fragments and the counters
// between frames. It is not safe for concurrent use.
type Decoder struct {
	stats  Stats
	frag   reassembler
	infl   inflater
	hep    HEP
	clocks hepClocks
	copied []byte // what a decoder of gopacket left for us
	layers int    // of the current frame
	cut    bool   // the current frame is shorter than it was on the wire
}

// NewDecoder returns a decoder that keeps no more than l allows.
func NewDecoder(l Limits) *Decoder {
	d := &Decoder{}
	d.frag.init(l.withDefaults(), &d.stats.Fragments)
	return d
}

// Stats returns the counters.
func (d *Decoder) Stats() Stats {
	s := d.stats
	s.ClockCorrections, s.ClocksForgotten = d.clocks.corrected, d.clocks.forgotten
	return s
}

// Decode fills p with what f carried and says what that was. Only with Payload
// is p of any use. p.Payload aliases f.Data or memory of the decoder, and is
// valid until the next call and as long as f.Data is.
func (d *Decoder) Decode(f *Frame, p *Packet) (r Result) {
	// Not a shield for faults of ours: a crafted frame that finds one must
	// cost that frame, not the calls of the host; it is counted, and the
	// fuzz targets fail on it.
	defer d.settle(&r)
	*p = Packet{Time: f.Time, Iface: f.Iface}
	d.layers = 0
	d.cut = f.WireLen > len(f.Data)
	return d.link(f, p)
}

func (d *Decoder) settle(r *Result) {
	if recover() != nil {
		*r = Panicked
	}
	d.stats.Frames[*r]++
}

// deeper reports whether the frame may have one more layer.
func (d *Decoder) deeper() bool {
	d.layers++
	return d.layers <= maxLayers
}

// short is the result of a header that ends too early.
func (d *Decoder) short() Result {
	if d.cut {
		return Truncated
	}
	return Malformed
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
