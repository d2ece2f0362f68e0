package register

import (
	"net/netip"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// Reason says why a REGISTER may pass or not. The set is closed: it labels
// metrics and records.
type Reason uint8

// Reasons, in the order in which they are looked for; the zero value is invalid.
const (
	// Malformed: no registrar may take it, or two would read it differently.
	Malformed Reason = iota + 1
	// Deregistration takes a number from nobody but its owner: it always passes.
	Deregistration
	// Banned: the source was refused too often.
	Banned
	// UnknownCustomer: neither source nor domain is a customer's.
	UnknownCustomer
	// NonNumeric: the user part is not a number, so no block can hold it.
	NonNumeric
	// OutsideBlocks: none of the customer's blocks holds the number.
	OutsideBlocks
	// ForeignBlock: a customer without blocks asks for a number of another's block.
	ForeignBlock
	// ForeignUsername: the digest username is a number of another's block.
	ForeignUsername
	// InUse: another customer's phone is registered with the number.
	InUse
	// TooManyContacts: the number has as many phones as it may.
	TooManyContacts
	// Allowed: nothing speaks against it.
	Allowed
	reasonEnd
)

// Reasons is the number of Reason values with the invalid zero, for arrays
// indexed by one.
const Reasons = int(reasonEnd)

// words are what metrics, records and people call the reasons.
var words = [Reasons]string{
	0:               "invalid",
	Malformed:       "malformed",
	Deregistration:  "deregistration",
	Banned:          "banned",
	UnknownCustomer: "unknown_customer",
	NonNumeric:      "non_numeric",
	OutsideBlocks:   "outside_blocks",
	ForeignBlock:    "foreign_block",
	ForeignUsername: "foreign_username",
	InUse:           "in_use",
	TooManyContacts: "too_many_contacts",
	Allowed:         "allowed",
}

// String returns the reason as a metric label.
func (r Reason) String() string {
	if r >= reasonEnd {
		r = 0
	}
	return words[r]
}

// Verdict is what becomes of a REGISTER.
type Verdict struct {
	Reason   Reason
	Customer party.ID    // of the source; party.Unknown
	Block    party.Block // that the reason is about: one of the customer's, or the holder's; zero: none
	Holder   party.ID    // who owns Block or uses the number, when that is somebody else
}

// Pass reports whether the REGISTER may reach the registrar.
func (v Verdict) Pass() bool { return v.Reason == Allowed || v.Reason == Deregistration }

// Request is what a verdict looks at.
type Request struct {
	Broken      bool       // cannot be read as one REGISTER
	Banned      bool       // the source is banned
	To          parse.URI  // address of record
	RequestHost string     // lower case
	Username    string     // of the digest; "" for none
	Source      netip.Addr // without zone; IPv4 is not mapped; zero: not known
	Contacts    []parse.Contact
	Expires     int32 // seconds, of the Expires header; -1 when absent
}

// Policy is what the table of customers does not say.
type Policy struct {
	UnknownCustomer party.Rule // a source that is no customer's
	MaxContacts     int        // phones with one number at once; 0: any; a customer's own comes first
}

// Fill makes q of a REGISTER as it was read. Texts and contacts belong to m: q
// is to be judged before the parser's next call.
func (q *Request) Fill(m *parse.Message, p *packet.Packet) {
	*q = Request{
		Broken:      m.Repeated || m.Mismatched || m.Cut || m.Ambiguous || m.To == (parse.URI{}) || p.Truncated,
		To:          m.To,
		RequestHost: m.RequestURI.Host,
		Username:    m.AuthUser,
		Source:      p.Src.Addr(),
		Contacts:    m.Contacts,
		Expires:     m.Expires,
	}
}
