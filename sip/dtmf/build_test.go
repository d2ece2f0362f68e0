package dtmf

import (
	"encoding/binary"

	"github.com/sipward/sipward/sip/parse"
)

const (
	eventPT = 101
	redPT   = 121
	audioPT = 0
)

var negotiated = Types{Events: set(eventPT), Redundant: set(redPT)}

func set(pts ...uint8) (s parse.PayloadTypes) {
	for _, pt := range pts {
		s.Add(pt)
	}
	return s
}

// sent describes one RTP packet with one event.
type sent struct {
	ssrc   uint32
	ts     uint32
	seq    uint16
	event  uint8
	dur    uint16
	end    bool
	marker bool
	pt     uint8 // 0: eventPT
}

func (p sent) bytes() []byte {
	pt := p.pt
	if pt == 0 {
		pt = eventPT
	}
	return raw(pt, p.marker, p.seq, p.ts, p.ssrc, one(p.event, p.dur, p.end))
}

// raw builds an RTP packet.
func raw(pt uint8, marker bool, seq uint16, ts, ssrc uint32, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, payload...)
}

// one builds one telephone event at -10 dBm0.
func one(event uint8, dur uint16, end bool) []byte {
	b := []byte{event, 10, byte(dur >> 8), byte(dur)}
	if end {
		b[1] |= 0x80
	}
	return b
}

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// keyPress is all packets of a press as RFC 4733 section 2.5.1 has them: one
// each 20 ms, and the last one three times with one sequence number, as real
// senders do it.
func keyPress(ssrc, ts uint32, seq uint16, event uint8, steps int) (out []sent) {
	for i := range steps {
		out = append(out, sent{ssrc: ssrc, ts: ts, seq: seq, event: event, dur: uint16(160 * (i + 1)), marker: i == 0})
		seq++
	}
	for range 3 {
		out = append(out, sent{ssrc: ssrc, ts: ts, seq: seq, event: event, dur: uint16(160 * (steps + 1)), end: true})
	}
	return out
}

// red builds an RFC 2198 payload: redundant blocks, then the primary one.
type block struct {
	pt     uint8
	offset uint32
	data   []byte
}

func red(blocks ...block) []byte {
	var head, data []byte
	for i, b := range blocks {
		if i < len(blocks)-1 {
			head = binary.BigEndian.AppendUint32(head, 1<<31|uint32(b.pt)<<24|b.offset<<10|uint32(len(b.data)))
		} else {
			head = append(head, b.pt)
		}
		data = append(data, b.data...)
	}
	return append(head, data...)
}
