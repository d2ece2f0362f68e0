package packet

import (
	"bytes"
	"strings"
)

// sipVerdict says whether bytes are a SIP start line.
type sipVerdict uint8

const (
	sipNo sipVerdict = iota + 1
	sipMaybe
	sipYes
)

const (
	sipLineMax   = 4096     // longest start line
	sipMethodMax = 32       // longest method
	sipSkipMax   = 16 << 20 // longest message that is skipped by its length
)

var sipMethods = [...]string{
	"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "PRACK",
	"UPDATE", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH",
}

// sipSchemes are the URI schemes that a Request-URI may begin with while its
// line is not complete; a complete line is judged by its end.
var sipSchemes = [...]string{"sip:", "sips:", "tel:", "urn:", "im:", "pres:"}

// sipStart tells whether b begins with a start line (RFC 3261 sections 7.1 and
// 7.2). sipMaybe means that b ends before that can be told. HTTP and RTSP
// share methods with SIP; the version at the end of the line decides.
func sipStart(b []byte) sipVerdict {
	if len(b) > 0 && b[0] == 'S' {
		if v := sipStatusLine(b); v != sipNo {
			return v
		}
	}
	i := 0
	for i < len(b) && i <= sipMethodMax && sipMethodByte(b[i]) {
		i++
	}
	if i == len(b) {
		return sipMethodPrefix(b)
	}
	if i == 0 || b[i] != ' ' {
		return sipNo
	}
	return sipRequestRest(b[i+1:])
}

func sipMethodByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func sipMethodPrefix(b []byte) sipVerdict {
	for _, m := range sipMethods {
		if strings.HasPrefix(m, string(b)) {
			return sipMaybe
		}
	}
	return sipNo
}

// sipRequestRest judges what follows the method.
func sipRequestRest(b []byte) sipVerdict {
	line := b[:min(len(b), sipLineMax)]
	if at := bytes.IndexByte(line, '\n'); at >= 0 {
		const version = " SIP/2.0"
		line = bytes.TrimRight(line[:at], "\r \t")
		at = len(line) - len(version)
		if at > 0 && bytes.EqualFold(line[at:], []byte(version)) {
			return sipYes
		}
		return sipNo
	}
	if len(b) >= sipLineMax {
		return sipNo
	}
	for _, scheme := range sipSchemes {
		n := min(len(b), len(scheme))
		if strings.EqualFold(string(b[:n]), scheme[:n]) {
			return sipMaybe
		}
	}
	return sipNo
}

// sipStatusLine judges a response's first bytes: the version and three digits.
func sipStatusLine(b []byte) sipVerdict {
	const version = "SIP/2.0 "
	n := min(len(b), len(version))
	if string(b[:n]) != version[:n] {
		return sipNo
	}
	for i := len(version); i < len(version)+3; i++ {
		if i >= len(b) {
			return sipMaybe
		}
		if b[i] < '0' || b[i] > '9' {
			return sipNo
		}
	}
	return sipYes
}

// sipFrame finds the end of a message. It remembers how far it got, so that a
// message in many small pieces is not read again for each.
type sipFrame struct {
	scan   int  // where the next header line begins
	head   int  // length of the start line and header; 0 until known
	length int  // Content-Length; -1 when there is none that can be used
	seen   bool // a Content-Length was there; the first one counts
	folded bool // its value is on the next line (RFC 3261 section 7.3.1)
}

// header reads lines up to the empty one. It reports whether the header is
// whole. Lines may end with a bare LF, as some devices send them.
func (f *sipFrame) header(b []byte) bool {
	if f.scan == 0 {
		f.length = -1
	}
	for f.head == 0 {
		at := bytes.IndexByte(b[f.scan:], '\n')
		if at < 0 {
			return false
		}
		line := b[f.scan : f.scan+at]
		f.scan += at + 1
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		switch {
		case len(line) == 0:
			f.head = f.scan
		case f.folded || !f.seen && (line[0]|0x20 == 'c' || line[0]|0x20 == 'l'):
			f.line(line)
		}
	}
	return true
}

// line reads a header line that may be Content-Length.
func (f *sipFrame) line(line []byte) {
	value := line
	if f.folded {
		f.folded = false
		if line[0] != ' ' && line[0] != '\t' {
			return
		}
	} else {
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return
		}
		switch name := bytes.TrimRight(line[:colon], " \t"); {
		case len(name) == 1 && name[0]|0x20 == 'l':
		case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
		default:
			return
		}
		f.seen = true
		value = line[colon+1:]
	}
	value = bytes.TrimSpace(value)
	f.folded = len(value) == 0
	f.length = sipLength(value)
}

// sipLength returns the number that b is, or -1.
func sipLength(b []byte) int {
	if len(b) == 0 || len(b) > 10 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

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

// sipBlank returns how many bytes of line ends b begins with.
func sipBlank(b []byte) int {
	for i, c := range b {
		if c != '\r' && c != '\n' {
			return i
		}
	}
	return len(b)
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
