package media

import (
	"encoding/binary"
	"iter"

	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/packet"
)

const (
	enough     = 3    // packets in order that make a candidate a flow
	candidates = 4096 // that wait for as many

	learnedFlows = 1 << 16
	guesses      = 4 // dynamic payload types looked at in one flow

	firstDynamic = 96 // RFC 3551 section 6
	lastStatic   = 34
	usualEvents  = 101 // what nearly every device uses for telephone-event
)

// learner finds RTP that nobody announced: at least three packets of one SSRC
// between two endpoints whose sequence numbers follow one another.
type learner struct {
	flows map[streamKey]*learned
	order []streamKey // of flows that are known to be RTP, in order of the first such
	ring  [candidates]streamKey
	next  int // in ring
	limit int

	// A detector of its own: what is only a guess must not count as malformed.
	detector dtmf.Detector
}

// learned is one flow, or a candidate.
type learned struct {
	flow    Flow
	inOrder int
	last    uint16
	known   bool
	guess   [guesses]guess
}

// guess follows one dynamic payload type of a flow, which is telephone-event
// if all its packets look so.
type guess struct {
	digits  dtmf.State
	packets uint64
	events  uint64 // packets that are one valid event
	four    uint64 // packets of four bytes
	pt      uint8  // 0: not in use
}

func newLearner() *learner {
	return &learner{flows: make(map[streamKey]*learned), limit: learnedFlows}
}

// unannounced takes a packet between two endpoints that SDP does not know.
func (t *Table) unannounced(p *packet.Packet, kind Kind) Verdict {
	if t.learner == nil || kind != RTP || !plausible(p.Payload) {
		return Verdict{Kind: NotMedia}
	}
	l := t.learner
	key := streamKey{p.Src, p.Dst, binary.BigEndian.Uint32(p.Payload[8:])}
	f := l.flows[key]
	if f == nil {
		if f = t.candidate(key); f == nil {
			return Verdict{Kind: NotMedia}
		}
	}
	t.learn(f, p)
	switch {
	case f.inOrder < enough:
		return Verdict{Kind: NotMedia}
	case !f.known:
		f.known = true
		l.order = append(l.order, key)
		t.Stats.Learned += f.flow.Packets
	default:
		t.Stats.Learned++
	}
	return Verdict{Kind: Learned}
}

// plausible reports whether the header is one that a media stream has: a
// payload type of RFC 3551, and room for the sources and the extension that it
// claims.
func plausible(b []byte) bool {
	pt := b[1] &^ markerBit
	if pt > lastStatic && pt < firstDynamic {
		return false
	}
	return payloadOf(b) != nil
}

// payloadOf returns the payload of an RTP packet, nil when its header does not
// fit (RFC 3550 sections 5.1 and 5.3.1).
func payloadOf(b []byte) []byte {
	at := headerLen + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if at+4 > len(b) {
			return nil
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if at > end {
		return nil
	}
	return b[at:end]
}

// candidate makes room for a new candidate. The oldest one that is no flow yet
// gives way; flows that are known never do.
func (t *Table) candidate(key streamKey) *learned {
	l := t.learner
	if len(l.order) >= l.limit {
		t.Stats.RefusedLearning++
		return nil
	}
	old := l.ring[l.next]
	if f := l.flows[old]; f != nil && !f.known {
		delete(l.flows, old)
		t.Stats.RefusedLearning++
	}
	l.ring[l.next] = key
	l.next = (l.next + 1) % candidates
	f := &learned{flow: Flow{Src: key.src, Dst: key.dst, SSRC: key.ssrc}}
	l.flows[key] = f
	return f
}

// learn counts a packet and follows the payload types.
func (t *Table) learn(f *learned, p *packet.Packet) {
	b := p.Payload
	pt := b[1] &^ markerBit
	seq := binary.BigEndian.Uint16(b[2:])
	if f.inOrder < enough {
		f.inOrder++
		if ahead := seq - f.last; f.inOrder > 1 && ahead >= maxDropout && -ahead >= maxMisorder {
			f.inOrder = 1
		}
		f.last = seq
	}
	if f.flow.hz == 0 {
		f.flow.hz = staticClock(pt)
	}
	event := false
	if g := f.guessOf(pt); g != nil {
		t.try(g, p)
		event = g.events == g.packets
	}
	f.flow.count(p.Time, len(b), seq, binary.BigEndian.Uint32(b[4:]), event)
}

// guessOf returns the guess for pt, nil when it cannot be telephone-event or
// there are too many.
func (f *learned) guessOf(pt uint8) *guess {
	if pt < firstDynamic {
		return nil
	}
	for i := range f.guess {
		g := &f.guess[i]
		if g.pt == pt {
			return g
		}
		if g.packets == 0 {
			g.pt = pt
			return g
		}
	}
	return nil
}

// try takes one packet of the guess's type.
func (t *Table) try(g *guess, p *packet.Packet) {
	payload := payloadOf(p.Payload)
	g.packets++
	if p.Truncated {
		return
	}
	if len(payload) == 4 {
		g.four++
	}
	if !dtmf.Event(payload) {
		return
	}
	g.events++
	var types dtmf.Types
	types.Events.Add(g.pt)
	t.learner.detector.Step(&g.digits, p.Payload, types, t.options.Digits)
}

// Learned iterates over the flows that belong to no call: with KeepClosed those
// with telephone events at endpoints that nobody owned, then those that were
// found without an announcement, in the order in which they became known, each
// with its digits if it has a telephone-event type.
func (t *Table) Learned() iter.Seq[*Flow] {
	return func(yield func(*Flow) bool) {
		for _, f := range t.unowned.order {
			if !yield(f) {
				return
			}
		}
		if t.learner == nil {
			return
		}
		for _, key := range t.learner.order {
			f := t.learner.flows[key]
			f.settle()
			if !yield(&f.flow) {
				return
			}
		}
	}
}

// settle decides which payload type carries the events: the usual one, if
// nearly all its packets are events; else the first dynamic one of which three
// packets or more came, every one an event.
func (f *learned) settle() {
	f.flow.digits, f.flow.EventPackets = nil, 0
	var best *guess
	for i := range f.guess {
		g := &f.guess[i]
		switch {
		case g.packets == 0:
		case g.pt == usualEvents && g.events*10 >= g.packets*9:
			f.take(g)
			return
		case best == nil && g.packets >= enough && g.four == g.packets && g.events == g.packets:
			best = g
		}
	}
	if best != nil {
		f.take(best)
	}
}

func (f *learned) take(g *guess) {
	f.flow.digits, f.flow.EventPackets = &g.digits, g.events
}

// staticClock returns the RTP clock of a static payload type (RFC 3551 section
// 6), 0 for a dynamic one: then there is no jitter.
func staticClock(pt uint8) uint32 {
	switch {
	case pt >= firstDynamic:
		return 0
	case pt == 6:
		return 16000
	case pt == 10, pt == 11:
		return 44100
	case pt == 14, pt >= 25:
		return 90000
	case pt == 16:
		return 11025
	case pt == 17:
		return 22050
	}
	return 8000
}
