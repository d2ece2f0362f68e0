package parse

import (
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
