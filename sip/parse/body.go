package parse

import (
	"bytes"
	"strings"
)

// Bounds of multipart bodies: parts of one body, and bodies in bodies.
const (
	maxParts = 32
	maxDepth = 4
)

// readBody reads what a body of that Content-Type says about the call. Of
// several session descriptions the first one counts. depth is the number of
// multipart bodies around it.
func (p *Parser) readBody(m *Message, contentType string, body []byte, depth int) {
	mediaType, params, _ := strings.Cut(contentType, ";")
	mediaType = strings.TrimSpace(mediaType)
	switch {
	case len(body) == 0:
	case mediaType == "" && bytes.HasPrefix(skipEmptyLines(body), []byte("v=0")),
		fold(mediaType, "application/sdp"):
		if m.SDP == nil {
			m.SDP = p.readSDP(body)
		}
	case hasPrefixFold(mediaType, "multipart/"):
		if depth == maxDepth {
			p.stats.PartsCut++
			return
		}
		boundary, _ := param(params, "boundary")
		p.readParts(m, boundary, body, depth+1)
	case m.Request() && m.Method == INFO && isDTMF(mediaType) && m.Digit == 0:
		m.Digit = infoDigit(body)
	}
}

// readParts reads the parts of a multipart body (RFC 2046 section 5.1.1).
// Without a boundary parameter the first line that looks like one is taken.
func (p *Parser) readParts(m *Message, boundary string, body []byte, depth int) {
	if boundary == "" {
		line, _ := cutLine(skipEmptyLines(body))
		if !bytes.HasPrefix(line, []byte("--")) {
			return
		}
		boundary = string(trimRight(line[2:]))
	}
	_, rest, ok := cutPart(body, boundary)
	for n := 0; ok; n++ {
		if n == maxParts {
			p.stats.PartsCut++
			return
		}
		var part []byte
		part, rest, ok = cutPart(rest, boundary)
		contentType, content := partHeaders(part)
		p.readBody(m, contentType, content, depth)
	}
}

// cutPart splits b before and after its next delimiter line. more is false
// when no part follows: the delimiter was the closing one, or b was cut short,
// and then the part is what there is.
func cutPart(b []byte, boundary string) (part, rest []byte, more bool) {
	for at := 0; at < len(b); {
		line, after := cutLine(b[at:])
		if len(line) >= 2+len(boundary) && line[0] == '-' && line[1] == '-' &&
			string(line[2:2+len(boundary)]) == boundary {
			switch string(trimRight(line[2+len(boundary):])) {
			case "":
				return b[:at], after, true
			case "--":
				return b[:at], nil, false
			}
		}
		at = len(b) - len(after)
	}
	return b, nil, false
}

// partHeaders splits a body part into its Content-Type and its content. The
// default type, plain text, says as little as none.
func partHeaders(part []byte) (contentType string, content []byte) {
	var line, found []byte
	inside := false // of the Content-Type, when it is folded
	for len(part) > 0 {
		line, part = cutLine(part)
		if len(line) == 0 {
			return string(found), part
		}
		if isBlank(line[0]) {
			if inside {
				found = append(append(found, ' '), trim(line)...)
			}
			continue
		}
		colon := bytes.IndexByte(line, ':')
		inside = found == nil && colon > 0 && headerNamed(trimRight(line[:colon])) == hContentType
		if inside {
			found = append([]byte{}, trim(line[colon+1:])...)
		}
	}
	return string(found), nil
}

// isDTMF reports whether a body of that type is a digit: application/dtmf-relay,
// application/dtmf and vendors' variants of them.
func isDTMF(mediaType string) bool {
	return strings.Contains(strings.ToLower(mediaType), "dtmf")
}

// infoDigit reads the digit of an INFO body: "Signal=5" among other lines
// (application/dtmf-relay) or the digit alone (application/dtmf). It returns 0
// when there is none.
func infoDigit(body []byte) byte {
	for rest := body; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		name, val, ok := bytes.Cut(line, []byte("="))
		if ok && foldBytes(trim(name), "signal") {
			return digit(trim(val))
		}
	}
	return digit(bytes.TrimSpace(body))
}

// digit returns the digit that s names: itself, or the number of its RFC 4733
// event (10 and 11 for * and #, 12 to 15 for A to D, 16 for a hook flash).
func digit(s []byte) byte {
	const events = "0123456789*#ABCD!"
	if len(s) == 1 {
		c := s[0]
		if 'a' <= c && c <= 'd' {
			c -= 'a' - 'A'
		}
		if strings.IndexByte(events, c) >= 0 {
			return c
		}
	}
	if len(s) == 2 && s[0] == '1' && '0' <= s[1] && s[1] <= '6' {
		return events[10+s[1]-'0']
	}
	return 0
}

// hasPrefixFold reports whether s begins with lower in any case.
func hasPrefixFold(s, lower string) bool {
	return len(s) >= len(lower) && fold(s[:len(lower)], lower)
}
