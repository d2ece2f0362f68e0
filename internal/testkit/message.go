package testkit

import (
	"crypto/md5"
	"fmt"
	"net/netip"
	"strconv"
)

// leg is one SIP relation on one hop: up sent the INVITE to down.
type leg struct {
	up, down                 netip.AddrPort
	tcp                      bool
	callID, fromTag          string
	caller, callee           string // numbers
	domain                   netip.Addr
	upContact, downContact   netip.AddrPort
	route                    netip.AddrPort // of a proxy that stays in the path; invalid: none
	offer, answer            netip.AddrPort // media
	offerEvents, answerEvent uint8
	pad                      bool // blow the INVITE up
}

// via is one Via value: who sent the request, and its transaction.
type via struct {
	by     netip.AddrPort
	branch string
}

// message is one SIP message on a leg.
type message struct {
	method string // of the request, or of the CSeq of a response
	status int    // 0 for a request
	cseq   int
	vias   [2]via
	toUp   bool   // it travels to the side that sent the INVITE
	callee bool   // the callee began the transaction: From and To change places
	target bool   // a request within the dialog: it goes to the other side's contact
	tag    string // To tag; "" for none
	sdp    byte   // 'o' offer, 'a' answer, 0 none
	auth   bool   // a request with credentials
}

var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 401: "Unauthorized", 403: "Forbidden",
	404: "Not Found", 407: "Proxy Authentication Required", 480: "Temporarily Unavailable", 486: "Busy Here",
	487: "Request Terminated", 503: "Service Unavailable", 603: "Decline",
}

// write appends the message (RFC 3261 section 7) to b.
func (l *leg) write(b []byte, m *message) []byte {
	if m.status == 0 {
		b = append(append(b, m.method...), ' ')
		b = l.requestURI(b, m)
		b = append(b, " SIP/2.0\r\n"...)
	} else {
		b = append(b, "SIP/2.0 "...)
		b = strconv.AppendInt(b, int64(m.status), 10)
		b = append(append(append(b, ' '), phrases[m.status]...), "\r\n"...)
	}
	for _, v := range m.vias {
		if v.by.IsValid() {
			b = l.via(b, v)
		}
	}
	b = l.routing(b, m)
	if m.status == 0 {
		b = append(b, "Max-Forwards: 70\r\n"...)
	}
	b = l.parties(b, m)
	b = append(append(append(b, "Call-ID: "...), l.callID...), "\r\nCSeq: "...)
	b = strconv.AppendInt(b, int64(m.cseq), 10)
	b = append(append(append(b, ' '), m.method...), "\r\n"...)
	b = l.extras(b, m)
	if m.sdp == 0 {
		return append(b, "Content-Length: 0\r\n\r\n"...)
	}
	body := l.sdp(nil, m.sdp)
	b = append(b, "Content-Type: application/sdp\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

func (l *leg) via(b []byte, v via) []byte {
	b = append(b, "Via: SIP/2.0/"...)
	if l.tcp {
		b = append(b, "TCP "...)
	} else {
		b = append(b, "UDP "...)
	}
	b = v.by.AppendTo(b)
	return append(append(append(b, ";branch=z9hG4bK"...), v.branch...), "\r\n"...)
}

func (l *leg) requestURI(b []byte, m *message) []byte {
	user, at := l.callee, l.down
	switch {
	case m.method == "REGISTER":
		b = append(b, "sip:"...)
		return netip.AddrPortFrom(l.domain, l.down.Port()).AppendTo(b)
	case m.callee:
		user, at = l.caller, l.upContact
	case m.target:
		at = l.downContact
	}
	return uri(b, user, at)
}

func uri(b []byte, user string, at netip.AddrPort) []byte {
	b = append(append(append(b, "sip:"...), user...), '@')
	return at.AppendTo(b)
}

// routing keeps a proxy in the path (RFC 3261 section 16.6 step 4).
func (l *leg) routing(b []byte, m *message) []byte {
	if !l.route.IsValid() {
		return b
	}
	var name string
	switch {
	case m.method == "INVITE" && (m.status == 0 && m.vias[1].by.IsValid() || m.status > 100 && m.status < 300):
		name = "Record-Route"
	case m.status == 0 && m.target && !m.vias[1].by.IsValid():
		name = "Route"
	default:
		return b
	}
	b = append(append(b, name...), ": <sip:"...)
	b = l.route.AppendTo(b)
	return append(b, ";lr>\r\n"...)
}

func (l *leg) parties(b []byte, m *message) []byte {
	from, to, fromTag, toTag := l.caller, l.callee, l.fromTag, m.tag
	if m.callee {
		from, to, fromTag, toTag = to, from, toTag, fromTag
	}
	b = party(b, "From: <", from, l.domain, fromTag)
	return party(b, "To: <", to, l.domain, toTag)
}

func party(b []byte, name, user string, host netip.Addr, tag string) []byte {
	b = append(append(append(append(b, name...), "sip:"...), user...), '@')
	if host.Is6() {
		b = append(host.AppendTo(append(b, '[')), ']')
	} else {
		b = host.AppendTo(b)
	}
	b = append(b, '>')
	if tag != "" {
		b = append(append(b, ";tag="...), tag...)
	}
	return append(b, "\r\n"...)
}

func (l *leg) extras(b []byte, m *message) []byte {
	contact, user := l.upContact, l.caller
	if m.toUp && m.method == "INVITE" {
		contact, user = l.downContact, l.callee
	}
	switch {
	case m.method == "INVITE" && (m.status == 0 || m.status > 100 && m.status < 300):
		b = append(uri(append(b, "Contact: <"...), user, contact), ">\r\n"...)
	case m.method == "REGISTER" && m.status == 0:
		b = append(uri(append(b, "Contact: <"...), user, contact), ">\r\nExpires: 3600\r\n"...)
	case m.method == "REGISTER" && m.status == 200:
		b = append(uri(append(b, "Contact: <"...), user, contact), ">;expires=3600\r\n"...)
	}
	if m.status == 0 {
		b = append(b, "User-Agent: sipward-testkit\r\n"...)
		if l.pad && m.method == "INVITE" {
			b = append(b, padding...)
		}
	}
	return l.credentials(b, m)
}

// credentials is digest authentication (RFC 3261 section 22).
func (l *leg) credentials(b []byte, m *message) []byte {
	challenge, answer := "WWW-Authenticate", "Authorization"
	if m.method == "INVITE" {
		challenge, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	nonce := "n" + l.callID
	switch {
	case m.status == 401 || m.status == 407:
		return fmt.Appendf(b, "%s: Digest realm=%q, nonce=%q, algorithm=MD5\r\n", challenge, realm, nonce)
	case m.auth:
		target := string(l.requestURI(nil, m))
		return fmt.Appendf(b, "%s: Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, algorithm=MD5\r\n",
			answer, l.caller, realm, nonce, target, digest(l.caller, m.method, target, nonce))
	}
	return b
}

const realm = "sipward"

// digest is the response of RFC 2617 section 3.2.2.1 without qop; the password is the number.
func digest(user, method, target, nonce string) string {
	return sum(sum(user+":"+realm+":"+user) + ":" + nonce + ":" + sum(method+":"+target))
}

func sum(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

// padding makes an INVITE too large for one Ethernet frame.
var padding = func() []byte {
	var b []byte
	for i := range 30 {
		b = append(append(b, "X-Sipward-Filler-"...), strconv.Itoa(i)...)
		b = append(b, ": the quick brown fox jumps over the lazy dog, and again\r\n"...)
	}
	return b
}()

// sdp writes an offer or answer (RFC 8866, RFC 3264).
func (l *leg) sdp(b []byte, which byte) []byte {
	at, events := l.offer, strconv.Itoa(int(l.offerEvents))
	if which == 'a' {
		at, events = l.answer, strconv.Itoa(int(l.answerEvent))
	}
	family := " IN IP4 "
	if at.Addr().Is6() {
		family = " IN IP6 "
	}
	address := family + at.Addr().String() + "\r\n"
	b = append(b, "v=0\r\no=- 1 1"+address+"s=-\r\nc="+address[1:]+"t=0 0\r\nm=audio "...)
	b = strconv.AppendUint(b, uint64(at.Port()), 10)
	return append(b, " RTP/AVP 0 "+events+"\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:"+events+
		" telephone-event/8000\r\na=fmtp:"+events+" 0-16\r\na=ptime:20\r\na=sendrecv\r\n"...)
}
