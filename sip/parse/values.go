package parse

import (
	"math"
	"strings"
)

// trimBlanks removes blanks around s, those of SIP alone: what ends in U+00A0 is
// not the same without it to anybody else.
func trimBlanks(s string) string { return strings.Trim(s, " \t\r") }

// nextValue splits the first value off a comma-separated header; commas in
// quoted strings and in angle brackets belong to the value. rest is empty
// after the last value.
func nextValue(s string) (value, rest string) {
	if strings.IndexByte(s, ',') < 0 {
		return trimBlanks(s), ""
	}
	bracket := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			// Behind a quote that never closes all is one value. Reading on
			// there would look for the end of each further quote, at a cost
			// that grows with the square of the length.
			end := closingQuote(s, i)
			if end < 0 {
				return trimBlanks(s), ""
			}
			i = end
		case '<':
			bracket = true
		case '>':
			bracket = false
		case ',':
			if !bracket {
				return trimBlanks(s[:i]), s[i+1:]
			}
		}
	}
	return trimBlanks(s), ""
}

// countValues returns the number of values that are not empty.
func countValues(s string) (n int) {
	for s != "" {
		var v string
		if v, s = nextValue(s); v != "" {
			n++
		}
	}
	return n
}

// closingQuote returns the index of the quote that closes the one at open,
// -1 when none does. A backslash quotes the next byte.
func closingQuote(s string, open int) int {
	for i := open + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// nextParam splits the first parameter off s, which follows a value. Blanks
// around the name and the value are dropped, so are the quotes of a quoted
// value. name is empty when there is none, and rest too after the last one.
func nextParam(s string, sep byte) (name, val, rest string) {
	end, eq := len(s), -1
scan:
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case sep:
			end = i
			rest = s[i+1:]
			break scan
		case '=':
			if eq < 0 {
				eq = i
			}
		case '"':
			c := closingQuote(s, i)
			if c < 0 { // see nextValue
				break scan
			}
			i = c
		}
	}
	if eq < 0 {
		return trimBlanks(s[:end]), "", rest
	}
	return trimBlanks(s[:eq]), unquote(trimBlanks(s[eq+1 : end])), rest
}

// param returns the value of the first parameter of that lower-case name.
func param(s, lower string) (val string, ok bool) {
	for s != "" {
		var name string
		if name, val, s = nextParam(s, ';'); fold(name, lower) {
			return val, true
		}
	}
	return "", false
}

// unquote removes the quotes of a quoted string and its backslashes.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// fold reports whether s is lower in any case; lower is lower-case ASCII.
func fold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != lower[i] && (c < 'A' || c > 'Z' || c|0x20 != lower[i]) {
			return false
		}
	}
	return true
}

// leadingUint reads the decimal number that s begins with, at most the largest
// uint32; rest is what follows, and equal to s when there is no number.
func leadingUint(s string) (n uint32, rest string) {
	var v uint64
	i := 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		v = min(v*10+uint64(s[i]-'0'), math.MaxUint32)
	}
	return uint32(v), s[i:]
}

// seconds reads a delta-seconds value (RFC 3261 section 25.1), at most the
// largest int32; ok is false when s is anything else. A number with something
// behind it is none: 0 would mean a removal to one reader, and an hour to
// another (RFC 3261 section 20.10).
func seconds(s string) (n int32, ok bool) {
	v, rest := leadingUint(s)
	return int32(min(v, math.MaxInt32)), len(rest) < len(s) && trimBlanks(rest) == ""
}
