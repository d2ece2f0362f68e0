package packet

import "bytes"

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
