package parse

import "bytes"

// header is a header field that Sipward reads.
type header uint8

// The headers that are read; the zero value is every other one.
const (
	otherHeader header = iota
	hVia
	hFrom
	hTo
	hCallID
	hCSeq
	hContact
	hExpires
	hSessionExpires
	hReason
	hAuthorization
	hUserAgent
	hServer
	hContentType
	hContentLength
)

// maxHeaders bounds the header lines that are looked at. Real messages have
// ten to forty; the longest that RFC 4475 asks for has thirty-six.
const maxHeaders = 256

// value is one header value: a range of the parser's text.
type value struct {
	header     header
	start, end int
}

// collect walks the header lines of b once, copies the values that are read,
// unfolded and trimmed, to p.scratch, lists them in p.values, and returns what
// follows the empty line.
func (p *Parser) collect(b []byte) (body []byte) {
	p.scratch, p.values = p.scratch[:0], p.values[:0]
	var line []byte
	for n := 0; len(b) > 0; n++ {
		line, b = cutLine(b)
		if len(line) == 0 {
			return b
		}
		if n == maxHeaders {
			p.stats.HeadersCut++
			p.cut = true
			return afterHeaders(b)
		}
		colon := bytes.IndexByte(line, ':')
		h := otherHeader
		if colon > 0 {
			h = headerNamed(trimRight(line[:colon]))
		}
		start := len(p.scratch)
		if h != otherHeader {
			p.scratch = append(p.scratch, trim(line[colon+1:])...)
		}
		// Folded lines belong to the value (RFC 3261 section 7.3.1).
		for len(b) > 0 && isBlank(b[0]) {
			line, b = cutLine(b)
			if h != otherHeader {
				p.unfold(trim(line), start)
			}
		}
		if h != otherHeader {
			p.values = append(p.values, value{h, start, len(p.scratch)})
		}
	}
	return nil
}

// unfold appends the next line of a folded value, which began at start.
func (p *Parser) unfold(line []byte, start int) {
	if len(p.scratch) > start && len(line) > 0 {
		p.scratch = append(p.scratch, ' ')
	}
	p.scratch = append(p.scratch, line...)
}

// afterHeaders returns what follows the first empty line of b.
func afterHeaders(b []byte) []byte {
	var line []byte
	for len(b) > 0 {
		if line, b = cutLine(b); len(line) == 0 {
			return b
		}
	}
	return nil
}

// headerNamed returns the header of that name, in long or compact form
// (RFC 3261 section 7.3.3, RFC 4028 section 4).
func headerNamed(name []byte) header {
	switch len(name) {
	case 1:
		return headerCompact(name[0])
	case 2:
		return headerIf(name, "to", hTo)
	case 3:
		return headerIf(name, "via", hVia)
	case 4:
		return max(headerIf(name, "from", hFrom), headerIf(name, "cseq", hCSeq))
	case 6:
		return max(headerIf(name, "reason", hReason), headerIf(name, "server", hServer))
	case 7:
		return max(headerIf(name, "call-id", hCallID), headerIf(name, "contact", hContact),
			headerIf(name, "expires", hExpires))
	case 10:
		return headerIf(name, "user-agent", hUserAgent)
	case 12:
		return headerIf(name, "content-type", hContentType)
	case 13:
		return headerIf(name, "authorization", hAuthorization)
	case 14:
		return headerIf(name, "content-length", hContentLength)
	case 15:
		return headerIf(name, "session-expires", hSessionExpires)
	case 19:
		return headerIf(name, "proxy-authorization", hAuthorization)
	}
	return otherHeader
}

func headerCompact(c byte) header {
	switch c | 0x20 {
	case 'v':
		return hVia
	case 'f':
		return hFrom
	case 't':
		return hTo
	case 'i':
		return hCallID
	case 'm':
		return hContact
	case 'x':
		return hSessionExpires
	case 'c':
		return hContentType
	case 'l':
		return hContentLength
	}
	return otherHeader
}

func headerIf(name []byte, lower string, h header) header {
	if foldBytes(name, lower) {
		return h
	}
	return otherHeader
}

// foldBytes reports whether b is lower in any case; lower is lower-case ASCII.
func foldBytes(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c != lower[i] && (c < 'A' || c > 'Z' || c|0x20 != lower[i]) {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// trim removes blanks around b; stray CRs count as blanks.
func trim(b []byte) []byte {
	for len(b) > 0 && (isBlank(b[0]) || b[0] == '\r') {
		b = b[1:]
	}
	return trimRight(b)
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (isBlank(b[len(b)-1]) || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
