package packet

import "bytes"

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
