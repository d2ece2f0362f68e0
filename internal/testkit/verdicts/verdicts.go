// Package verdicts is the specification of verdicts on REGISTERs as a table.
// Each row says who asks for what while who is registered, and what becomes of
// it; the same rows are run against the core and through each edge. It shares
// no code with what it tests: texts alone.
package verdicts

import (
	"fmt"
	"slices"
	"strings"
)

// Table is a table of customers and what the node says beside it.
type Table struct {
	UnknownCustomer string // allow or deny
	MaxContacts     int    // of a number; a customer's own comes first
	Local           []string
	Customers       []Customer
	Carriers        []Customer
}

// Customer is one as a configuration lists it.
type Customer struct {
	ID          string
	Addresses   []string // prefixes
	Domains     []string
	Blocks      []string // as 1000-1999
	NonNumeric  string   // allow, deny or nothing
	MaxContacts int
}

// Phone is a contact that is registered before, or that a REGISTER names.
type Phone struct {
	URI      string // without brackets; "*" for all
	Expires  string // parameter; "" for none
	Instance string // +sip.instance
	RegID    string
}

// Binding is what the registrar accepted before.
type Binding struct {
	To     string // user@host
	Source string // address; "": the registrar lists it, nobody was seen registering it
	Phone  Phone
}

// Row is one line of the specification.
type Row struct {
	Name     string
	Table    Table
	Bindings []Binding // live
	Over     []Binding // that have expired

	Source   string // address of the REGISTER
	To       string // user@host
	Request  string // host of the Request-URI; "": that of To
	Username string // of the digest; "" for no Authorization
	Expires  string // header; "" for none
	Phones   []Phone
	Banned   bool // the source is banned

	ToHeader string   // in place of the To of To; "-" for none
	CSeq     string   // in place of "1 REGISTER"
	Extra    []string // header lines beside
	Broken   bool     // To, CSeq or Extra make it one that two readers read differently

	Reason   string // the verdict, as metrics have it
	Customer string // whose REGISTER it is
	Block    string // that the reason is about; "" for none
	Holder   string // whose block it is, or who uses the number; "" for nobody else
}

// Pass reports whether the row's REGISTER may reach the registrar.
func (r *Row) Pass() bool { return r.Reason == "allowed" || r.Reason == "deregistration" }

// User returns the user part of the address of record.
func (r *Row) User() string { return user(r.To) }

// Domain returns its host.
func (r *Row) Domain() string { return host(r.To) }

// RequestHost returns the host of the Request-URI.
func (r *Row) RequestHost() string {
	if r.Request != "" {
		return r.Request
	}
	return r.Domain()
}

// user and host read user@host, or host alone.
func user(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return s[:i]
	}
	return ""
}

func host(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }

// At is where and as what a REGISTER is sent.
type At struct {
	Via       string // sent-by: the phone's address and port
	Transport string // UDP, TCP or TLS
	CallID    string // names the transaction, with the branch made of it
}

// Message renders the row's REGISTER as SIP (RFC 3261 section 10.2).
func (r *Row) Message(at At) []byte {
	to := r.ToHeader
	if to == "" {
		to = "<sip:" + bracketed(r.To) + ">"
	}
	cseq := r.CSeq
	if cseq == "" {
		cseq = "1 REGISTER"
	}
	lines := []string{
		"REGISTER sip:" + bracketed(r.RequestHost()) + " SIP/2.0",
		"Via: SIP/2.0/" + at.Transport + " " + at.Via + ";rport;branch=z9hG4bK" + strings.Map(token, at.CallID),
		"Max-Forwards: 70",
		"From: <sip:" + bracketed(r.To) + ">;tag=" + strings.Map(token, at.CallID),
	}
	if to != "-" {
		lines = append(lines, "To: "+to)
	}
	lines = append(lines, "Call-ID: "+at.CallID, "CSeq: "+cseq)
	for _, p := range r.Phones {
		lines = append(lines, "Contact: "+p.Value())
	}
	if r.Expires != "" {
		lines = append(lines, "Expires: "+r.Expires)
	}
	if r.Username != "" {
		lines = append(lines, fmt.Sprintf("Authorization: Digest username=%q, realm=\"pbx\", nonce=\"n\", uri=\"sip:pbx\", response=\"00000000000000000000000000000000\"", r.Username))
	}
	lines = append(lines, r.Extra...)
	return []byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
}

// Answer renders the registrar's 200 to a binding's REGISTER, which lists the
// contacts that it has.
func Answer(b Binding, at At, listed []Phone) []byte {
	lines := []string{
		"SIP/2.0 200 OK",
		"Via: SIP/2.0/" + at.Transport + " " + at.Via + ";rport;branch=z9hG4bK" + strings.Map(token, at.CallID),
		"From: <sip:" + bracketed(b.To) + ">;tag=" + strings.Map(token, at.CallID),
		"To: <sip:" + bracketed(b.To) + ">;tag=registrar", "Call-ID: " + at.CallID, "CSeq: 1 REGISTER",
	}
	for _, p := range listed {
		lines = append(lines, "Contact: "+p.Value())
	}
	return []byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
}

// Row returns the row whose REGISTER, accepted, makes the binding.
func (b Binding) Row() Row {
	return Row{Name: "registers " + b.To, Source: b.Source, To: b.To, Phones: []Phone{b.Phone}}
}

// Value renders a contact as a header value.
func (p Phone) Value() string {
	if p.URI == "*" {
		return "*"
	}
	s := "<sip:" + p.URI + ">"
	if p.Expires != "" {
		s += ";expires=" + p.Expires
	}
	if p.Instance != "" {
		s += ";+sip.instance=\"<" + p.Instance + ">\""
	}
	if p.RegID != "" {
		s += ";reg-id=" + p.RegID
	}
	return s
}

// bracketed puts an IPv6 host into brackets, as a URI has it.
func bracketed(s string) string {
	h := host(s)
	if strings.Count(h, ":") < 2 {
		return s
	}
	return strings.TrimSuffix(s, h) + "[" + h + "]"
}

func token(c rune) rune {
	if c == '@' || c == ' ' || c == ':' || c == ',' || c == '"' {
		return '-'
	}
	return c
}

// YAML renders the parties of the table as a configuration has them.
func (t *Table) YAML() string {
	var b strings.Builder
	for _, list := range []struct {
		key string
		of  []Customer
	}{{"customers", t.Customers}, {"carriers", t.Carriers}} {
		if len(list.of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", list.key)
		for _, c := range list.of {
			fmt.Fprintf(&b, "  - id: %s\n", c.ID)
			quoted(&b, "addresses", c.Addresses)
			quoted(&b, "domains", c.Domains)
			if len(c.Blocks) > 0 {
				b.WriteString("    blocks:\n")
			}
			for _, block := range c.Blocks {
				first, last, _ := strings.Cut(block, "-")
				fmt.Fprintf(&b, "      - {first: %q, last: %q}\n", first, last)
			}
			if c.NonNumeric != "" {
				fmt.Fprintf(&b, "    non_numeric: %s\n", c.NonNumeric)
			}
			if c.MaxContacts != 0 {
				fmt.Fprintf(&b, "    max_contacts: %d\n", c.MaxContacts)
			}
		}
	}
	return b.String()
}

func quoted(b *strings.Builder, key string, of []string) {
	if len(of) == 0 {
		return
	}
	q := make([]string, len(of))
	for i, s := range of {
		q[i] = fmt.Sprintf("%q", s)
	}
	fmt.Fprintf(b, "    %s: [%s]\n", key, strings.Join(q, ", "))
}

// Rows returns the whole specification.
func Rows() []Row {
	return slices.Concat(forms(), parties(), numbers(), usernames(), bindings(), contacts())
}
