package testkit

import (
	"encoding/binary"
	"net/netip"
)

// keys are the events of RFC 4733 table 7 in the order of their codes.
const keys = "0123456789*#ABCD"

// stream sends one direction's audio and digits, a packet every 20 ms (RFC
// 3550 section 5.1, RFC 4733 section 2.3).
type stream struct {
	src, dst netip.AddrPort
	ssrc     uint32
	seq      uint16
	ts       uint32
	until    int64
	events   uint8 // telephone-event type that the receiver asked for
	callID   string
	presses  []press
	step     int    // within the current press
	start    uint32 // timestamp of the current press
	talking  bool   // audio was sent last: no marker
	text     string
}

type press struct {
	at  int64
	key byte
}

const (
	tickSamples  = 160 // of 20 ms at 8 kHz
	pressUpdates = 5   // packets before the end of an event
	pressEnds    = 3   // the end is sent three times (RFC 4733 section 2.5.1.4)
)

// silence is a G.711 payload; nobody listens.
var silence = func() (b [tickSamples]byte) {
	for i := range b {
		b[i] = 0xff - byte(i%7)
	}
	return b
}()

// talk starts the streams of an answered call.
func (p *player) talk(c *call, out *leg, from, until int64) {
	digits := [2]int{p.plan.Digits, p.plan.CalleeDigits}
	if p.plan.DigitShare < 1 && p.rng.Float64() >= p.plan.DigitShare {
		digits = [2]int{}
	}
	caller := p.pressing(digits[0], from, until)
	callee := p.pressing(digits[1], from, until)
	p.toCallee(c.in, caller, from, until)
	p.toCaller(c.in, callee, from, until)
	if p.plan.Switch == B2BUA {
		p.toCallee(out, caller, from+hopTime, until)
		p.toCaller(out, callee, from+hopTime, until)
	}
}

// early starts the callee's audio while it rings.
func (p *player) early(c *call, out *leg, from, until int64) {
	p.toCaller(c.in, nil, from, until)
	if p.plan.Switch == B2BUA {
		p.toCaller(out, nil, from, until)
	}
}

func (p *player) toCallee(l *leg, presses []press, from, until int64) {
	p.stream(&stream{src: l.offer, dst: l.answer, events: l.answerEvent, callID: l.callID, presses: presses, until: until}, from)
}

func (p *player) toCaller(l *leg, presses []press, from, until int64) {
	p.stream(&stream{src: l.answer, dst: l.offer, events: l.offerEvents, callID: l.callID, presses: presses, until: until}, from)
}

// stream starts at a random place in its number spaces, as RFC 3550 section
// 5.1 asks; some therefore wrap round.
func (p *player) stream(s *stream, from int64) {
	s.ssrc, s.ts, s.seq = p.rng.Uint32(), p.rng.Uint32(), uint16(p.rng.Uint32())
	if from < s.until {
		p.want.RTPStreams++
		p.at(from, s)
	}
}

// pressing spreads n digits over a call; every third repeats the one before.
func (p *player) pressing(n int, from, until int64) []press {
	presses := make([]press, n)
	gap := (until - from - int64(2*pressTime)) / int64(max(n, 1))
	for i := range presses {
		presses[i] = press{from + int64(pressTime) + int64(i)*gap, keys[p.rng.IntN(len(keys))]}
		if i%3 == 2 {
			presses[i].key = presses[i-1].key
		}
	}
	return presses
}

func (s *stream) run(p *player, now int64) (int64, bool, error) {
	var err error
	if len(s.presses) > 0 && s.presses[0].at <= now {
		err = s.press(p, now)
	} else {
		err = s.audio(p, now)
	}
	s.ts += tickSamples
	next := now + int64(tick)
	if err == nil && next >= s.until && s.text != "" {
		p.want.Digits = append(p.want.Digits, Digits{Src: s.src, Dst: s.dst, SSRC: s.ssrc, CallID: s.callID, Text: s.text})
	}
	return next, next < s.until, err
}

func (s *stream) audio(p *player, now int64) error {
	s.header(p, 0, !s.talking, s.ts)
	s.talking = true
	p.buf = append(p.buf, silence[:]...)
	return p.send(now, s.src, s.dst, RTP, false)
}

// press sends one packet of the current event, or all its ends.
func (s *stream) press(p *player, now int64) error {
	if s.step == 0 {
		s.start = s.ts
	}
	s.step++
	s.talking = false
	times, end := 1, byte(0)
	if s.step > pressUpdates {
		times, end = pressEnds, 0x80
	}
	for range times {
		s.header(p, s.events, s.step == 1, s.start)
		p.buf = append(p.buf, code(s.presses[0].key), end|10)
		p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(s.step*tickSamples))
		if err := p.send(now, s.src, s.dst, RTP, false); err != nil {
			return err
		}
	}
	if end != 0 {
		s.text += string(s.presses[0].key)
		s.presses, s.step = s.presses[1:], 0
		p.want.DigitCount++
		p.progress.Digits.Add(1)
	}
	return nil
}

func code(key byte) byte {
	for i := range len(keys) {
		if keys[i] == key {
			return byte(i)
		}
	}
	panic("testkit: no such key")
}

// header starts p.buf with an RTP header.
func (s *stream) header(p *player, payloadType uint8, marker bool, ts uint32) {
	if marker {
		payloadType |= 0x80
	}
	b := append(p.buf[:0], 0x80, payloadType)
	b = binary.BigEndian.AppendUint16(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	p.buf = binary.BigEndian.AppendUint32(b, s.ssrc)
	s.seq++
}
