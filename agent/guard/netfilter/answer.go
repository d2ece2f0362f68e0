package netfilter

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
)

// Bounds of what is answered. A REGISTER beyond them is dropped without an
// answer: no phone sends one.
const (
	maxVias        = 32
	maxHeaderLines = 256
	// maxAnswer keeps every answer below the smallest MTU of IPv6 (RFC 8200
	// section 5), less 40 bytes of IPv6 and 8 of UDP: it is never fragmented.
	maxAnswer = 1280 - 40 - 8
	// maxGrowth is what an answer may have more than its request: received,
	// rport, a tag and the status line. Who forges a source address gains nothing.
	maxGrowth = 128
	// viaPort is the port of a sent-by without one (RFC 3261 section 18.1.1).
	viaPort = 5060
)

// answerer makes the answers to refused REGISTERs. It keeps buffers and is not
// safe for concurrent use.
type answerer struct {
	key  [32]byte // of the tags
	req  request
	via  []byte // the topmost Via, unfolded
	hash []byte
	out  []byte
}

// request is what an answer copies. The values alias the payload, and may be
// folded over several lines.
type request struct {
	vias                   [maxVias][]byte
	n                      int // vias in use
	from, to, callID, cseq []byte
}

// answer returns a bare 403 to the REGISTER in payload, which came from src,
// and the port at src's address that it goes to (RFC 3581 section 4, RFC 3261
// section 18.2.2). It reports false when there is nothing that could be
// answered. The bytes are valid until the next call.
//
// The answer holds what RFC 3261 section 8.2.6.2 asks for and nothing else. Its
// tag is a hash of the request, so the same request gets the same answer
// and nothing has to be remembered.
func (a *answerer) answer(payload []byte, src netip.AddrPort) (out []byte, port uint16, ok bool) {
	if !a.req.read(payload) {
		return nil, 0, false
	}
	var top topVia
	if a.via, ok = appendValue(a.via[:0], a.req.vias[0]); !ok || !top.read(a.via) {
		return nil, 0, false
	}
	if port = top.port; top.rport {
		port = src.Port()
	}
	if port == 0 {
		return nil, 0, false
	}
	w := writer{out: append(a.out[:0], "SIP/2.0 403 Forbidden\r\n"...), ok: true}
	w.out = top.appendTo(append(w.out, "Via: "...), src)
	w.out = append(w.out, '\r', '\n')
	for _, v := range a.req.vias[1:a.req.n] {
		w.header("Via: ", v, "")
	}
	w.header("From: ", a.req.from, "")
	w.header("To: ", a.req.to, a.tag(src))
	w.header("Call-ID: ", a.req.callID, "")
	w.header("CSeq: ", a.req.cseq, "")
	w.out = append(w.out, "Content-Length: 0\r\n\r\n"...)
	a.out = w.out
	if !w.ok || len(w.out) > maxAnswer || len(w.out) > len(payload)+maxGrowth {
		return nil, 0, false
	}
	return w.out, port, true
}

// tag returns the parameter that To lacks: a keyed hash of what tells one
// transaction from another (RFC 3261 sections 17.2.3 and 19.3).
func (a *answerer) tag(src netip.AddrPort) string {
	if hasTag(a.req.to) {
		return ""
	}
	a.hash = append(a.hash[:0], a.key[:]...)
	for _, part := range [][]byte{a.req.vias[0], a.req.callID, a.req.cseq, a.req.from} {
		a.hash = binary.BigEndian.AppendUint32(a.hash, uint32(len(part))) // of one datagram
		a.hash = append(a.hash, part...)
	}
	ip := src.Addr().As16()
	sum := sha256.Sum256(append(a.hash, ip[:]...))
	return ";tag=" + hex.EncodeToString(sum[:8])
}

// writer writes headers; ok turns false at the first that cannot be copied.
type writer struct {
	out []byte
	ok  bool
}

func (w *writer) header(name string, value []byte, more string) {
	var ok bool
	w.out, ok = appendValue(append(w.out, name...), value)
	w.ok = w.ok && ok
	w.out = append(append(w.out, more...), '\r', '\n')
}

// appendValue copies a header value byte by byte. Its line breaks, which are
// folds (RFC 3261 section 7.3.1), become single spaces, and a control character
// makes it fail: nothing that is copied can end a line.
func appendValue(to, value []byte) ([]byte, bool) {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '\r' || c == '\n' {
			if i = endOfFold(value, i); i < 0 {
				return to, false
			}
			c = ' '
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			return to, false
		}
		to = append(to, c)
	}
	return to, true
}

// endOfFold returns the index of the last blank of the fold that begins at i, or
// -1 when that is none, as a CR without LF.
func endOfFold(b []byte, i int) int {
	for i < len(b) && b[i] == '\r' {
		i++
	}
	if i+1 >= len(b) || b[i] != '\n' || b[i+1] != ' ' && b[i+1] != '\t' {
		return -1
	}
	for i+1 < len(b) && (b[i+1] == ' ' || b[i+1] == '\t') {
		i++
	}
	return i
}

// read finds the headers, and reports whether all are there. Of those that may
// occur once the first one counts, as it does for the verdict.
func (r *request) read(payload []byte) bool {
	*r = request{}
	_, rest := cutLine(skipBlank(payload))
	for range maxHeaderLines {
		if len(rest) == 0 || rest[0] == '\r' || rest[0] == '\n' {
			break
		}
		var line []byte
		line, rest = cutHeader(rest)
		if !r.header(line) {
			return false
		}
	}
	return r.n > 0 && len(r.from) > 0 && len(r.to) > 0 && len(r.callID) > 0 && len(r.cseq) > 0
}

// header takes one header line, and reports false for one Via too many.
func (r *request) header(line []byte) bool {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found {
		return true
	}
	name, value = trim(name), trim(value)
	once := func(to *[]byte) {
		if *to == nil {
			*to = value
		}
	}
	switch {
	case named(name, "via", 'v'):
		if len(value) == 0 {
			return true
		}
		if r.n == maxVias {
			return false
		}
		r.vias[r.n] = value
		r.n++
	case named(name, "from", 'f'):
		once(&r.from)
	case named(name, "to", 't'):
		once(&r.to)
	case named(name, "call-id", 'i'):
		once(&r.callID)
	case named(name, "cseq", 0):
		once(&r.cseq)
	}
	return true
}

// cutLine splits b after its first line, returned without its line end.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.TrimRight(line, "\r"), rest
}

// cutHeader splits b after its first header with the lines folded to it.
func cutHeader(b []byte) (header, rest []byte) {
	end := 0
	for {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			return b, nil
		}
		end += n + 1
		if end == len(b) || b[end] != ' ' && b[end] != '\t' {
			return b[:end], b[end:]
		}
	}
}

// named reports whether name is long, which is lower-case, or its compact form.
func named(name []byte, long string, compact byte) bool {
	if len(name) == 1 {
		return name[0]|0x20 == compact
	}
	return foldEqual(name, long)
}

func foldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// skipBlank skips what some switches skip before a request.
func skipBlank(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	return b
}

// hasTag reports whether a To value has a tag. A URI in angle brackets keeps
// its parameters to itself.
func hasTag(to []byte) bool {
	if i := bytes.LastIndexByte(to, '>'); i >= 0 {
		to = to[i+1:]
	}
	_, params, _ := bytes.Cut(to, []byte{';'})
	for len(params) > 0 {
		var p []byte
		p, params, _ = bytes.Cut(params, []byte{';'})
		name, _, _ := bytes.Cut(p, []byte{'='})
		if foldEqual(trim(name), "tag") {
			return true
		}
	}
	return false
}
