package media

import "github.com/sipward/sipward/sip/packet"

// Observed is one RTP stream that the kernel filter counted at an endpoint.
// Times are nanoseconds since the Unix epoch.
type Observed struct {
	// Peer sent the packets, or received them if Reverse. Zero: not one
	// stream but the sum of what had to make room for newer ones, with
	// SSRC and Jitter 0.
	Peer    packet.Endpoint
	SSRC    uint32
	Reverse bool // packets from the endpoint to a peer that nobody announced
	Counters
	OtherLast int64 // when what is neither RTP nor RTCP last came; only without a peer
}

// direction is 0 for packets to the endpoint and 1 for those from it, for arrays of
// both.
func direction(reverse bool) int {
	if reverse {
		return 1
	}
	return 0
}

// Joined returns what a filter has to know of ep when it cannot tell several
// owners' packets apart: the payload types of them all. It looks at the newest
// few of them; the others' keys may stay unseen, but that many calls on one
// port are made by one program. Owner, Hop, Side, Kind and Codec are zero. It
// reports false when nobody announces ep.
func (t *Table) Joined(ep packet.Endpoint) (s Spec, open bool) {
	e := t.entries[ep]
	if e == nil || e.newest == nil {
		return Spec{}, false
	}
	s = Spec{ClockHz: e.newest.spec.Clock(), Encrypted: true}
	for c, n := e.newest, 0; c != nil && n < maxShared; c, n = c.older, n+1 {
		s.Encrypted = s.Encrypted && c.spec.Encrypted
		s.EventsIn = s.EventsIn.Union(c.spec.EventsIn)
		s.EventsOut = s.EventsOut.Union(c.spec.EventsOut)
		s.RedundantIn = s.RedundantIn.Union(c.spec.RedundantIn)
		s.RedundantOut = s.RedundantOut.Union(c.spec.RedundantOut)
	}
	return s, true
}

// Owned reports whether owner announces ep.
func (t *Table) Owned(ep packet.Endpoint, owner uint64) bool {
	return t.entries[ep].claimOf(owner) != nil
}

// End says whether owner's call is over while its announcement of ep stays, for
// packets on their way and a repeated end.
func (t *Table) End(ep packet.Endpoint, owner uint64, ended bool) {
	if c := t.entries[ep].claimOf(owner); c != nil {
		c.ended = ended
	}
}

// Mixed reports whether another call was live on ep at the same time as
// owner's. Where that is so at both ends of a call, nothing tells its packets
// from the other's.
func (t *Table) Mixed(ep packet.Endpoint, owner uint64) bool {
	c := t.entries[ep].claimOf(owner)
	return c != nil && c.mixed
}

// mix marks c, the newest, and another live announcement. When there are
// several, all but one are marked already.
func (t *Table) mix(c *claim) {
	for o, n := c.older, 0; o != nil && n < maxShared; o, n = o.older, n+1 {
		if !o.ended {
			o.mixed, c.mixed = true, true
			t.Stats.Mixed++
			return
		}
	}
}

// Observe takes what the kernel has counted at ep since it was opened there.
// The kernel knows no owners: what is new since the last Observe goes to the
// announcement that the packets would belong to here. So whoever changes the
// announcements of ep has the kernel's count taken first; then no packet is
// counted for two. The kernel sees every packet and this table only the
// telephone-events among them, so the kernel's counters replace those of a flow
// that both know.
func (t *Table) Observe(ep packet.Endpoint, seen []Observed) {
	e := t.entries[ep]
	if e == nil || e.newest == nil {
		return
	}
	gone := e.folded(seen)
	for i := range seen {
		o := &seen[i]
		var before Counters
		if b := match(e.counted, o); b != nil && b.Packets <= o.Packets {
			before = b.Counters
		}
		if o.Peer.IsZero() {
			before.add(&gone[direction(o.Reverse)])
			if o.Packets > 0 {
				e.newest.summed(seen, o.Reverse)
			}
		}
		t.grant(e, o, &before)
	}
	e.counted = append(e.counted[:0], seen...)
}

// summed drops what this table counted of flows of c that the kernel knows only
// in their sum: they are in it.
func (c *claim) summed(seen []Observed, reverse bool) {
	for _, f := range c.flows {
		o := Observed{Peer: *f.far(), SSRC: f.SSRC, Reverse: f.Reverse}
		if f.kernel == nil && f.Reverse == reverse && match(seen, &o) == nil {
			f.Counters = Counters{}
		}
	}
}

// folded sums up what was known of flows that the kernel has folded since, for
// each direction: its sum of such flows has grown by that, which is not new. A
// flow that counts less than before was folded and began again.
func (e *entry) folded(seen []Observed) (sum [2]Counters) {
	for i := range e.counted {
		b := &e.counted[i]
		if o := match(seen, b); !b.Peer.IsZero() && (o == nil || o.Packets < b.Packets) {
			sum[direction(b.Reverse)].add(&b.Counters)
		}
	}
	return sum
}

// match returns the one of list that describes the same flow as o, or nil.
func match(list []Observed, o *Observed) *Observed {
	for i := range list {
		if l := &list[i]; l.SSRC == o.SSRC && l.Reverse == o.Reverse && l.Peer == o.Peer {
			return l
		}
	}
	return nil
}

// grant gives what o has beyond before to the announcement that it belongs to.
func (t *Table) grant(e *entry, o *Observed, before *Counters) {
	c := t.claimFor(e, &o.Peer)
	f := c.observed(o)
	more := o.Packets > before.Packets
	switch {
	case f == nil && !more:
		return
	case f == nil:
		f = t.observedFlow(e, c, o)
		if before.Packets == 0 && !o.Peer.IsZero() {
			t.stream(streamKey{f.Src, f.Dst, f.SSRC})
		}
	}
	if f.kernel == nil {
		f.kernel = new(Counters)
	}
	if more {
		f.kernel.grow(&o.Counters, before)
	}
	f.Counters = *f.kernel
}

// grow adds what now has beyond before. A gap that was filled since takes a
// loss back, but never more than was given.
func (c *Counters) grow(now, before *Counters) {
	if c.Packets == 0 {
		c.First = now.First
		if before.Packets > 0 {
			c.First = before.Last
		}
	}
	beyond := func(now, before uint64) uint64 { return now - min(now, before) }
	c.Packets += beyond(now.Packets, before.Packets)
	c.Bytes += beyond(now.Bytes, before.Bytes)
	c.Restarts += beyond(now.Restarts, before.Restarts)
	c.Lost = beyond(c.Lost+now.Lost, before.Lost)
	c.Jitter, c.Last = now.Jitter, now.Last
}

// observedFlow begins the flow of c that o describes.
func (t *Table) observedFlow(e *entry, c *claim, o *Observed) *Flow {
	f := t.room(c)
	*f = Flow{claim: c, owner: c.spec.Owner, Reverse: o.Reverse, SSRC: o.SSRC}
	switch {
	case o.Peer.IsZero():
		f.Folded = 1
	case o.Reverse:
		f.Src, f.Dst = e.endpoint, o.Peer
	default:
		f.Src, f.Dst = o.Peer, e.endpoint
	}
	return f
}

// observed returns the flow of c that o describes, or nil.
func (c *claim) observed(o *Observed) *Flow {
	for _, f := range c.flows {
		if f.SSRC == o.SSRC && f.Reverse == o.Reverse && *f.far() == o.Peer {
			return f
		}
	}
	return nil
}

// Last returns when something that may be owner's last went to ep, and from it,
// since owner announced it; 0 for never. seen is what the kernel counts there.
// Unlike a count this may take one packet for two owners': a call must not be
// thought silent because another one shares its port.
func (t *Table) Last(ep packet.Endpoint, owner uint64, seen []Observed) (last [2]int64) {
	e := t.entries[ep]
	own := e.claimOf(owner)
	if own == nil {
		return last
	}
	note := func(reverse bool, at int64) {
		if at >= own.opened {
			last[direction(reverse)] = max(last[direction(reverse)], at)
		}
	}
	note(false, e.other[0])
	note(true, e.other[1])
	for i := range seen {
		o := &seen[i]
		note(o.Reverse, o.OtherLast)
		if o.Packets > 0 && t.maybe(e, owner, &o.Peer) {
			note(o.Reverse, o.Last)
		}
	}
	flows := func(c *claim) {
		for _, f := range c.all() {
			if c == own || t.maybe(e, owner, f.far()) {
				note(f.Reverse, f.Last)
			}
		}
	}
	flows(own)
	for c, n := e.newest, 0; c != nil && n < maxShared; c, n = c.older, n+1 {
		flows(c)
	}
	return last
}

// maybe reports whether packets between e and far may be owner's: it announced
// far too, or none of e's owners did.
func (t *Table) maybe(e *entry, owner uint64, far *packet.Endpoint) bool {
	other := t.entries[*far]
	return other == nil || other.claimOf(owner) != nil || other.claimOf(t.claimFor(e, far).spec.Owner) == nil
}
