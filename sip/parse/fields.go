package parse

import (
	"math"
	"strings"
)

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
