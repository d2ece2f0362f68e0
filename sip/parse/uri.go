package parse

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// parseURI reads who a URI names, and its port. sipgo parses it; what sipgo
// refuses is read leniently, because a switch may well route it.
//
// Parameters and headers of the URI are cut off first: nothing here reads
// them, and sipgo's cost for them grows with the square of their number.
func (p *Parser) parseURI(s string) (u URI, port uint16) {
	s = cutURIParams(s)
	p.uri = sip.Uri{}
	if err := sip.ParseUri(s, &p.uri); err != nil || p.uri.Wildcard {
		p.stats.LenientURI++
		return lenientURI(s)
	}
	switch p.uri.Scheme {
	case "sip", "sips":
		if p.uri.Port > 0 && p.uri.Port <= 65535 {
			port = uint16(p.uri.Port)
		}
		return URI{User: userPart(p.uri.User), Host: hostPart(p.uri.Host)}, port
	case "tel":
		return URI{User: telNumber(p.uri.Raw())}, 0
	}
	// urn:service:sos and the like: what follows the scheme is the party, but
	// for mailto:user@host and http://host.
	raw := p.uri.Raw()
	if strings.IndexByte(raw, '@') >= 0 || strings.HasPrefix(raw, "//") {
		return splitUserHost(raw)
	}
	return URI{User: userPart(raw)}, 0
}

// cutURIParams cuts s before the parameters and headers that follow its host.
// A semicolon before the @ belongs to the user (RFC 3261 section 25.1).
func cutURIParams(s string) string {
	at := strings.IndexByte(s, '@') + 1
	if i := strings.IndexByte(s[at:], ';'); i >= 0 {
		s = s[:at+i]
	}
	if i := strings.IndexByte(s[at:], '?'); i >= 0 {
		s = s[:at+i]
	}
	return trimBlanks(s)
}

// lenientURI reads user and host of a URI that is none by the book: without a
// scheme, with brackets or blanks, with a port that is no number.
func lenientURI(s string) (u URI, port uint16) {
	s = strings.Trim(s, "<> \t")
	if i := strings.LastIndexAny(s, " \t"); i >= 0 {
		s = s[i+1:]
	}
	// A scheme is a name before the first colon, if an @ or a letter follows
	// (host:5060 has none).
	if scheme, rest, ok := strings.Cut(s, ":"); ok && isScheme(scheme) && !isPort(rest) {
		if fold(scheme, "tel") {
			return URI{User: telNumber(rest)}, 0
		}
		s = rest
	}
	return splitUserHost(s)
}

// splitUserHost reads what follows a scheme: user:password@host:port.
func splitUserHost(s string) (u URI, port uint16) {
	s = strings.TrimPrefix(s, "//")
	user, host, ok := strings.Cut(s, "@")
	if !ok {
		user, host = "", s
	}
	user, _, _ = strings.Cut(user, ":") // a password
	host, _, _ = strings.Cut(host, "/")
	host, port = splitPort(host)
	return URI{User: userPart(user), Host: hostPart(host)}, port
}

// isScheme reports whether s can be a URI scheme (RFC 3986 section 3.1).
func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !isDigit(s[i]) && s[i] != '+' && s[i] != '-' && s[i] != '.') {
			return false
		}
	}
	return s != ""
}

func isPort(s string) bool {
	_, rest := leadingUint(s)
	return s != "" && rest == ""
}

// splitPort splits host:port and [v6]:port; a port that is no number from 1 to
// 65535 is none.
func splitPort(s string) (host string, port uint16) {
	i, end := strings.LastIndexByte(s, ':'), strings.LastIndexByte(s, ']')
	if i < 0 || i < end || end < 0 && strings.IndexByte(s, ':') != i {
		return s, 0 // no port, or an IPv6 address without its brackets
	}
	if n, rest := leadingUint(s[i+1:]); rest == "" && n <= 65535 {
		port = uint16(n)
	}
	return s[:i], port
}

// userPart returns the user part without its parameters, unescaped.
func userPart(s string) string {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s = s[:i]
	}
	return unescape(trimBlanks(s))
}

// hostPart returns the host in lower case, without the brackets of an IPv6
// reference and without the final dot of a fully qualified name.
func hostPart(s string) string {
	s = strings.Trim(s, "[] \t")
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// telNumber returns the number of a tel URI without its parameters and visual
// separators, which do not count in comparisons (RFC 3966 section 4).
func telNumber(s string) string {
	s = userPart(s)
	if !strings.ContainsAny(s, "-.()") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, s)
}

// unescape decodes %HH; an escape that is none stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) < 16 && hexDigit(s[i+2]) < 16 {
			b = append(b, hexDigit(s[i+1])<<4|hexDigit(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hexDigit returns the value of a hex digit, 16 or more for anything else.
func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// splitAddress splits a From, To or Contact value into its URI and the
// parameters that follow it. Without angle brackets every parameter belongs to
// the header (RFC 3261 section 20.10); when the closing one is missing too.
func splitAddress(s string) (uri, params string) {
	name := 0 // end of a quoted display name
	if q := strings.IndexByte(s, '"'); q >= 0 && q < orEnd(strings.IndexByte(s, '<'), s) {
		name = closingQuote(s, q) + 1
	}
	rest := s[name:]
	open := strings.IndexByte(rest, '<')
	if open >= 0 {
		rest = rest[open+1:]
		if end := strings.IndexByte(rest, '>'); end >= 0 {
			return trimBlanks(rest[:end]), rest[end+1:]
		}
	}
	if end := strings.IndexByte(rest, ';'); end >= 0 {
		return trimBlanks(rest[:end]), rest[end:]
	}
	return trimBlanks(rest), ""
}

// orEnd turns an index of -1 into the end of s.
func orEnd(i int, s string) int {
	if i < 0 {
		return len(s)
	}
	return i
}
