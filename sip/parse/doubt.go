package parse

import "strings"

// doubtful reports whether programs take the headers of a REGISTER apart in
// different ways. It looks at what they decide by: where lines and headers
// begin and end, To, Contact, Expires and whose credentials they are. What RFC 3261
// section 25.1 allows and phones send is never doubtful; much that it does not allow
// is not either, as long as everybody reads the same in it.
func (p *Parser) doubtful(headers []byte, text string) bool {
	if doubtfulLines(headers) {
		return true
	}
	for _, v := range p.values {
		s := text[v.start:v.end]
		switch v.header {
		case hTo:
			if doubtfulAddresses(s, false) || doubtfulRecord(s) {
				return true
			}
		case hContact:
			if doubtfulAddresses(s, true) {
				return true
			}
		case hExpires:
			if doubtfulSeconds(s) {
				return true
			}
		case hAuthorization:
			if doubtfulDigest(s) {
				return true
			}
		default:
		}
	}
	return false
}

// doubtfulLines reports lines that are not a header, a fold or the empty line at
// the end. A CR alone ends a line, or all headers, to some, and one too many is an
// empty line; NUL ends everything to others; a line without a colon is a part of the
// next header's name.
func doubtfulLines(b []byte) bool {
	first := true
	for len(b) > 0 {
		line, rest := cutLine(b)
		if len(b)-len(line)-len(rest) > len("\r\n") {
			return true
		}
		if len(line) == 0 {
			return false
		}
		colon := false
		for _, c := range line {
			if c < ' ' && c != '\t' || c == 0x7f {
				return true
			}
			colon = colon || c == ':'
		}
		if isBlank(line[0]) {
			if first || len(trim(line)) == 0 {
				return true
			}
		} else if !colon || line[0] == ':' {
			return true
		}
		first, b = false, rest
	}
	return true // no empty line: it is a part of a message
}

// doubtfulSeconds reports a number that overflows somewhere, or ends in a blank
// that not everybody knows, as U+00A0. Any other text but a number is no removal
// here, whatever it is elsewhere.
func doubtfulSeconds(s string) bool {
	const most = len("4294967295")
	_, rest := leadingUint(s)
	return len(s)-len(rest) > most || len(rest) < len(s) && rest != "" && rest[0] > '~'
}

// doubtfulAddresses reports whether s is not a To value, or with list a list of
// Contact values, whose quotes and brackets stand where the grammar has them:
// some programs know no quotes within brackets, some no brackets within
// parameters, and some single quotes.
func doubtfulAddresses(s string, list bool) bool {
	for {
		rest, bracketed, ok := skipAddress(s)
		for ok && rest != "" && rest[0] == ';' {
			rest, ok = skipParam(rest[1:], bracketed)
		}
		switch {
		case !ok:
			return true
		case rest == "":
			return false
		case !list:
			return true
		}
		if s = skipBlanks(rest[1:]); s == "" { // nothing behind the last comma
			return false
		}
	}
}

// doubtfulRecord reports an address of record in which programs look for the
// number in different places. Of <tel:1005;x@2001> the host is the number to
// some, of <urn:2001:x> the namespace; RFC 3261 section 10.2 has neither.
func doubtfulRecord(s string) bool {
	uri, _ := splitAddress(s)
	scheme, rest, ok := strings.Cut(uri, ":")
	switch {
	case strings.ContainsAny(uri, " \t"):
		return true
	case !ok || !isScheme(scheme) || fold(scheme, "sip") || fold(scheme, "sips"):
		return false
	}
	return !fold(scheme, "tel") || strings.ContainsAny(rest, "@:")
}

// skipAddress returns what follows an address: nothing, or what begins with a
// semicolon or comma.
func skipAddress(s string) (rest string, bracketed, ok bool) {
	if s = skipBlanks(s); s != "" && s[0] == '"' {
		if s, ok = skipQuoted(s); !ok || s == "" || s[0] != '<' {
			return "", false, false
		}
	}
	i := strings.IndexAny(s, "<;,\"\\>")
	switch {
	case i < 0:
		return "", false, plainAddress(s)
	case s[i] == ';' || s[i] == ',':
		return s[i:], false, plainAddress(s[:i]) && (s[i] == ',' || addresses(s[:i]))
	case s[i] != '<':
		return "", false, false
	}
	if strings.IndexByte(s[:i], ':') >= 0 { // an address to some, after the last blank before it
		return "", false, false
	}
	s = s[i+1:]
	if i = strings.IndexAny(s, "<>\"\\"); i < 0 || s[i] != '>' || !addresses(s[:i]) {
		return "", false, false
	}
	s = skipBlanks(s[i+1:])
	return s, true, s == "" || s[0] == ';' || s[0] == ','
}

// plainAddress reports whether s can be an address without brackets, or a half of
// a name with a comma in it, which is skipped. Some read an address up to a blank.
func plainAddress(s string) bool {
	s = trimBlanks(s)
	return s != "" && (!addresses(s) || strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '\t') < 0)
}

// addresses reports whether s is taken for an address here. To some anything is one.
func addresses(s string) bool {
	return strings.IndexByte(s, ':') >= 0 || strings.IndexByte(s, '@') >= 0
}

// skipParam returns what follows a parameter, as skipAddress does.
func skipParam(s string, bracketed bool) (rest string, ok bool) {
	const odd = "\"'<>\\"
	i := strings.IndexAny(s, "=;,"+odd)
	switch {
	case i < 0:
		return "", true
	case s[i] == ';' || s[i] == ',':
		return s[i:], true
	case s[i] != '=':
		return "", false
	}
	name, s := strings.Trim(s[:i], " \t"), skipBlanks(s[i+1:])
	value := s
	switch {
	case s != "" && s[0] == '"':
		if rest, ok = skipQuoted(s); !ok {
			return "", false
		}
		value = strings.TrimRight(s[:len(s)-len(rest)], " \t")
		value = value[1 : len(value)-1]
	case bracketed && s != "" && s[0] == '<': // an instance without its quotes
		if i = strings.IndexAny(s[1:], ";,"+odd); i < 0 || s[1+i] != '>' {
			return "", false
		}
		rest = skipBlanks(s[i+2:])
	default:
		if i = strings.IndexAny(s, ";,"+odd); i < 0 {
			i = len(s)
		}
		value, rest = strings.TrimRight(s[:i], " \t"), s[i:]
	}
	if fold(name, "expires") && (doubtfulSeconds(value) || strings.ContainsAny(value, "\\ \t")) {
		return "", false
	}
	return rest, rest == "" || rest[0] == ';' || rest[0] == ','
}

// skipQuoted returns what follows the quoted string that s begins with, without
// blanks. To some a quote behind a backslash never closes, whatever is before
// that: two backslashes are no good.
func skipQuoted(s string) (rest string, ok bool) {
	end := closingQuote(s, 0)
	if end < 0 || strings.Contains(s[:end], `\\`) {
		return "", false
	}
	return skipBlanks(s[end+1:]), true
}

func skipBlanks(s string) string { return strings.TrimLeft(s, " \t") }

// doubtfulDigest reports credentials of which programs read another username, or
// none at all: some take the last of several, or know no escapes, and some look for
// the name wherever it stands.
func doubtfulDigest(s string) bool {
	const scheme = "digest"
	if len(s) <= len(scheme) || !fold(s[:len(scheme)], scheme) {
		return false
	}
	if s = s[len(scheme):]; !isBlank(s[0]) {
		return true
	}
	escaped := strings.Contains(s, `\"`) // to some such a quote closes
	var user string
	var given bool
	for {
		if s = strings.TrimLeft(s, " \t,"); s == "" {
			return false
		}
		name, val, rest, ok := cutCredential(s)
		if !ok || escaped && namesUser(val) {
			return true
		}
		if username, is := usernameIn(name, val); is {
			if given && username != user {
				return true
			}
			user, given = username, true
		}
		s = rest
	}
}

// namesUser reports whether a username is given within a text.
func namesUser(s string) bool {
	const name = "username"
	for len(s) > len(name) {
		if fold(s[:len(name)], name) {
			return true
		}
		s = s[1:]
	}
	return false
}

// cutCredential splits the first parameter off s as the grammar has it
// (RFC 3261 section 25.1); rest is nothing, or begins with a comma.
func cutCredential(s string) (name, val, rest string, ok bool) {
	i := strings.IndexAny(s, "=,\" \t")
	if i < 0 {
		return s, "", "", true
	}
	name, rest = s[:i], skipBlanks(s[i:])
	if rest == "" || rest[0] == ',' {
		return name, "", rest, true
	}
	if rest[0] != '=' {
		return "", "", "", false
	}
	rest = skipBlanks(rest[1:])
	end := strings.IndexAny(rest, ",\" \t")
	if end == 0 && rest[0] == '"' {
		// To some a quote behind a backslash never closes.
		if end = closingQuote(rest, 0) + 1; end == 0 || rest[end-2] == '\\' {
			return "", "", "", false
		}
	} else if end < 0 {
		end = len(rest)
	}
	val, rest = unquote(rest[:end]), skipBlanks(rest[end:])
	return name, val, rest, rest == "" || rest[0] == ','
}
