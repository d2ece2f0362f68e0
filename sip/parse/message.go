// Package parse turns payloads into SIP messages and session descriptions.
// sipgo parses SIP and pion parses SDP; this package decides cheaply what is
// worth handing to them, mends what real devices get wrong, and keeps only
// what the rest of Sipward reads. It is pure: no IO, no clock.
package parse

import "github.com/sipward/sipward/sip/packet"

// Method is a SIP request method.
type Method uint8

// Methods; the zero value is invalid. Any method without a constant is
// OtherMethod.
const (
	OtherMethod Method = iota + 1
	INVITE
	ACK
	BYE
	CANCEL
	REGISTER
	OPTIONS
	INFO
	PRACK
	UPDATE
	REFER
	SUBSCRIBE
	NOTIFY
	MESSAGE
	PUBLISH
)

// URI is the part of a SIP or tel URI that identifies a party.
type URI struct {
	User string // unescaped, without parameters; for tel URIs the number
	Host string // lower case, without port and IPv6 brackets; "" for tel URIs
}

// Contact is one Contact header value, as REGISTER uses it (RFC 3261 section
// 10.2.1, RFC 5626 section 4.1).
type Contact struct {
	URI      URI
	Port     uint16 // 0 when absent
	Star     bool   // "Contact: *"
	Expires  int32  // seconds; -1 when absent
	Instance string // +sip.instance, without quotes and angle brackets
	RegID    uint32 // reg-id; 0 when absent
}

// Message is one SIP message. Strings do not alias the payload; Body does. The
// strings of one message share one allocation of a few hundred bytes, so keep
// several of them or clone the one. Call-ID, tags and branch have at most 512
// bytes: what is longer ends in its hash instead. Other strings are cut at 255.
type Message struct {
	Method     Method // of the request, or of the response's CSeq
	Status     uint16 // 0 for a request
	Phrase     string // reason phrase of a response
	RequestURI URI

	CallID  string
	FromTag string
	ToTag   string
	Branch  string // of the topmost Via
	Vias    int    // number of Via values: the hops so far
	CSeq    uint32
	From    URI
	To      URI

	Contacts       []Contact
	Expires        int32  // seconds; -1 when absent
	SessionExpires uint32 // seconds (RFC 4028); 0 when absent
	Cause          uint16 // Q.850 or SIP cause of a Reason header (RFC 3326); 0 when absent
	AuthUser       string // username of Authorization or Proxy-Authorization
	UserAgent      string // User-Agent, or Server in a response

	// What a registrar may read in another way than the fields above. An
	// observer goes by the first of several, whoever decides must not.
	Repeated   bool // To, From, Call-ID, CSeq, Expires, a contact's expires or the digest username came twice with different values
	Mismatched bool // a request whose CSeq does not name its method
	Cut        bool // headers or contacts beyond the bounds were left out
	Ambiguous  bool // a REGISTER whose lines, To, Contact or Expires programs take apart in different ways

	Digit byte   // INFO with application/dtmf-relay or application/dtmf: one of 0-9*#A-D!, else 0
	SDP   *SDP   // nil without a session description; valid until the parser's next call
	Body  []byte // the whole body, multipart or not
}

// Request reports whether m is a request.
func (m *Message) Request() bool { return m.Status == 0 }

// PayloadTypes is a set of RTP payload types 0-127.
type PayloadTypes [2]uint64

// Add puts pt into the set; values above 127 are ignored.
func (s *PayloadTypes) Add(pt uint8) {
	if pt < 128 {
		s[pt>>6] |= 1 << (pt & 63)
	}
}

// Has reports whether pt is in the set.
func (s PayloadTypes) Has(pt uint8) bool { return pt < 128 && s[pt>>6]&(1<<(pt&63)) != 0 }

// Empty reports whether the set has no members.
func (s PayloadTypes) Empty() bool { return s == PayloadTypes{} }

// Union returns the set of what is in either.
func (s PayloadTypes) Union(o PayloadTypes) PayloadTypes {
	return PayloadTypes{s[0] | o[0], s[1] | o[1]}
}

// Direction is an SDP media direction (RFC 4566 section 6).
type Direction uint8

// Directions; the zero value is invalid, the default of SDP is SendRecv.
const (
	SendRecv Direction = iota + 1
	SendOnly
	RecvOnly
	Inactive
)

// SDP is a session description (RFC 8866), its media lines in order.
type SDP struct {
	Media []Media
}

// Media is one m= line that RTP can use, as its sender wants to receive it.
// Lines with port 0, without RTP, or without a usable address keep their
// place in SDP.Media with a zero RTP endpoint. A host name in c= is no usable
// address: nothing is resolved. Of ICE only the default candidate, c= and m=,
// is read.
type Media struct {
	RTP       packet.Endpoint // where packets are wanted; zero: none (port 0, 0.0.0.0, not RTP)
	RTCP      packet.Endpoint // a=rtcp, else RTP port + 1; RTP itself with rtcp-mux
	Kind      MediaKind
	Direction Direction
	Encrypted bool         // SAVP, SAVPF, a=crypto or a=fingerprint: never look inside
	Hold      bool         // c=0.0.0.0, or sendonly or inactive
	Formats   PayloadTypes // every payload type that means something: mapped, or static and listed
	Events    PayloadTypes // telephone-event (RFC 4733) types that the sender will accept
	Redundant PayloadTypes // RED (RFC 2198) types
	EventHz   uint32       // clock of telephone-event; 8000 when absent
	ClockHz   uint32       // clock of the first audio format
	Codec     string       // name of the first format ("PCMU"); static types are named too
}

// MediaKind is the type of an m= line.
type MediaKind uint8

// Media kinds; the zero value is invalid.
const (
	Audio MediaKind = iota + 1
	Video
	Image
	OtherMedia
)
