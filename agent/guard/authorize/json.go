package authorize

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The reader of JSON is strict where encoding/json is not: a key in another
// case, a key that comes twice or a null is an error, because two readers of
// such a question would not agree on what was asked. It also takes no memory:
// texts are unescaped where they stand.

// jsonReader reads one flat object. Its texts alias the body, which it changes.
type jsonReader struct {
	b  []byte
	at int
}

// maxTexts bounds the contacts of a question; what is beyond is an error.
const maxTexts = 256

// decode fills q from body, which it changes.
func (q *question) decode(body []byte) error {
	r := jsonReader{b: body}
	if err := r.want('{', "the body must be a JSON object"); err != nil {
		return err
	}
	if r.skip() == '}' {
		r.at++
		return r.end()
	}
	for {
		if err := q.member(&r); err != nil {
			return err
		}
		switch r.skip() {
		case ',':
			r.at++
		case '}':
			r.at++
			return r.end()
		default:
			return r.errorf("expected , or }")
		}
	}
}

// member reads one key and its value.
func (q *question) member(r *jsonReader) error {
	if r.skip() != '"' {
		return r.errorf("expected a key in double quotes")
	}
	start := r.at
	key, err := r.text()
	if err != nil {
		return err
	}
	f, text, number := q.field(string(key))
	if f == 0 {
		r.at = start
		return r.errorf("unknown key %s", quoted(string(key)))
	}
	if q.given&f != 0 {
		r.at = start
		return r.errorf("key %q comes twice", key)
	}
	q.given |= f
	if err := r.want(':', "expected : after the key"); err != nil {
		return err
	}
	r.skip()
	switch {
	case text != nil:
		*text, err = r.textOf(key)
	case number != nil:
		*number, err = r.numberOf(key)
	default:
		q.Contacts, err = r.textsOf(key, q.Contacts[:0])
	}
	return err
}

// field returns where the value of a key belongs: a text, a number, or else the
// contacts; 0 when there is no such key.
func (q *question) field(key string) (f fields, text *[]byte, number *int64) {
	switch key {
	case "user":
		return fUser, &q.User, nil
	case "domain":
		return fDomain, &q.Domain, nil
	case "request_host":
		return fRequestHost, &q.RequestHost, nil
	case "source":
		return fSource, &q.Source, nil
	case "port":
		return fPort, nil, &q.Port
	case "transport":
		return fTransport, &q.Transport, nil
	case "username":
		return fUsername, &q.Username, nil
	case "contacts":
		return fContacts, nil, nil
	case "expires":
		return fExpires, nil, &q.Expires
	case "call_id":
		return fCallID, &q.CallID, nil
	case "cseq":
		return fCSeq, nil, &q.CSeq
	case "user_agent":
		return fUserAgent, &q.UserAgent, nil
	}
	return 0, nil, nil
}

func (r *jsonReader) textOf(key []byte) ([]byte, error) {
	if r.peek() != '"' {
		return nil, r.errorf("%s must be a text in double quotes", key)
	}
	return r.text()
}

func (r *jsonReader) textsOf(key []byte, to [][]byte) ([][]byte, error) {
	if r.peek() != '[' {
		return to, r.errorf("%s must be a list of texts", key)
	}
	r.at++
	if r.skip() == ']' {
		r.at++
		return to, nil
	}
	for {
		if len(to) == maxTexts {
			return to, r.errorf("%s has more than %d entries", key, maxTexts)
		}
		if r.skip() != '"' {
			return to, r.errorf("%s must be a list of texts", key)
		}
		s, err := r.text()
		if err != nil {
			return to, err
		}
		to = append(to, s)
		switch r.skip() {
		case ',':
			r.at++
		case ']':
			r.at++
			return to, nil
		default:
			return to, r.errorf("expected , or ]")
		}
	}
}

// numberOf reads a whole number (RFC 8259 section 6).
func (r *jsonReader) numberOf(key []byte) (int64, error) {
	start := r.at
	negative := r.peek() == '-'
	if negative {
		r.at++
	}
	first, n := r.at, int64(0)
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		if n > math.MaxUint32 {
			r.at = start
			return 0, r.errorf("%s is out of range", key)
		}
		n = n*10 + int64(c-'0')
		r.at++
	}
	digits := r.at - first
	switch c := r.peek(); {
	case digits == 0, digits > 1 && r.b[first] == '0', c == '.', c|0x20 == 'e':
		r.at = start
		return 0, r.errorf("%s must be a whole number, without quotes", key)
	}
	if negative {
		n = -n
	}
	return n, nil
}

// text reads a text, whose opening quote is next, and unescapes it in place: no
// escape is shorter than what it stands for.
func (r *jsonReader) text() ([]byte, error) {
	r.at++
	start, to := r.at, r.at
	for r.at < len(r.b) {
		c := r.b[r.at]
		switch {
		case c == '"':
			r.at++
			return r.b[start:to:to], nil
		case c < ' ':
			return nil, r.errorf("a control character must be written as \\u00%02x", c)
		case c != '\\':
			r.b[to] = c
			to, r.at = to+1, r.at+1
		default:
			u, err := r.escape()
			if err != nil {
				return nil, err
			}
			to += utf8.EncodeRune(r.b[to:r.at], u)
		}
	}
	return nil, r.errorf("the body ends within a text")
}

// escape reads an escape and returns what it stands for.
func (r *jsonReader) escape() (rune, error) {
	if r.at+1 >= len(r.b) {
		return 0, r.errorf("the body ends within a text")
	}
	const short, meaning = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(short, r.b[r.at+1]); i >= 0 {
		r.at += 2
		return rune(meaning[i]), nil
	}
	u, ok := r.hex(r.at)
	if !ok {
		return 0, r.errorf("unknown escape in a text")
	}
	r.at += 6
	if !utf16.IsSurrogate(u) {
		return u, nil
	}
	low, _ := r.hex(r.at)
	pair := utf16.DecodeRune(u, low) // U+FFFD for half a pair
	if pair != utf8.RuneError {
		r.at += 6
	}
	return pair, nil
}

// hex reads \uXXXX at an offset.
func (r *jsonReader) hex(at int) (rune, bool) {
	if at+6 > len(r.b) || r.b[at] != '\\' || r.b[at+1] != 'u' {
		return 0, false
	}
	var u rune
	for _, c := range r.b[at+2 : at+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

// peek returns the next byte; 0 at the end, which is no JSON.
func (r *jsonReader) peek() byte {
	if r.at < len(r.b) {
		return r.b[r.at]
	}
	return 0
}

// skip skips white space and returns the byte after it.
func (r *jsonReader) skip() byte {
	for {
		switch c := r.peek(); c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

func (r *jsonReader) want(c byte, complaint string) error {
	if r.skip() != c {
		return r.errorf("%s", complaint)
	}
	r.at++
	return nil
}

func (r *jsonReader) end() error {
	if r.skip(); r.at < len(r.b) {
		return r.errorf("something follows the object")
	}
	return nil
}

func (r *jsonReader) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: "+format, append([]any{r.at + 1}, args...)...)
}
