package packet

import "bytes"

// sipSkipMax is the longest message that is skipped by its length.
const sipSkipMax = 16 << 20

// feed reads messages from b, the bytes that come next in st, and returns how
// many bytes it is done with. What is left is the beginning of a message.
func (s *Streams) feed(st *stream, b []byte, emit func(*Packet)) int {
	at := 0
	for at < len(b) {
		n, more := s.step(st, b[at:], emit)
		at += n
		if more {
			break
		}
	}
	return at
}

// step reads one message, or whatever else st.mode says comes next. It returns
// how many bytes it took and whether it needs more of them; taking none without
// needing more means that the mode changed.
func (s *Streams) step(st *stream, b []byte, emit func(*Packet)) (n int, more bool) {
	if st.skip > 0 {
		n = min(st.skip, len(b))
		st.skip -= n
		s.stats.Discarded += uint64(n)
		return n, false
	}
	switch st.mode {
	case streamSIP:
		return s.stepSIP(st, b, emit)
	case streamSeek:
		return s.seek(st, b)
	case streamHTTP:
		return s.stepHTTP(st, b)
	case streamWS:
		return s.stepWS(st, b, emit)
	case streamWSSeek:
		return s.seekWS(st, b)
	}
	panic("packet: stream without a mode")
}

func (s *Streams) stepSIP(st *stream, b []byte, emit func(*Packet)) (n int, more bool) {
	f := &st.frame
	if f.scan == 0 {
		if n := sipBlank(b); n > 0 {
			s.stats.KeepAlives++
			return n, false
		}
		switch sipStart(b) {
		case sipNo:
			return 0, !s.notSIP(st, b)
		case sipMaybe:
			return 0, true
		case sipYes:
			s.prove(st)
		}
	}
	if !f.header(b) {
		if len(b) < s.lim.Pending {
			return 0, true
		}
		return s.tooLong(st, len(b)), false
	}
	if f.length < 0 {
		n = s.unframed(b, f.head)
	} else if n = f.head + f.length; n > s.lim.Pending {
		return s.tooLong(st, f.head), false
	}
	if n > len(b) {
		return 0, true
	}
	*f = sipFrame{}
	s.deliver(st, b[:n], TCP, false, emit)
	return n, false
}

// notSIP decides about bytes at a message boundary that are no start line. It
// reports whether the mode changed; if not, more bytes are needed.
func (s *Streams) notSIP(st *stream, b []byte) bool {
	if !st.proven {
		switch httpStart(b) {
		case sipYes:
			st.mode = streamHTTP
			return true
		case sipMaybe:
			return false
		case sipNo:
		}
	}
	s.desync(st)
	return true
}

// prove notes that st carries SIP.
func (s *Streams) prove(st *stream) {
	if !st.proven {
		st.proven = true
		s.stats.Opened++
	}
}

// tooLong gets rid of a message above the bound, of which n bytes can be
// dropped now. With a known length it is skipped and the stream stays in step.
func (s *Streams) tooLong(st *stream, n int) int {
	s.stats.TooLong++
	f := st.frame
	st.frame = sipFrame{}
	if f.head > 0 && f.length >= 0 && f.length <= sipSkipMax {
		st.skip = f.head + f.length
		return 0
	}
	s.desync(st)
	s.stats.Discarded += uint64(n)
	return n
}

// unframed returns the length of the message in b whose header, head bytes
// long, has no usable Content-Length. On a stream that means no body (RFC 3261
// section 18.3). Senders that leave it out and send a body all the same put
// both in one segment: what follows and is neither a start line nor a
// keep-alive is taken for the body, up to the next start line.
func (s *Streams) unframed(b []byte, head int) int {
	s.stats.NoLength++
	if sipBlank(b[head:]) > 0 {
		return head
	}
	for at := head; at < len(b); {
		if sipStart(b[at:]) != sipNo {
			return at
		}
		lf := bytes.IndexByte(b[at:], '\n')
		if lf < 0 {
			break
		}
		at += lf + 1
	}
	return len(b)
}

// seek looks for a start line at the beginning of b and after each line end.
// b begins at a segment, after a hole, or at a line.
func (s *Streams) seek(st *stream, b []byte) (n int, more bool) {
	at := 0
	for at < len(b) {
		v := sipStart(b[at:])
		if v == sipYes {
			st.mode = streamSIP
		}
		if v != sipNo {
			s.stats.Discarded += uint64(at)
			return at, v == sipMaybe
		}
		lf := bytes.IndexByte(b[at:], '\n')
		if lf < 0 {
			break
		}
		at += lf + 1
	}
	s.stats.Discarded += uint64(len(b))
	return len(b), false
}

// deliver hands out one message.
func (s *Streams) deliver(st *stream, b []byte, t Transport, truncated bool, emit func(*Packet)) {
	s.stats.Messages++
	s.out = Packet{
		Time: st.at, Src: st.key.src, Dst: st.key.dst, Payload: b, Iface: st.iface,
		Transport: t, Whole: true, Truncated: truncated,
	}
	emit(&s.out)
}
