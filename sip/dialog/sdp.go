package dialog

import (
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// announcement is one media endpoint that one side of a hop wants to receive
// at. One that moves is announced anew; the old one stays until the leg
// closes, since packets may be on their way.
type announcement struct {
	ep    packet.Endpoint
	hop   uint8
	side  media.Side
	index uint8 // of its m-line
	line  line
}

// line is what an m-line said, less what the announcement does not need.
type line struct {
	Kind      parse.MediaKind
	Encrypted bool
	ClockHz   uint32
	Codec     string
	Events    parse.PayloadTypes
	Redundant parse.PayloadTypes
	Formats   parse.PayloadTypes
}

// announce reads the session description that the given side sent in m.
// Offer and answer are not told apart: each side's latest word on an m-line
// holds, wherever it came (INVITE, 1xx, 2xx, ACK, PRACK, UPDATE).
func (t *Table) announce(l *Leg, p *packet.Packet, m *parse.Message, from media.Side) {
	if m.SDP == nil {
		return
	}
	hop := l.hopOf(p)
	if len(l.hops) == 0 || l.hops[hop] != (hopOf(p)) && from == media.Caller && m.ToTag == "" {
		hop = t.addHop(l, p)
	}
	held, changed := false, false
	for i := range m.SDP.Media {
		d := &m.SDP.Media[i]
		held = held || d.Hold
		if !d.RTP.IsZero() && i < maxAnnouncements {
			changed = t.announceLine(l, announcement{
				ep: d.RTP, hop: hop, side: from, index: uint8(i), //nolint:gosec // below maxAnnouncements
				line: line{d.Kind, d.Encrypted, d.ClockHz, d.Codec, d.Events, d.Redundant, d.Formats},
			}) || changed
			l.Encrypted = l.Encrypted || d.Encrypted
		}
	}
	if len(m.SDP.Media) > 0 {
		l.held = held
	}
	if changed {
		t.emitMedia(l, hop, p.Time)
	}
}

func hopOf(p *packet.Packet) hop { return hop{p.Src, p.Dst} }

// announceLine stores a, in place of what the leg last knew of its endpoint,
// and reports whether that is news.
func (t *Table) announceLine(l *Leg, a announcement) bool {
	for i := range l.announced {
		old := &l.announced[i]
		if old.ep == a.ep && old.side == a.side {
			a.hop = min(a.hop, old.hop) // the same description passed on unchanged
			if a.index != old.index {
				a = old.bundled(a)
			}
			changed := *old != a
			*old = a
			return changed
		}
	}
	if len(l.announced) == maxAnnouncements {
		t.stats.Overflow++
		return false
	}
	if l.announced == nil {
		l.announced = make([]announcement, 0, 2)
	}
	l.announced = append(l.announced, a)
	return true
}

// bundled joins two m-lines that share one endpoint (RFC 9143): audio, where
// there is any, gives codec and clock, and all their types may come.
func (a announcement) bundled(b announcement) announcement {
	if b.line.Kind != parse.Audio || a.line.Kind == parse.Audio {
		a, b = b, a
	}
	b.hop = min(a.hop, b.hop)
	b.line.Encrypted = a.line.Encrypted || b.line.Encrypted
	b.line.Events = union(a.line.Events, b.line.Events)
	b.line.Redundant = union(a.line.Redundant, b.line.Redundant)
	b.line.Formats = union(a.line.Formats, b.line.Formats)
	return b
}

// emitMedia tells of every endpoint of a hop: each side's description says how
// to read what the other side gets.
func (t *Table) emitMedia(l *Leg, hop uint8, now int64) {
	for i := range l.announced {
		if a := &l.announced[i]; a.hop == hop {
			t.emit(Effect{Kind: MediaOpened, Time: now, Leg: l, Endpoint: a.ep, Spec: l.spec(a)})
		}
	}
}

// defaultEvent is the payload type that many devices use for telephone-event
// without saying so.
const defaultEvent = 101

// spec works out how packets to and from an announced endpoint are to be read.
func (l *Leg) spec(a *announcement) media.Spec {
	own, peer := a.line, l.peerOf(a)
	return media.Spec{
		Owner: l.ID, Hop: a.hop, Side: a.side, Kind: own.Kind,
		Encrypted: own.Encrypted || peer.Encrypted,
		ClockHz:   own.ClockHz, Codec: own.Codec,
		EventsIn: eventsTo(own, peer), EventsOut: eventsTo(peer, own),
		RedundantIn: either(own.Redundant, peer.Redundant), RedundantOut: either(peer.Redundant, own.Redundant),
	}
}

// eventsTo returns the telephone-event types of packets from one side to the
// other. The receiver's description chooses them (RFC 3264 section 5.1); one
// that names none is taken to follow its peer, as far as the types mean nothing
// else to it. The usual type is meant whatever was agreed, unless it is
// something else: some send it without saying so.
func eventsTo(receiver, sender line) parse.PayloadTypes {
	events := either(receiver.Events, minus(sender.Events, receiver.Formats))
	if receiver.Kind == parse.Audio || sender.Kind == parse.Audio {
		var usual parse.PayloadTypes
		usual.Add(defaultEvent)
		events = union(events, minus(usual, union(receiver.Formats, sender.Formats)))
	}
	return events
}

// peerOf joins what the other side of the hop said of the same m-line.
func (l *Leg) peerOf(a *announcement) line {
	var all line
	for i := range l.announced {
		b := &l.announced[i]
		if b.hop != a.hop || b.side == a.side || b.index != a.index {
			continue
		}
		all.Encrypted = all.Encrypted || b.line.Encrypted
		all.Events = union(all.Events, b.line.Events)
		all.Redundant = union(all.Redundant, b.line.Redundant)
		all.Formats = union(all.Formats, b.line.Formats)
	}
	return all
}

func either(a, b parse.PayloadTypes) parse.PayloadTypes {
	if a.Empty() {
		return b
	}
	return a
}

func union(a, b parse.PayloadTypes) parse.PayloadTypes {
	return parse.PayloadTypes{a[0] | b[0], a[1] | b[1]}
}

func minus(a, b parse.PayloadTypes) parse.PayloadTypes {
	return parse.PayloadTypes{a[0] &^ b[0], a[1] &^ b[1]}
}
