package dialog

import (
	"slices"

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

	superseded bool // a later description of the same side and hop does not name ep

	line line
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

func lineOf(d *parse.Media) line {
	return line{d.Kind, d.Encrypted, d.ClockHz, d.Codec, d.Events, d.Redundant, d.Formats}
}

// Alone works out how to read the media of a description that belongs to no
// leg: its peer's is not known.
func Alone(d *parse.Media) media.Spec {
	own, none := lineOf(d), line{}
	return media.Spec{
		Kind: own.Kind, Encrypted: own.Encrypted, ClockHz: own.ClockHz, Codec: own.Codec,
		EventsIn: eventsTo(own, none), EventsOut: eventsTo(none, own),
		RedundantIn: own.Redundant, RedundantOut: own.Redundant,
	}
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
			changed = t.announceLine(l, m.SDP.Media, announcement{
				ep: d.RTP, hop: hop, side: from, index: uint8(i), // below maxAnnouncements
				line: lineOf(d),
			}) || changed
		}
	}
	if len(m.SDP.Media) > 0 {
		l.held[index(from == media.Caller)] = held
	}
	l.supersede(m.SDP.Media, from, hop)
	if changed {
		t.emitMedia(l, hop, p.Time)
	}
}

// supersede marks what side had announced at hop and lines, its latest word,
// do not name any more. Lines without any endpoint move nothing: they put the
// call on hold as RFC 2543 did.
func (l *Leg) supersede(lines []parse.Media, side media.Side, hop uint8) {
	named := func(ep packet.Endpoint) bool {
		return slices.ContainsFunc(lines, func(d parse.Media) bool { return d.RTP == ep })
	}
	if !slices.ContainsFunc(lines, func(d parse.Media) bool { return !d.RTP.IsZero() }) {
		return
	}
	for i := range l.announced {
		if a := &l.announced[i]; a.side == side && a.hop == hop {
			a.superseded = !named(a.ep)
		}
	}
}

func hopOf(p *packet.Packet) hop { return hop{p.Src, p.Dst} }

// announceLine stores a, one of lines, in place of what the leg last knew of
// this use of its endpoint, and reports whether that is news. Another of lines
// may have the same endpoint; linesOf joins them.
func (t *Table) announceLine(l *Leg, lines []parse.Media, a announcement) bool {
	for i := range l.announced {
		old := &l.announced[i]
		if old.ep != a.ep || old.side != a.side {
			continue
		}
		if at := int(old.index); old.index == a.index || at >= len(lines) || lines[at].RTP != a.ep {
			a.hop = min(a.hop, old.hop) // the same description passed on unchanged
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

// emitMedia tells of every endpoint of a hop: each side's description says how
// to read what the other side gets.
func (t *Table) emitMedia(l *Leg, hop uint8, now int64) {
	l.Encrypted = false
	for i := range l.announced {
		a := &l.announced[i]
		if slices.ContainsFunc(l.announced[:i], a.shares) {
			continue
		}
		spec := l.spec(a)
		l.Encrypted = l.Encrypted || spec.Encrypted
		if a.hop == hop {
			t.emit(Effect{Kind: MediaOpened, Time: now, Leg: l, Endpoint: a.ep, Spec: spec})
		}
	}
}

// shares reports whether b is another m-line of a's endpoint, or a itself.
func (a *announcement) shares(b announcement) bool { return a.ep == b.ep && a.side == b.side }

// linesOf joins the m-lines of a's endpoint, and what the peer said of them.
// Audio is bundled with video (RFC 9143); SRTP is offered beside plain RTP. Of
// several lines those count that the peer took, or all while it took none.
func (l *Leg) linesOf(a *announcement) (own, peer line) {
	for i := range l.announced {
		b := &l.announced[i]
		if !a.shares(*b) {
			continue
		}
		p := l.peerOf(b)
		switch {
		case p.Kind == 0 && peer.Kind != 0:
			continue
		case p.Kind != 0 && peer.Kind == 0:
			own = line{}
		}
		own, peer = own.join(b.line), peer.join(p)
	}
	return own, peer
}

// join joins two lines of one endpoint: audio, where there is any, gives codec
// and clock, and all their types may come.
func (a line) join(b line) line {
	if a.Kind == 0 || b.Kind == parse.Audio && a.Kind != parse.Audio {
		a, b = b, a
	}
	a.Encrypted = a.Encrypted || b.Encrypted
	a.Events = a.Events.Union(b.Events)
	a.Redundant = a.Redundant.Union(b.Redundant)
	a.Formats = a.Formats.Union(b.Formats)
	return a
}

// defaultEvent is the payload type that many devices use for telephone-event
// without saying so.
const defaultEvent = 101

// spec works out how packets to and from an announced endpoint are to be read.
// They are encrypted if both sides say so: keys that were offered beside plain
// RTP, and not answered, are not used. Until the peer has spoken, one side's
// word is enough, for ciphertext must not be read.
func (l *Leg) spec(a *announcement) media.Spec {
	own, peer := l.linesOf(a)
	return media.Spec{
		Owner: l.ID, Hop: a.hop, Side: a.side, Kind: own.Kind,
		Encrypted: own.Encrypted && (peer.Kind == 0 || peer.Encrypted),
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
		events = events.Union(minus(usual, receiver.Formats.Union(sender.Formats)))
	}
	return events
}

// peerOf joins what the other side of the hop said of the same m-line. Its Kind
// is 0 when that was nothing.
func (l *Leg) peerOf(a *announcement) line {
	var all line
	for i := range l.announced {
		b := &l.announced[i]
		if b.hop == a.hop && b.side != a.side && b.index == a.index {
			all = all.join(b.line)
		}
	}
	return all
}

func either(a, b parse.PayloadTypes) parse.PayloadTypes {
	if a.Empty() {
		return b
	}
	return a
}

func minus(a, b parse.PayloadTypes) parse.PayloadTypes {
	return parse.PayloadTypes{a[0] &^ b[0], a[1] &^ b[1]}
}
