package dialog

import (
	"slices"
	"strings"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// find returns the leg that m belongs to and whether the caller is the one
// who sent m. A request carries its sender's tag in From; a response repeats
// the tags of its request.
func (t *Table) find(p *packet.Packet, m *parse.Message) (l *Leg, fromCaller bool) {
	first := t.legs[m.CallID]
	for l := first; l != nil; l = l.next {
		if m.FromTag == l.FromTag && l.knows(m.ToTag) {
			return l, m.Request()
		}
		if m.ToTag == l.FromTag && l.knows(m.FromTag) {
			return l, !m.Request()
		}
	}
	for l := first; l != nil; l = l.next {
		if m.FromTag == l.FromTag {
			return l, m.Request()
		}
		if m.ToTag == l.FromTag {
			return l, !m.Request()
		}
	}
	if first != nil && first.next == nil { // tags changed on the way: one leg, one choice
		return first, p.Src.IP == first.Src.IP
	}
	return nil, false
}

// knows reports whether tag may be one of the far side's: it is, or none is
// known yet.
func (l *Leg) knows(tag string) bool {
	return tag == "" || len(l.toTags) == 0 ||
		slices.ContainsFunc(l.toTags, func(x toTag) bool { return x.tag == tag })
}

// open adds a leg for m, or returns nil when the table is full.
func (t *Table) open(p *packet.Packet, m *parse.Message) *Leg {
	if t.count >= t.cfg.MaxLegs && !t.makeRoom(p.Time) || t.crowded(m.CallID) {
		t.stats.Refused++
		return nil
	}
	t.lastID++
	t.count++
	l := &Leg{
		ID: t.lastID, Epoch: t.epoch, CallID: strings.Clone(m.CallID), FromTag: strings.Clone(m.FromTag),
		From: clone(m.From), To: clone(m.To), Request: clone(m.RequestURI),
		UserAgent: strings.Clone(m.UserAgent),
		Src:       p.Src, Dst: p.Dst, Transport: p.Transport,
		Invited: p.Time,
	}
	l.next = t.legs[l.CallID]
	t.legs[l.CallID] = l
	return l
}

// makeRoom closes the leg that would end first, if nothing is lost with it: it
// is over, or nobody ever responded to it. A flood of such INVITEs must not keep
// calls out.
func (t *Table) makeRoom(now int64) bool {
	l := t.timers[0].leg
	if l.State != Ended && (l.State != Setup || l.heard) {
		return false
	}
	t.release(l, now, NoResponse)
	t.close(l)
	t.stats.Evicted++
	return true
}

// maxLegs bounds the legs of one Call-ID; a switch that keeps the Call-ID on
// both sides makes two.
const maxLegs = 16

// crowded reports whether a Call-ID has as many legs as it may.
func (t *Table) crowded(callID string) bool {
	n := 0
	for l := t.legs[callID]; l != nil; l = l.next {
		n++
	}
	return n >= maxLegs
}

func clone(u parse.URI) parse.URI {
	return parse.URI{User: strings.Clone(u.User), Host: strings.Clone(u.Host)}
}

// drop removes a leg whose record was written.
func (t *Table) drop(l *Leg) {
	l.gone = true
	t.timers.remove(&l.timer)
	t.count--
	first := t.legs[l.CallID]
	if first == l {
		if l.next == nil {
			delete(t.legs, l.CallID)
		} else {
			t.legs[l.CallID] = l.next
		}
		return
	}
	for x := first; x != nil; x = x.next {
		if x.next == l {
			x.next = l.next
			return
		}
	}
}
