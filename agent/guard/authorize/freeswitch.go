package authorize

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// FreeSWITCH asks for a user of its directory, by mod_xml_curl's form, when
// credentials came with a REGISTER. What its source makes of an answer decides
// how a verdict is said:
//
//   - a section "result" with the status "not found" has it go on to its own
//     directory (switch_xml_locate): that is how a REGISTER passes;
//   - any status but 200, and any document without the domain that was asked
//     for, has it go on as well: a refusal must be a 200 with that very domain;
//   - a user without parameters, or with an empty password, needs no password
//     (sofia_reg_parse_auth). A user with sip-forbid-register is answered 403
//     before any password is looked at; the key that no password has is for
//     versions that do not know that parameter.
//
// key_value, which is the realm that the phone sent, stands in the form without
// being escaped, so a phone can write fields of its own into it. A field that
// comes with two values is therefore a forgery, and refused.

// form is what is read of FreeSWITCH's form.
type form struct {
	values  [formFields]string
	have    [formFields]bool
	forged  bool
	lookup  bool // the directory is asked
	auth    bool // for a user that sent credentials
	method  bool // with a REGISTER
	partial bool // not all of the form was read
}

// formField is a field of FreeSWITCH's form.
type formField int

const (
	ffKeyValue formField = iota // domain that is looked up, as the phone wrote it
	ffDomain                    // the same, escaped as it should be
	ffUser                      // that is looked up
	ffToUser
	ffToHost
	ffRequestHost
	ffUsername
	ffAddr
	ffPort
	ffVia
	ffUserAgent
	ffSection
	ffAction
	ffMethod
	formFields
)

var formNames = map[string]formField{
	"key_value": ffKeyValue, "domain": ffDomain, "user": ffUser,
	"sip_to_user": ffToUser, "sip_to_host": ffToHost, "sip_request_host": ffRequestHost,
	"sip_auth_username": ffUsername, "ip": ffAddr, "client_port": ffPort,
	"sip_via_protocol": ffVia, "sip_user_agent": ffUserAgent,
	"section": ffSection, "action": ffAction, "sip_auth_method": ffMethod,
}

const notFound = `<?xml version="1.0" encoding="UTF-8"?>
<document type="freeswitch/xml"><section name="result"><result status="not found"/></section></document>
`

// freeswitch answers POST /v1/freeswitch.
func (s *Server) freeswitch(w http.ResponseWriter, r *http.Request, k *work) {
	p := k.read(r)
	started := time.Now()
	defer s.watch(started)
	if kind := mediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		s.bad(w, k, &problem{http.StatusUnsupportedMediaType, "Content-Type " + quoted(kind) + ": mod_xml_curl sends application/x-www-form-urlencoded"})
		return
	}
	partial := p != nil && p.status == http.StatusRequestEntityTooLarge
	if p != nil && !partial {
		s.bad(w, k, p)
		return
	}
	f := readForm(k.body)
	f.partial = partial
	if !f.registration() {
		s.count.elsewhere.Add(1)
		write(w, http.StatusOK, xmlType, []byte(notFound))
		return
	}
	if partial { // where it came from stands at the end
		s.count.refused.Add(1)
	} else {
		about, p := k.understandForm(f)
		if p != nil {
			s.bad(w, k, p)
			return
		}
		if s.judge(&k.request, about).Pass() {
			write(w, http.StatusOK, xmlType, []byte(notFound))
			return
		}
	}
	k.out = s.appendForbidden(k.out[:0], f)
	write(w, http.StatusOK, xmlType, k.out)
}

// registration reports whether a phone wants to register, or might: of a form
// that is too long the end with the method was not read.
func (f *form) registration() bool { return f.lookup && f.auth && (f.method || f.partial) }

func readForm(body []byte) *form {
	f := new(form)
	body = bytes.TrimSuffix(body, []byte("\n")) // versions before 1.0 end it so
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte("&"))
		name, val, _ := bytes.Cut(pair, []byte("="))
		if i, ok := formNames[string(name)]; ok {
			f.put(i, string(val))
		}
	}
	return f
}

func (f *form) put(i formField, raw string) {
	text, err := url.QueryUnescape(raw)
	if err != nil {
		text = raw
		f.forged = f.forged || i != ffKeyValue // FreeSWITCH escapes the others
	}
	f.lookup = f.lookup || i == ffSection && text == "directory"
	f.auth = f.auth || i == ffAction && text == "sip_auth"
	f.method = f.method || i == ffMethod && text == "REGISTER"
	f.forged = f.forged || f.have[i] && f.values[i] != text
	f.values[i], f.have[i] = text, true
}

// understandForm fills k.request. Contacts are left out: the form has none with
// its port, so FreeSWITCH's own limit of them has to do.
func (k *work) understandForm(f *form) (About, *problem) {
	from, p := newSource(f.values[ffAddr], "", "")
	if p != nil {
		return About{}, badRequest("ip: " + p.detail + "; is it missing in the binding's enable-post-var?")
	}
	if n, err := strconv.ParseUint(f.values[ffPort], 10, 16); err == nil {
		from.port = uint16(n)
	}
	if t, ok := readTransport(f.values[ffVia]); ok { // the phone wrote it
		from.transport = t
	}
	q := &k.question
	q.User, q.Domain = []byte(f.values[ffToUser]), []byte(f.values[ffToHost])
	q.Username, q.UserAgent = []byte(f.values[ffUsername]), []byte(f.values[ffUserAgent])
	if f.have[ffRequestHost] {
		q.RequestHost = []byte(f.values[ffRequestHost])
		q.given |= fRequestHost
	}
	about := k.describe(from)
	k.request.Broken = k.request.Broken || f.forged || !f.have[ffToUser]
	return about, nil
}

// appendForbidden appends a directory in which the user must not register.
func (s *Server) appendForbidden(b []byte, f *form) []byte {
	domain := f.values[ffKeyValue]
	if f.have[ffDomain] {
		domain = f.values[ffDomain] // of two, the one that FreeSWITCH wrote is the last
	}
	b = append(b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<document type="freeswitch/xml"><section name="directory"><domain name="`...)
	b = append(appendXML(b, domain), `"><user id="`...)
	b = append(appendXML(b, f.values[ffUser]), `"><params><param name="sip-forbid-register" value="true"/><param name="a1-hash" value="`...)
	b = append(b, s.key...)
	return append(b, "\"/></params></user></domain></section></document>\n"...)
}

// appendXML appends the text of an attribute. FreeSWITCH replaces $${name} by a
// variable before it reads the document, so a dollar is escaped too.
func appendXML(b []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '<', '>', '&', '"', '\'', '$', '\t', '\n', '\r':
			b = append(b, '&', '#')
			b = append(strconv.AppendInt(b, int64(r), 10), ';')
		default:
			if r < ' ' { // none of the others may stand in XML (section 2.2)
				r = utf8.RuneError
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// noKey returns an A1 hash that belongs to no password, as far as anybody knows.
func noKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
