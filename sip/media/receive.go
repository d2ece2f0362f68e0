package media

import (
	"encoding/binary"

	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/packet"
)

// Kind says what a datagram is to a Table.
type Kind uint8

// Kinds; the zero value is invalid.
const (
	NotMedia Kind = iota + 1 // not announced, or not RTP
	RTP
	RTCP
	Learned // RTP-like, unannounced; only with Options.Learn
)

// String returns the word for k.
func (k Kind) String() string {
	switch k {
	case NotMedia:
		return "not media"
	case RTP:
		return "rtp"
	case RTCP:
		return "rtcp"
	case Learned:
		return "learned"
	}
	return "invalid"
}

// Verdict is what a Table says of one datagram.
type Verdict struct {
	Flow   *Flow  // RTP only; nil for endpoints that are closed
	Owner  uint64 // of the announcement; 0 when it is closed
	Digits int    // presses that begin with this packet
	Kind   Kind
}

const (
	headerLen     = 12 // RTP, without contributing sources (RFC 3550 section 5.1)
	rtcpHeaderLen = 8  // RTCP header and SSRC
	markerBit     = 1 << 7
)

// rtpLike tells RTP and RTCP on one port apart by their second byte (RFC 5761
// section 4), and both from STUN, ZRTP and keep-alives by the version.
func rtpLike(b []byte) Kind {
	switch {
	case len(b) < rtcpHeaderLen || b[0]>>6 != 2:
		return NotMedia
	case b[1] >= 192 && b[1] <= 223:
		return RTCP
	case len(b) < headerLen:
		return NotMedia
	}
	return RTP
}

// Packet takes a UDP datagram. The destination is looked up first, then the
// source: behind a symmetric NAT a packet from an announced endpoint can go to
// one that nobody announced.
func (t *Table) Packet(p *packet.Packet) Verdict {
	b := p.Payload
	kind := rtpLike(b)
	if kind == NotMedia || p.Transport != packet.UDP {
		t.foreign(p)
		return Verdict{Kind: NotMedia}
	}
	e, far, way := t.entries[p.Dst], &p.Src, 0
	if e == nil || e.newest == nil {
		switch from := t.entries[p.Src]; {
		case from != nil && (e == nil || from.newest != nil):
			e, far, way = from, &p.Dst, 1
		case e == nil:
			return t.unannounced(p, kind)
		}
	}
	if kind == RTCP {
		t.Stats.RTCP++
		return Verdict{Kind: RTCP, Owner: e.owner()}
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	f := e.last[way]
	if f == nil || f.SSRC != ssrc || f.epoch != e.epoch || *f.far() != *far || e.shared() {
		f = t.find(e, p, far, way, ssrc)
		if f == nil {
			return t.closed(e, p, way, ssrc)
		}
	}
	t.Stats.RTP++
	v := Verdict{Kind: RTP, Flow: f, Owner: f.owner}
	pt, event := b[1]&^markerBit, false
	if f.special.Has(pt) {
		event, v.Digits = t.special(f, p, pt)
	}
	f.count(p.Time, len(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), event)
	return v
}

// foreign notes when what is no RTP (T.38, DTLS) passed at an endpoint: a call
// that sends it is not silent.
func (t *Table) foreign(p *packet.Packet) {
	if p.Transport != packet.UDP {
		return
	}
	if e := t.entries[p.Dst]; e != nil {
		e.other[0] = p.Time
	} else if e = t.entries[p.Src]; e != nil {
		e.other[1] = p.Time
	}
}

// owner returns the current owner, 0 when all have closed.
func (e *entry) owner() uint64 {
	if e.newest == nil {
		return 0
	}
	return e.newest.spec.Owner
}

// closed counts a packet of an endpoint that all its owners have closed.
func (t *Table) closed(e *entry, p *packet.Packet, way int, ssrc uint32) Verdict {
	t.Stats.RTP++
	// Every packet comes by here, so a stream counts only if it is remembered.
	key := streamKey{p.Src, p.Dst, ssrc}
	if len(t.streams) < t.options.Streams {
		t.stream(key)
	}
	t.orphan(e.unowned, key, p, way == 1)
	return Verdict{Kind: RTP}
}

// special looks into a packet of a telephone-event or RED type. It says which
// of the two it is, and how many presses begin with it.
func (t *Table) special(f *Flow, p *packet.Packet, pt uint8) (event bool, presses int) {
	s := &f.claim.spec
	types := s.types(f.Reverse)
	event = types.Events.Has(pt)
	if event {
		f.EventPackets++
		t.Stats.EventPackets++
	}
	switch {
	case s.Encrypted:
		t.Stats.Encrypted++
		return event, 0
	case p.Truncated:
		t.Stats.Cut++
		return event, 0
	case f.digits == nil:
		f.digits = new(dtmf.State)
	}
	return event, t.detector.Step(f.digits, p.Payload, types, t.options.Digits)
}

// find is the way for packets that are not of the last flow: it decides which
// announcement the packet belongs to and returns its flow, a new one if need
// be. It returns nil when the endpoint is closed.
func (t *Table) find(e *entry, p *packet.Packet, far *packet.Endpoint, way int, ssrc uint32) *Flow {
	c := t.claimFor(e, far)
	if c == nil {
		return nil
	}
	reverse := way == 1
	for _, f := range c.flows {
		if f.SSRC == ssrc && f.Reverse == reverse && *f.far() == *far {
			e.last[way] = f
			if f.epoch != e.epoch {
				f.adopt(c, e.epoch)
			}
			return f
		}
	}
	f := t.newFlow(c, p, reverse, ssrc)
	f.adopt(c, e.epoch)
	e.last[way] = f
	return f
}

// maxShared bounds the search for the right one of several owners.
const maxShared = 8

// claimFor returns the announcement that a packet between e and far belongs
// to. Of several it is the newest whose owner announced far as well, so that
// calls that share one media port are told apart by their other end; else the
// newest.
func (t *Table) claimFor(e *entry, far *packet.Endpoint) *claim {
	if !e.shared() {
		return e.newest
	}
	other := t.entries[*far]
	if other == nil {
		return e.newest
	}
	a, b := e.newest, other.newest
	for range maxShared {
		if a != nil {
			if other.claimOf(a.spec.Owner) != nil {
				return a
			}
			a = a.older
		}
		if b != nil {
			if c := e.claimOf(b.spec.Owner); c != nil {
				return c
			}
			b = b.older
		}
	}
	return e.newest
}

// adopt takes what the fast path needs out of the announcement.
func (f *Flow) adopt(c *claim, epoch uint64) {
	s := &c.spec
	f.claim, f.owner, f.epoch, f.hz = c, s.Owner, epoch, s.Clock()
	f.special = s.EventsIn.Union(s.RedundantIn)
	if f.Reverse {
		f.special = s.EventsOut.Union(s.RedundantOut)
	}
}

// newFlow begins a flow of c. Where the bound is reached, the one that has been
// idle longest is summed up and its memory reused, so that a flood of SSRCs
// costs no memory.
func (t *Table) newFlow(c *claim, p *packet.Packet, reverse bool, ssrc uint32) *Flow {
	again := c.spoke(p, reverse)
	f := t.room(c)
	*f = Flow{Src: p.Src, Dst: p.Dst, SSRC: ssrc, Reverse: reverse}
	if again {
		f.Restarts = 1
	}
	t.stream(streamKey{p.Src, p.Dst, ssrc})
	return f
}

// room returns the memory of a new flow of c.
func (t *Table) room(c *claim) *Flow {
	if len(c.flows) >= t.options.Flows || t.flows >= t.options.AllFlows && len(c.flows) > 0 {
		t.Stats.FoldedFlows++
		return c.foldIdle()
	}
	f := new(Flow)
	c.flows = append(c.flows, f)
	t.flows++
	return f
}

// spoke reports whether c already has a stream between the same two: then a
// new SSRC is a change of SSRC.
func (c *claim) spoke(p *packet.Packet, reverse bool) bool {
	for _, f := range c.flows {
		if f.Reverse == reverse && f.Src == p.Src && f.Dst == p.Dst {
			return true
		}
	}
	return false
}

// foldIdle sums up the flow that has been idle longest and returns its memory.
func (c *claim) foldIdle() *Flow {
	f := c.flows[0]
	for _, g := range c.flows[1:] {
		if g.Last < f.Last {
			f = g
		}
	}
	if c.folded == nil {
		c.folded = new([2]Flow)
	}
	sum := &c.folded[0]
	if f.Reverse {
		sum = &c.folded[1]
	}
	sum.claim, sum.Reverse = c, f.Reverse
	sum.fold(f)
	return f
}

// stream counts a stream unless it was counted before.
func (t *Table) stream(k streamKey) {
	if t.streams != nil {
		if _, known := t.streams[k]; known {
			return
		}
		if len(t.streams) < t.options.Streams {
			t.streams[k] = struct{}{}
		}
	}
	t.Stats.Streams++
}
