package dtmf

import (
	"encoding/binary"

	"github.com/pion/rtp"

	"github.com/sipward/sipward/sip/parse"
)

const (
	eventLen = 4  // one telephone event (RFC 4733 section 2.3)
	maxEvent = 16 // 0-15 are the keys, 16 the hook flash (RFC 4733 section 3.2)
	endBit   = 1 << 7

	maxBlocks   = 16 // of one RFC 2198 packet; real ones have two or three
	blockHeader = 4  // bytes of a redundant block's header (RFC 2198 section 3)
	follows     = 1 << 7
)

// Types are the RTP payload types that the receiver of a flow negotiated for
// it. They differ per direction and need not be 101.
type Types struct {
	Events    parse.PayloadTypes // telephone-event (RFC 4733)
	Redundant parse.PayloadTypes // RED (RFC 2198), whose blocks may be events
}

// Counts are what a Detector has seen, over all flows.
type Counts struct {
	Packets   uint64 // of a telephone-event or RED type
	Presses   uint64
	Malformed uint64 // not RTP, or RED whose headers do not fit
	BadLength uint64 // event payloads that are empty, or not a multiple of 4 bytes
	BadEvent  uint64 // events above 16
	Unlikely  uint64 // several events that are not contiguous, or too many
}

// Detector turns RTP packets into presses. One serves any number of flows; it
// holds no state of a flow, only room to parse in. The zero value is ready. It
// is not safe for concurrent use.
type Detector struct {
	Counts Counts
	packet rtp.Packet
}

// Step takes one whole RTP packet of the flow of s and returns the number of
// presses that begin with it. With keep, they are kept in s. Packets
// of other payload types are ignored. The caller sees to it that the packet is
// complete and not encrypted: SRTP's ciphertext looks like events now and then.
// Step allocates only to keep a press.
func (d *Detector) Step(s *State, pkt []byte, types Types, keep bool) int {
	if len(pkt) < 2 {
		d.Counts.Malformed++
		return 0
	}
	// The marker shares its byte with the payload type.
	pt := pkt[1] & 0x7F
	event := types.Events.Has(pt)
	if !event && !types.Redundant.Has(pt) {
		return 0
	}
	d.Counts.Packets++
	if err := d.packet.Unmarshal(pkt); err != nil || d.packet.Version != 2 {
		d.Counts.Malformed++
		return 0
	}
	if event {
		return d.events(s, d.packet.Timestamp, d.packet.Payload, keep)
	}
	return d.redundant(s, types.Events, keep)
}

// events takes an event payload: one event, or several contiguous ones, each
// starting where the one before it ended (RFC 4733 section 2.5.1).
func (d *Detector) events(s *State, ts uint32, payload []byte, keep bool) int {
	if !d.plausible(payload) {
		return 0
	}
	presses := 0
	for ; len(payload) > 0; payload = payload[eventLen:] {
		event, dur := payload[0], binary.BigEndian.Uint16(payload[2:])
		if s.add(d.packet.SSRC, ts, event, dur, payload[1]&endBit != 0) {
			presses++
			if keep {
				s.keep(ts, event)
			}
		}
		ts += uint32(dur)
	}
	d.Counts.Presses += uint64(presses)
	return presses
}

// plausible checks a whole payload before any of it counts. Only the last of
// several events can still be in progress.
func (d *Detector) plausible(payload []byte) bool {
	if len(payload) == 0 || len(payload)%eventLen != 0 {
		d.Counts.BadLength++
		return false
	}
	if len(payload) > remembered*eventLen {
		d.Counts.Unlikely++
		return false
	}
	for p := payload; len(p) > 0; p = p[eventLen:] {
		if p[0] > maxEvent {
			d.Counts.BadEvent++
			return false
		}
		open := p[1]&endBit == 0 || binary.BigEndian.Uint16(p[2:]) == 0
		if open && len(p) > eventLen {
			d.Counts.Unlikely++
			return false
		}
	}
	return true
}

// redundant takes the event blocks out of an RFC 2198 payload, oldest first,
// which is their order in the packet.
func (d *Detector) redundant(s *State, events parse.PayloadTypes, keep bool) int {
	headers, data, ok := splitRED(d.packet.Payload)
	if !ok {
		d.Counts.Malformed++
		return 0
	}
	presses := 0
	for len(headers) > 0 {
		pt, ts, n := headers[0]&0x7F, d.packet.Timestamp, len(data)
		if headers[0]&follows != 0 {
			word := binary.BigEndian.Uint32(headers)
			ts -= word >> 10 & 0x3FFF
			n = int(word & 0x3FF)
			headers = headers[blockHeader:]
		} else {
			headers = headers[1:]
		}
		// An empty block says that there is nothing to repeat.
		if n > 0 && events.Has(pt) {
			presses += d.events(s, ts, data[:n], keep)
		}
		data = data[n:]
	}
	return presses
}

// splitRED parts an RFC 2198 payload into headers and block data, and reports
// whether the lengths in the headers fit the data.
func splitRED(payload []byte) (headers, data []byte, ok bool) {
	at, need := 0, 0
	for blocks := 0; ; blocks++ {
		if at >= len(payload) || blocks > maxBlocks {
			return nil, nil, false
		}
		if payload[at]&follows == 0 {
			at++
			break
		}
		if at+blockHeader > len(payload) {
			return nil, nil, false
		}
		need += int(binary.BigEndian.Uint32(payload[at:]) & 0x3FF)
		at += blockHeader
	}
	if need > len(payload)-at {
		return nil, nil, false
	}
	return payload[:at], payload[at:], true
}

// Event reports whether payload is exactly one valid event. It is what a guess
// at an unannounced payload type goes by.
func Event(payload []byte) bool {
	return len(payload) == eventLen && payload[0] <= maxEvent
}
