package packet

import (
	"bytes"
	"encoding/binary"
	"math"
)

// SIP over WebSocket (RFC 7118) as a switch receives it in clear, from its own
// HTTP server or a TLS proxy before it.

// httpHeaderMax bounds the header of an upgrade; browsers send cookies in it.
const httpHeaderMax = 8 << 10

// httpStart tells whether b begins like the request or the answer that opens a
// WebSocket (RFC 6455 sections 4.1 and 4.2.2).
func httpStart(b []byte) sipVerdict {
	for _, start := range [...]string{"GET ", "HTTP/1.1 101"} {
		n := min(len(b), len(start))
		if string(b[:n]) != start[:n] {
			continue
		}
		if n < len(start) {
			return sipMaybe
		}
		return sipYes
	}
	return sipNo
}

// stepHTTP reads the header of an upgrade. A connection that does not become a
// SIP WebSocket is left for good.
func (s *Streams) stepHTTP(st *stream, b []byte) (n int, more bool) {
	end := bytes.Index(b[:min(len(b), httpHeaderMax)], []byte("\r\n\r\n"))
	if end < 0 && len(b) < httpHeaderMax {
		return 0, true
	}
	if end < 0 || !s.upgrades(st, b[:end]) {
		s.desync(st)
		s.stats.Discarded += uint64(len(b))
		return len(b), false
	}
	s.prove(st)
	s.stats.WebSockets++
	st.mode = streamWS
	return end + 4, false
}

// upgrades reports whether header turns the connection into a SIP WebSocket:
// Upgrade: websocket, with the sip subprotocol (RFC 7118 section 4.1). An
// answer that names no subprotocol counts if the request asked for sip.
func (s *Streams) upgrades(st *stream, header []byte) bool {
	upgrade := httpHas(header, "Upgrade", "websocket")
	protocol, named := httpHeader(header, "Sec-WebSocket-Protocol")
	if !upgrade || named {
		return upgrade && httpToken(protocol, "sip")
	}
	asked := s.index[streamKey{st.key.dst, st.key.src}]
	return header[0] == 'H' && asked != nil && asked.mode == streamWS
}

func httpHas(header []byte, name, token string) bool {
	v, ok := httpHeader(header, name)
	return ok && httpToken(v, token)
}

// httpHeader returns the value of the first header called name.
func httpHeader(header []byte, name string) ([]byte, bool) {
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return line[len(name)+1:], true
		}
	}
	return nil, false
}

// httpToken reports whether the comma-separated list v contains token.
func httpToken(v []byte, token string) bool {
	for part := range bytes.SplitSeq(v, []byte(",")) {
		if bytes.EqualFold(bytes.TrimSpace(part), []byte(token)) {
			return true
		}
	}
	return false
}

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
