package media

import "github.com/sipward/sipward/sip/packet"

// Observed is one RTP stream that the kernel filter counted at an endpoint.
// Times are nanoseconds since the Unix epoch.
type Observed struct {
	// Peer sent the packets, or received them if Reverse. Zero: not one
	// stream but the sum of what had to make room for newer ones, with
	// SSRC, Jitter and Events 0.
	Peer    packet.Endpoint
	SSRC    uint32
	Reverse bool   // packets from the endpoint to a peer that nobody announced
	Events  uint64 // packets that passed for their payload type
	Counters

	// What is no RTP; only in the sum, the flow without a peer.
	RTCP      uint64
	Other     uint64 // STUN, DTLS, T.38 and the like
	OtherLast int64
}

// Owner returns the current owner of ep, and false when nobody announces it.
func (t *Table) Owner(ep packet.Endpoint) (uint64, bool) {
	e := t.entries[ep]
	if e == nil || e.newest == nil {
		return 0, false
	}
	return e.newest.spec.Owner, true
}

// Current returns the announcement of ep that is in force.
func (t *Table) Current(ep packet.Endpoint) (Spec, bool) {
	e := t.entries[ep]
	if e == nil || e.newest == nil {
		return Spec{}, false
	}
	return e.newest.spec, true
}

// Observe takes what the kernel counted for owner's announcement of ep. The
// kernel sees every packet and this table only the telephone-events among
// them, so the kernel's counters replace those of a flow that both know.
func (t *Table) Observe(ep packet.Endpoint, owner uint64, seen []Observed) {
	c := t.entries[ep].claimOf(owner)
	if c == nil {
		return
	}
	for i := range seen {
		o := &seen[i]
		if o.Packets == 0 {
			continue
		}
		f := c.observed(o)
		if f == nil {
			f = new(Flow)
			f.claim, f.owner, f.Reverse, f.SSRC = c, owner, o.Reverse, o.SSRC
			f.Src, f.Dst = o.Peer, ep
			if o.Reverse {
				f.Src, f.Dst = ep, o.Peer
			}
			if o.Peer.IsZero() {
				f.Src, f.Dst, f.Folded = packet.Endpoint{}, packet.Endpoint{}, 1
			}
			c.flows = append(c.flows, f)
			t.flows++
			if !o.Peer.IsZero() {
				t.Stats.Streams++
			}
		}
		f.Counters = o.Counters
	}
	t.touch(t.entries[ep])
}

// observed returns the flow of c that o describes, or nil. What is described is
// a total, so a second look must find the flow of the first, the sum too.
func (c *claim) observed(o *Observed) *Flow {
	for _, f := range c.flows {
		if f.SSRC == o.SSRC && f.Reverse == o.Reverse && *f.far() == o.Peer {
			return f
		}
	}
	return nil
}
