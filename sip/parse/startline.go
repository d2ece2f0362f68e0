package parse

import "bytes"

// minMessage is less than the shortest start line ("A b: SIP/2.0", "SIP/2.0 200").
const minMessage = 11

// maxMethod bounds a method name; the longest in RFC 4475 has 43 bytes.
const maxMethod = 255

// IsSIP reports whether payload begins with a SIP start line: a method token,
// something, and a SIP version, or a SIP version and a status code. Empty
// lines before it are skipped (RFC 3261 section 7.5). It looks at the first
// line only and costs a few nanoseconds for anything else. It accepts
// everything that tshark's heuristic does and a little more, which Parse then
// names malformed.
func IsSIP(payload []byte) bool {
	if len(payload) < minMessage {
		return false
	}
	if !tokens[payload[0]] {
		payload = skipEmptyLines(payload)
		if len(payload) < minMessage || !tokens[payload[0]] {
			return false
		}
	}
	if isVersion(payload) {
		return payload[7] == ' ' && isDigit(payload[8])
	}
	line, _ := cutLine(payload)
	for len(line) > 0 && isBlank(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	// The version is looked at first: hardly anything else ends in one.
	at := len(line) - len("SIP/2.0")
	if at < len("M u ") || line[at-1] != ' ' || !isVersion(line[at:]) {
		return false
	}
	n := methodLen(line)
	return n > 0 && n < at-1
}

// startLine is a SIP/2.0 start line taken apart; status is 0 for a request.
type startLine struct {
	method, uri []byte
	status      uint16
	phrase      []byte
}

// parseStartLine takes the first line apart as RFC 3261 section 25.1 writes it,
// with single spaces: a line with more is refused by switches and tshark too.
// Only a missing reason phrase is forgiven with its space.
func parseStartLine(line []byte) (startLine, error) {
	if isVersion(line) {
		return parseStatusLine(line)
	}
	n := methodLen(line)
	last := bytes.LastIndexByte(line, ' ')
	if n == 0 || last <= n+1 || !isVersion(line[last+1:]) || len(line) != last+1+len("SIP/2.0") {
		return startLine{}, ErrStartLine
	}
	s := startLine{method: line[:n], uri: line[n+1 : last]}
	if bytes.IndexByte(s.uri, ' ') >= 0 {
		return startLine{}, ErrStartLine
	}
	if !isVersion2(line[last+1:]) {
		return startLine{}, ErrVersion
	}
	return s, nil
}

func parseStatusLine(line []byte) (startLine, error) {
	if !isVersion2(line) {
		return startLine{}, ErrVersion
	}
	const code = len("SIP/2.0 ")
	if len(line) < code+3 || line[code-1] != ' ' || len(line) > code+3 && line[code+3] != ' ' {
		return startLine{}, ErrStartLine
	}
	var s startLine
	for _, c := range line[code : code+3] {
		if !isDigit(c) {
			return startLine{}, ErrStartLine
		}
		s.status = s.status*10 + uint16(c-'0')
	}
	if s.status == 0 {
		return startLine{}, ErrStartLine
	}
	s.phrase = bytes.TrimSpace(line[code+3:])
	return s, nil
}

// methodLen returns the length of the method that b begins with, 0 when no
// space follows it. Only its first byte must be one of a token: what follows
// is the server's to refuse.
func methodLen(b []byte) int {
	if len(b) == 0 || !tokens[b[0]] {
		return 0
	}
	for i, c := range b[:min(len(b), maxMethod+1)] {
		if c == ' ' {
			return i
		}
		if c < ' ' {
			return 0
		}
	}
	return 0
}

// isVersion reports whether b begins with "SIP/d.d".
func isVersion(b []byte) bool {
	return len(b) >= 7 && b[3] == '/' && b[5] == '.' && isDigit(b[4]) && isDigit(b[6]) &&
		b[0]|0x20 == 's' && b[1]|0x20 == 'i' && b[2]|0x20 == 'p'
}

// isVersion2 reports whether b, known to begin with a version, begins with 2.0.
func isVersion2(b []byte) bool { return b[4] == '2' && b[6] == '0' }

func isDigit(c byte) bool { return c-'0' <= 9 }

// tokens marks the bytes of a token (RFC 3261 section 25.1).
var tokens = func() (t [256]bool) {
	for c := range t {
		t[c] = isDigit(byte(c)) || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	for _, c := range []byte("-.!%*_+`'~") {
		t[c] = true
	}
	return t
}()

// skipEmptyLines returns b without the CRs and LFs that it begins with.
func skipEmptyLines(b []byte) []byte {
	i := 0
	for i < len(b) && (b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return b[i:]
}

// cutLine splits b after its first line, which it returns without its line
// end: CRLF, bare LF, LF after several CRs, or the end of b.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		n, rest = len(b), b[len(b):]
	} else {
		rest = b[n+1:]
	}
	for n > 0 && b[n-1] == '\r' {
		n--
	}
	return b[:n], rest
}

// methodNamed returns the method of that name. RFC 3261 compares methods with
// case, many servers do not, and neither do we.
func methodNamed(name []byte) Method {
	if m := methodExact(name); m != OtherMethod || len(name) > len("SUBSCRIBE") {
		return m
	}
	var upper [len("SUBSCRIBE")]byte
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	return methodExact(upper[:len(name)])
}

func methodExact(name []byte) Method {
	switch string(name) {
	case "INVITE":
		return INVITE
	case "ACK":
		return ACK
	case "BYE":
		return BYE
	case "CANCEL":
		return CANCEL
	case "REGISTER":
		return REGISTER
	case "OPTIONS":
		return OPTIONS
	case "INFO":
		return INFO
	case "PRACK":
		return PRACK
	case "UPDATE":
		return UPDATE
	case "REFER":
		return REFER
	case "SUBSCRIBE":
		return SUBSCRIBE
	case "NOTIFY":
		return NOTIFY
	case "MESSAGE":
		return MESSAGE
	case "PUBLISH":
		return PUBLISH
	}
	return OtherMethod
}
