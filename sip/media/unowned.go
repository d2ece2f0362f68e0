package media

import (
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/packet"
)

// unowned are the flows with digits at endpoints that nobody owns: the call is
// over, or the capture does not show enough of it to make one.
type unowned struct {
	flows map[streamKey]*Flow
	order []*Flow
}

// types returns the types of packets to the endpoint of s, or from it.
func (s *Spec) types(reverse bool) dtmf.Types {
	if reverse {
		return dtmf.Types{Events: s.EventsOut, Redundant: s.RedundantOut}
	}
	return dtmf.Types{Events: s.EventsIn, Redundant: s.RedundantIn}
}

// orphan reads the digits of a packet that belongs to no call, as s says.
func (t *Table) orphan(s *Spec, key streamKey, p *packet.Packet, reverse bool) {
	if s == nil || s.Encrypted || p.Truncated {
		return
	}
	types, pt := s.types(reverse), p.Payload[1]&^markerBit
	if !types.Events.Has(pt) && !types.Redundant.Has(pt) {
		return
	}
	u := &t.unowned
	f := u.flows[key]
	if f == nil {
		if len(u.flows) >= t.options.Streams {
			return // Streams bounds these as well
		}
		if u.flows == nil {
			u.flows = make(map[streamKey]*Flow)
		}
		f = &Flow{Src: key.src, Dst: key.dst, SSRC: key.ssrc, Reverse: reverse, digits: new(dtmf.State)}
		f.First = p.Time
		u.flows[key] = f
		u.order = append(u.order, f)
	}
	t.detector.Step(f.digits, p.Payload, types, t.options.Digits)
}
