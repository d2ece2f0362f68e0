package authorize

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipward/sipward/sip/parse"
)

// question is what a switch asks that does not send the REGISTER itself. The
// texts alias the body.
type question struct {
	User        []byte // of the To URI, as it stands there
	Domain      []byte // its host
	RequestHost []byte // of the Request-URI; Domain when it is not given
	Source      []byte
	Transport   []byte
	Username    []byte // of the digest
	CallID      []byte
	UserAgent   []byte
	Contacts    [][]byte // values of Contact headers, as they stand there
	Port        int64
	Expires     int64 // of the header
	CSeq        int64
	given       fields
}

// fields is a set of keys of a question.
type fields uint16

const (
	fUser fields = 1 << iota
	fDomain
	fRequestHost
	fSource
	fPort
	fTransport
	fUsername
	fContacts
	fExpires
	fCallID
	fCSeq
	fUserAgent
)

func (k *work) understandJSON(query string) (About, *problem) {
	if query != "" {
		return About{}, badRequest("with application/json the body says where the REGISTER came from: leave the query out")
	}
	q := &k.question
	if err := q.decode(k.body); err != nil {
		return About{}, badRequest(err.Error())
	}
	from, p := q.check()
	if p != nil {
		return About{}, p
	}
	return k.describe(from), nil
}

// check finds what the switch itself got wrong. What a phone can bring about is
// a verdict instead.
func (q *question) check() (source, *problem) {
	if q.given&fUser == 0 || q.given&fDomain == 0 || q.given&fSource == 0 {
		return source{}, badRequest(`user and domain (of the To URI) and source (an IP address) must be given`)
	}
	if q.given&fPort != 0 && (q.Port < 0 || q.Port > math.MaxUint16) {
		return source{}, badRequest(fmt.Sprintf("port %d is no number from 0 to 65535", q.Port))
	}
	if q.given&fExpires != 0 && (q.Expires < 0 || q.Expires > math.MaxUint32) {
		return source{}, badRequest(fmt.Sprintf("expires %d is no number of seconds from 0 to %d; leave it out without the header", q.Expires, uint32(math.MaxUint32)))
	}
	if q.given&fCSeq != 0 && (q.CSeq < 0 || q.CSeq > math.MaxInt32) {
		return source{}, badRequest(fmt.Sprintf("cseq %d is no number from 0 to %d", q.CSeq, math.MaxInt32))
	}
	from, p := newSource(string(q.Source), "", string(q.Transport))
	from.port = uint16(q.Port) // checked above
	return from, p
}

// describe writes the REGISTER that the question describes and reads it as any
// other: there is one reader, whoever asks.
func (k *work) describe(from source) About {
	q := &k.question
	clean := q.writable()
	if clean {
		k.sip = q.append(k.sip[:0])
		clean = k.parser.Parse(k.sip, &k.message) == nil
	}
	if !clean { // for the report
		k.message = parse.Message{Contacts: k.message.Contacts[:0], Method: parse.REGISTER, Expires: -1,
			To: parse.URI{User: string(cut(q.User)), Host: strings.ToLower(string(cut(q.Domain)))}}
	}
	about := k.fill(from, !clean)
	if q.given&fCallID == 0 || q.given&fCSeq == 0 {
		about.CallID = "" // a phone keeps its Call-ID: that alone is no transaction
	}
	return about
}

// cut keeps of a text that is no part of a message what the parser keeps of one.
func cut(s []byte) []byte { return s[:min(len(s), 255)] }

// writable reports whether every text can stand where it belongs in a message.
// One that cannot did not come from there, or would be read as something else.
func (q *question) writable() bool {
	for _, c := range q.Contacts {
		if !line(c) {
			return false
		}
	}
	for _, c := range q.User {
		if c <= ' ' || c == 0x7f || strings.IndexByte(`@:<>"\`, c) >= 0 {
			return false
		}
	}
	return line(q.Username) && line(q.CallID) && line(q.UserAgent) && host(q.Domain) && host(q.RequestHost)
}

// line reports whether s can be a part of one header line.
func line(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// host reports whether s can be a host, with or without a port.
func host(s []byte) bool {
	for _, c := range s {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c >= 0x80, strings.IndexByte("-._[]:", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// append appends the REGISTER that q describes.
func (q *question) append(b []byte) []byte {
	request := q.RequestHost
	if q.given&fRequestHost == 0 {
		request = q.Domain
	}
	b = appendHost(append(b, "REGISTER sip:"...), request)
	b = append(b, " SIP/2.0\r\n"...)
	for _, name := range [...]string{"To", "From"} {
		b = append(append(append(b, name...), ": <sip:"...), q.User...)
		if len(q.User) > 0 {
			b = append(b, '@')
		}
		b = append(appendHost(b, q.Domain), ">\r\n"...)
	}
	b = append(b, "Call-ID: "...)
	if b = append(b, q.CallID...); len(bytes.TrimSpace(q.CallID)) == 0 {
		b = append(b, '-')
	}
	b = append(b, "\r\nCSeq: "...)
	b = strconv.AppendInt(b, q.CSeq, 10)
	b = append(b, " REGISTER\r\n"...)
	for _, c := range q.Contacts {
		b = append(append(append(b, "Contact: "...), c...), "\r\n"...)
	}
	if q.given&fExpires != 0 {
		b = strconv.AppendInt(append(b, "Expires: "...), q.Expires, 10)
		b = append(b, "\r\n"...)
	}
	if len(q.UserAgent) > 0 {
		b = append(append(append(b, "User-Agent: "...), q.UserAgent...), "\r\n"...)
	}
	if len(q.Username) > 0 {
		b = append(b, `Authorization: Digest username="`...)
		for _, c := range q.Username {
			if c == '"' || c == '\\' {
				b = append(b, '\\') // quoted-pair (RFC 3261 section 25.1)
			}
			b = append(b, c)
		}
		b = append(b, "\"\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendHost appends a host as a URI has it: switches give IPv6 addresses with
// brackets or without.
func appendHost(b, host []byte) []byte {
	if bytes.IndexByte(host, ':') >= 0 && bytes.IndexByte(host, '[') < 0 {
		if a, err := netip.ParseAddr(string(host)); err == nil && a.Is6() {
			return append(append(append(b, '['), host...), ']')
		}
	}
	return append(b, host...)
}
