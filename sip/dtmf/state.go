// Package dtmf reads key presses from RTP telephone events (RFC 4733, which
// replaced RFC 2833), each press exactly once. It is pure: no IO, no clock.
//
// A press is (flow, SSRC, RTP timestamp, event). The marker bit, the end bit
// and the sequence number do not take part: the first is lost with the first
// packet, the second with the last ones, and real senders repeat one sequence
// number in all three end packets. So every packet of a press names the press,
// and any one that arrives is enough.
package dtmf

// MaxDigits is how many presses a State keeps; the count goes on beyond it.
const MaxDigits = 1024

const (
	// remembered is the number of presses a State can recognize again. It is
	// also the most that one packet may carry, so that a repeated packet always
	// finds all its presses remembered. At the fastest dialing in use (100 ms a
	// digit) it covers a packet that is late by 800 ms.
	remembered = 8
	// segment is the longest duration the field can hold. A longer press goes
	// on in a segment with a new timestamp (RFC 4733 section 2.5.1.3).
	segment = 0xFFFF
	// maxSegments is how many segments may be missing between two of one press.
	maxSegments = 4
	// nearSegment is where senders that count in whole packets stop short of
	// 0xFFFF: half a second at 8 kHz below it.
	nearSegment = segment - 4000
)

// alphabet maps events 0-16 to digits (RFC 4733 section 3.2); 16 is the hook
// flash.
const alphabet = "0123456789*#ABCD!"

// press is one press, or one segment of a long one.
type press struct {
	ts    uint32
	dur   uint16 // longest duration reported, in timestamp units
	event uint8
	flags uint8 // slot of the SSRC, and the bits below
}

const (
	slotMask = 1 << 0
	inUse    = 1 << 1
	ended    = 1 << 2
)

// Press is one press that was kept: within a stream, timestamp and digit tell
// it from all others.
type Press struct {
	Timestamp uint32
	Digit     byte // one of 0-9*#A-D!
}

// State is what is known of one flow's presses. The zero value is ready. It is
// not safe for concurrent use. It takes 104 bytes and the kept presses.
type State struct {
	kept    []Press
	presses [remembered]press
	ssrc    [2]uint32 // the current one and the one before
	count   uint32
	next    uint8 // where the next press goes, over the oldest
	slots   uint8 // how many of ssrc are in use
	current uint8 // index into ssrc
}

// Count returns the number of presses so far.
func (s *State) Count() int { return int(s.count) }

// Kept returns the kept presses in the order of each one's first packet seen,
// at most MaxDigits. It is empty when they were not to be kept, and valid until
// the next press.
func (s *State) Kept() []Press { return s.kept }

// Digits returns the digits of the kept presses.
func (s *State) Digits() string {
	b := make([]byte, len(s.kept))
	for i := range s.kept {
		b[i] = s.kept[i].Digit
	}
	return string(b)
}

// add takes one event of one packet and reports whether it begins a press.
func (s *State) add(ssrc, ts uint32, event uint8, dur uint16, end bool) bool {
	slot := s.slot(ssrc)
	linked := false
	for i := range s.presses {
		r := &s.presses[i]
		if r.flags&(inUse|slotMask) != inUse|slot || r.event != event {
			continue
		}
		if r.ts == ts {
			r.dur = max(r.dur, dur)
			if end {
				r.flags |= ended
			}
			return false
		}
		linked = linked || continues(r, ts) || precedes(r, ts, end)
	}
	r := press{ts: ts, dur: dur, event: event, flags: inUse | slot}
	if end {
		r.flags |= ended
	}
	s.presses[s.next] = r
	s.next = (s.next + 1) % remembered
	if linked {
		return false
	}
	s.count++
	return true
}

// continues reports whether a segment that starts at ts belongs to the press
// of r: it starts where a maximal duration ended, and r never ended. The exact
// step is accepted even if the packet that reported it was lost.
func continues(r *press, ts uint32) bool {
	if r.flags&ended != 0 {
		return false
	}
	step := ts - r.ts
	if r.dur >= nearSegment && step == uint32(r.dur) {
		return true
	}
	return step <= maxSegments*segment && step%segment == 0
}

// precedes is continues for a packet that was overtaken: the segment at ts was
// sent before r.
func precedes(r *press, ts uint32, end bool) bool {
	step := r.ts - ts
	return !end && step <= maxSegments*segment && step%segment == 0
}

// slot returns the flag bit of ssrc and forgets the presses of the SSRC that
// it displaces. Two are kept because packets of an old SSRC can be overtaken
// by the first of the new one.
func (s *State) slot(ssrc uint32) uint8 {
	if s.slots > 0 && s.ssrc[s.current] == ssrc {
		return s.current
	}
	other := s.current ^ 1
	switch {
	case s.slots == 2 && s.ssrc[other] == ssrc:
		s.current = other
		return other
	case s.slots == 0:
		other = 0
	}
	if s.slots < 2 {
		s.slots++
	}
	for i := range s.presses {
		if s.presses[i].flags&slotMask == other {
			s.presses[i].flags = 0
		}
	}
	s.ssrc[other], s.current = ssrc, other
	return other
}

// keep keeps the press of event at ts.
func (s *State) keep(ts uint32, event uint8) {
	if len(s.kept) < MaxDigits {
		s.kept = append(s.kept, Press{ts, alphabet[event]})
	}
}
