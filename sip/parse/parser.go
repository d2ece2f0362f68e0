package parse

import (
	"math"
	"strings"
	"unsafe"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/sdp/v3"
)

// maxContacts bounds Message.Contacts.
const maxContacts = 64

// Parser turns payloads into messages and keeps the buffers for it. It is not
// safe for concurrent use.
//
// The header lines are walked here, not by sipgo's message parser, for two
// reasons that the benchmarks and the torture tests show: that one spends most
// of its time on headers that nobody reads, and refuses a whole message for
// one odd header among them, which an observer must not. sipgo parses the
// URIs, pion the session descriptions.
type Parser struct {
	stats   Stats
	scratch []byte  // values of the message at hand, one after the other
	values  []value // where each of them is
	kept    []byte  // those that a message keeps
	uri     sip.Uri

	contentType   string
	contentLength int64 // -1 when absent or absurd
	q850          bool  // Message.Cause is a Q.850 cause
	cut           bool  // Message.Cut

	names names // User-Agent and the like: few texts in many messages
	sdp   SDP
	kinds []MediaKind // of the m= lines handed to pion
	held  []byte      // session attributes while a description is mended
	desc  sdp.SessionDescription
}

// NewParser returns a parser.
func NewParser() *Parser {
	return &Parser{names: make(names)}
}

// Stats returns what the parser mended or left out so far.
func (p *Parser) Stats() Stats { return p.stats }

// Parse resets m and fills it from payload, which holds one message. The
// error, if any, is a Malformed, and m is then empty. Only the start line,
// Call-ID, CSeq and From can make a message malformed: everything else is read
// as far as it can be read. A payload that ends too early, in its headers or in
// its body, is read as far as it goes; what follows the body is ignored.
func (p *Parser) Parse(payload []byte, m *Message) error {
	*m = Message{Contacts: m.Contacts[:0], Expires: -1}
	p.contentType, p.contentLength, p.q850, p.cut = "", -1, false, false

	line, rest := cutLine(skipEmptyLines(payload))
	start, err := parseStartLine(line)
	if err != nil {
		return err
	}
	body := p.collect(rest)
	uri := value{start: len(p.scratch)}
	p.scratch = append(p.scratch, start.uri...)
	uri.end = len(p.scratch)

	// The values are read where they are collected: compact copies the parts
	// that are kept, before anything else is written there. A string of its own
	// would be a third of all that a message allocates (BenchmarkParse).
	text := unsafe.String(unsafe.SliceData(p.scratch), len(p.scratch))
	if start.status == 0 {
		m.Method = methodNamed(start.method)
		m.RequestURI, _ = p.parseURI(text[uri.start:uri.end])
	} else {
		m.Status = start.status
		m.Phrase = p.names.get(start.phrase)
	}
	if err := p.readHeaders(text, m); err != nil {
		*m = Message{Contacts: m.Contacts[:0], Expires: -1}
		return err
	}
	if m.Method == REGISTER && m.Request() {
		m.Ambiguous = p.doubtful(rest[:len(rest)-len(body)], text)
	}
	if p.contentLength >= 0 && p.contentLength < int64(len(body)) {
		body = body[:p.contentLength]
	}
	m.Body = body
	m.Cut = p.cut
	contentType := strings.Clone(p.contentType)
	p.compact(m)
	p.readBody(m, contentType, body, 0)
	return nil
}

// readHeaders reads the collected values. Of a header that must not repeat the
// first one counts.
func (p *Parser) readHeaders(text string, m *Message) error {
	var seen [hContentLength + 1]bool
	var once [hExpires + 1]string // of what must not differ, the first
	for _, v := range p.values {
		s := text[v.start:v.end]
		if s == "" {
			continue
		}
		first := !seen[v.header]
		switch v.header {
		case hVia:
			p.readVia(s, m)
		case hContact:
			p.readContacts(s, m)
		case hReason:
			p.readReason(s, m)
		case hAuthorization:
			switch user := digestUser(s); {
			case m.AuthUser == "":
				m.AuthUser = user
			case user != "" && user != m.AuthUser:
				m.Repeated = true // which one counts is the realm's to say
			}
		default:
			if first && !p.readSingle(v.header, s, m) {
				return ErrCSeq
			}
			if v.header > hExpires {
				break
			}
			if first {
				once[v.header] = s
			} else if once[v.header] != s {
				m.Repeated = true
			}
		}
		seen[v.header] = true
	}
	switch {
	case !seen[hCallID]:
		return ErrCallID
	case !seen[hCSeq]:
		return ErrCSeq
	case !seen[hFrom]:
		return ErrFrom
	}
	return nil
}

// readSingle reads a header that occurs once and reports false for a CSeq out
// of range.
func (p *Parser) readSingle(h header, s string, m *Message) bool {
	switch h {
	case hCallID:
		m.CallID = s
	case hCSeq:
		return readCSeq(s, m)
	case hFrom:
		m.From, m.FromTag = p.readAddress(s)
	case hTo:
		m.To, m.ToTag = p.readAddress(s)
	case hExpires:
		if n, ok := seconds(s); ok {
			m.Expires = n
		}
	case hSessionExpires:
		m.SessionExpires, _ = leadingUint(s)
	case hUserAgent, hServer:
		if m.UserAgent == "" {
			m.UserAgent = p.names.getString(s)
		}
	case hContentType:
		p.contentType = s
	case hContentLength:
		// A length that is no number, or negative, says nothing.
		if n, rest := leadingUint(s); rest == "" {
			p.contentLength = int64(n)
		}
	case otherHeader, hVia, hContact, hReason, hAuthorization: // not for here
	}
	return true
}

// readCSeq reads number and method. The method of a request is that of its
// start line, whatever its CSeq says (Mismatched tells); that of a response
// stands only here.
func readCSeq(s string, m *Message) bool {
	n, rest := leadingUint(s)
	if len(rest) == len(s) || n > math.MaxInt32 {
		return false
	}
	m.CSeq = n
	name := trimBlanks(rest)
	method := methodNamed([]byte(name))
	if m.Request() {
		m.Mismatched = method != m.Method
		return true
	}
	m.Method = method
	return name != ""
}

// readAddress reads a From or To header. A tag may stand anywhere among the
// parameters, in any case, with blanks around it.
func (p *Parser) readAddress(s string) (u URI, tag string) {
	uri, params := splitAddress(s)
	u, _ = p.parseURI(uri)
	tag, _ = param(params, "tag")
	return u, tag
}

// readVia counts the values of a Via header and reads the branch of the
// topmost one.
func (p *Parser) readVia(s string, m *Message) {
	if m.Vias == 0 {
		top, _ := nextValue(s)
		if _, params, ok := strings.Cut(top, ";"); ok {
			m.Branch, _ = param(params, "branch")
		}
	}
	m.Vias += countValues(s)
}

// readContacts appends the values of a Contact header. What is no address at
// all (half a display name with a comma in it) is skipped, but not in a REGISTER:
// registrars may take it for a contact.
func (p *Parser) readContacts(s string, m *Message) {
	for s != "" {
		var v string
		v, s = nextValue(s)
		if v == "" || v != "*" && !addresses(v) && (m.Method != REGISTER || !m.Request()) {
			continue
		}
		if len(m.Contacts) == maxContacts {
			p.stats.ContactsCut++
			p.cut = true
			return
		}
		m.Contacts = append(m.Contacts, p.readContact(v, m))
	}
}

func (p *Parser) readContact(s string, m *Message) Contact {
	c := Contact{Expires: -1}
	if s == "*" {
		c.Star = true
		return c
	}
	uri, params := splitAddress(s)
	c.URI, c.Port = p.parseURI(uri)
	for params != "" {
		var name, val string
		name, val, params = nextParam(params, ';')
		switch {
		case fold(name, "expires"):
			// A malformed value counts as one hour (RFC 3261 section 20.10).
			n, ok := seconds(val)
			if !ok {
				n = 3600
			}
			m.Repeated = m.Repeated || c.Expires >= 0 && c.Expires != n
			c.Expires = n
		case fold(name, "+sip.instance"):
			c.Instance = strings.Trim(val, "<>")
		case fold(name, "reg-id"):
			c.RegID, _ = leadingUint(val)
		}
	}
	return c
}

// readReason reads the cause of a Reason header (RFC 3326). A Q.850 cause says
// more than the SIP status beside it.
func (p *Parser) readReason(s string, m *Message) {
	for s != "" {
		var v string
		v, s = nextValue(s)
		protocol, params, _ := strings.Cut(v, ";")
		cause, ok := param(params, "cause")
		q850 := fold(trimBlanks(protocol), "q.850")
		if n, rest := leadingUint(cause); ok && rest == "" && n <= 999 && (m.Cause == 0 || q850 && !p.q850) {
			m.Cause, p.q850 = uint16(n), q850
		}
	}
}

// digestUser returns the username of a Digest Authorization value, "" for
// other schemes.
func digestUser(s string) string {
	const scheme = "digest"
	if len(s) <= len(scheme) || !fold(s[:len(scheme)], scheme) || !isBlank(s[len(scheme)]) {
		return ""
	}
	s = s[len(scheme):]
	for s != "" {
		var name, val string
		name, val, s = nextParam(s, ',')
		if user, ok := usernameIn(name, val); ok {
			return user
		}
	}
	return ""
}

// usernameIn returns the username that a parameter of credentials holds.
// username* is its extended form (RFC 7616 section 3.4.4).
func usernameIn(name, val string) (user string, ok bool) {
	switch {
	case fold(name, "username"):
		return val, true
	case fold(name, "username*"):
		if i := strings.LastIndexByte(val, '\''); i >= 0 {
			return unescape(val[i+1:]), true
		}
	}
	return "", false
}
