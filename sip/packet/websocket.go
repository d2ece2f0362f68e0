package packet

import (
	"encoding/binary"
	"math"
)

// SIP over WebSocket (RFC 7118) as a switch receives it in clear, from its own
// HTTP server or a TLS proxy before it.

// WebSocket opcodes (RFC 6455 section 11.8).
const (
	wsContinuation = 0x0
	wsText         = 0x1
	wsBinary       = 0x2
	wsClose        = 0x8
	wsPong         = 0xa
)

// wsFrame is the header of a WebSocket frame (RFC 6455 section 5.2).
type wsFrame struct {
	opcode byte
	fin    bool
	packed bool // a reserved bit is set: an extension changed the payload
	masked bool
	mask   [4]byte
	head   int // bytes of header
	length int // bytes of payload
}

// wsHeader reads a frame header. sipMaybe means that b is too short, sipNo
// that it is none.
func wsHeader(b []byte) (f wsFrame, v sipVerdict) {
	if len(b) < 2 {
		return f, sipMaybe
	}
	f.opcode, f.fin, f.packed, f.masked = b[0]&0xf, b[0]&0x80 != 0, b[0]&0x70 != 0, b[1]&0x80 != 0
	control := f.opcode >= wsClose
	if f.opcode > wsBinary && !control || f.opcode > wsPong || control && (!f.fin || b[1]&0x7f > 125) {
		return f, sipNo
	}
	f.head, f.length = 2, int(b[1]&0x7f)
	switch f.length {
	case 126:
		f.head = 4
	case 127:
		f.head = 10
	}
	size := f.head
	if f.masked {
		f.head += 4
	}
	if len(b) < f.head {
		return f, sipMaybe
	}
	switch f.length {
	case 126:
		f.length = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		f.length = int(min(binary.BigEndian.Uint64(b[2:]), math.MaxInt32))
	}
	if f.masked {
		copy(f.mask[:], b[size:])
	}
	return f, sipYes
}

// stepWS reads one frame.
func (s *Streams) stepWS(st *stream, b []byte, emit func(*Packet)) (n int, more bool) {
	f, v := wsHeader(b)
	switch v {
	case sipMaybe:
		return 0, true
	case sipNo:
		s.stats.WSOther++
		s.dropMessage(st)
		s.desync(st)
		return 0, false
	case sipYes:
	}
	n = f.head + f.length
	if n > s.lim.Pending {
		s.stats.TooLong++
		s.dropMessage(st)
		st.packed = !f.fin
		if f.length > sipSkipMax {
			s.desync(st)
			s.stats.Discarded += uint64(len(b))
			return len(b), false
		}
		st.skip = n
		return 0, false
	}
	if len(b) < n {
		return 0, true
	}
	if f.opcode < wsClose {
		s.wsData(st, &f, b[f.head:n], emit)
	}
	return n, false
}

// wsData takes the payload of a data frame: a message, or a fragment of one
// (RFC 6455 section 5.4).
func (s *Streams) wsData(st *stream, f *wsFrame, b []byte, emit func(*Packet)) {
	if f.opcode != wsContinuation {
		if len(st.message) > 0 {
			s.stats.WSOther++
			s.dropMessage(st)
		}
		st.packed = f.packed
		if f.packed {
			s.stats.WSPacked++
		}
	}
	if st.packed {
		st.packed = !f.fin
		return
	}
	b = s.unmask(f, b)
	if f.fin && len(st.message) == 0 {
		s.wsMessage(st, b, emit)
		return
	}
	room := len(st.message)+len(b) <= s.lim.Pending
	if room {
		st.message, room = s.room(st, st.message, len(st.message)+len(b))
	}
	if !room {
		s.stats.TooLong++
		s.dropMessage(st)
		st.packed = !f.fin
		return
	}
	st.message = append(st.message, b...)
	if f.fin {
		s.wsMessage(st, st.message, emit)
		s.recycle(st.message)
		st.message = nil
	}
}

// dropMessage throws away the fragments so far.
func (s *Streams) dropMessage(st *stream) {
	s.stats.Discarded += uint64(len(st.message))
	s.recycle(st.message)
	st.message = nil
}

// unmask returns the payload in clear (RFC 6455 section 5.3). The frame it
// lies in is not ours to change.
func (s *Streams) unmask(f *wsFrame, b []byte) []byte {
	if !f.masked {
		return b
	}
	s.scratch = append(s.scratch[:0], b...)
	b = s.scratch
	m := uint64(binary.LittleEndian.Uint32(f.mask[:]))
	m |= m << 32
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^m)
	}
	for i := range b {
		b[i] ^= f.mask[i&3]
	}
	return s.scratch
}

// wsMessage hands out a WebSocket message, which is one SIP message or a
// keep-alive (RFC 7118 sections 4.2 and 6).
func (s *Streams) wsMessage(st *stream, b []byte, emit func(*Packet)) {
	b = b[sipBlank(b):]
	switch {
	case len(b) == 0:
		s.stats.KeepAlives++
	case sipStart(b) == sipYes:
		s.deliver(st, b, WS, false, emit)
	default:
		s.stats.WSOther++
		s.stats.Discarded += uint64(len(b))
	}
}

// sniffWS tells whether b begins with an unfragmented WebSocket frame that
// holds SIP: a connection joined in the middle, which shows no upgrade.
func sniffWS(b []byte) sipVerdict {
	const enough = 14 // REGISTER sip:, SUBSCRIBE sip
	if len(b) == 0 || b[0] != 0x80|wsText && b[0] != 0x80|wsBinary {
		return sipNo
	}
	f, v := wsHeader(b)
	if v != sipYes {
		return v
	}
	if f.length < enough {
		return sipNo
	}
	if len(b) < f.head+enough {
		return sipMaybe
	}
	var start [enough]byte
	copy(start[:], b[f.head:])
	if f.masked {
		for i := range start {
			start[i] ^= f.mask[i&3]
		}
	}
	if sipStart(start[:]) == sipNo {
		return sipNo
	}
	return sipYes
}

// seekWS goes on at a segment that begins with a frame of SIP.
func (s *Streams) seekWS(st *stream, b []byte) (n int, more bool) {
	switch sniffWS(b) {
	case sipYes:
		st.mode = streamWS
		return 0, false
	case sipMaybe:
		return 0, true
	case sipNo:
	}
	s.stats.Discarded += uint64(len(b))
	return len(b), false
}
