package register

import (
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// customerOf finds whose a REGISTER is: never by its number, which anyone can
// claim.
func customerOf(book *party.Book, q *Request) (party.ID, foundBy) {
	if id := book.ByAddr(q.Source); book.Is(id, party.Customer) {
		return id, bySource
	}
	if id := book.ByDomain(q.To.Host); book.Is(id, party.Customer) {
		return id, byDomain
	}
	if id := book.ByDomain(q.RequestHost); book.Is(id, party.Customer) {
		return id, byRequest
	}
	return party.Unknown, byNothing
}

// foundBy says what a customer was found by.
type foundBy uint8

const (
	byNothing foundBy = iota + 1
	bySource
	byDomain
	byRequest
)

// present returns the customer of a binding by the present table, and whether
// that is to be relied on: a REGISTER that was seen leaving the switch itself
// says nothing of whose phone it was, unless its domain does.
func (r *Registry) present(i uint32) (customer party.ID, sure bool) {
	s := r.at(i)
	customer = s.customer
	if s.checked != r.version {
		customer = r.owner(i)
	}
	switch {
	case !s.seen():
		return customer, false
	case customer == party.Unknown:
		return customer, !r.book.Local(s.addr())
	}
	return customer, true
}

// owner finds the customer of a binding by the present table.
func (r *Registry) owner(i uint32) party.ID {
	s := r.at(i)
	domain, request := r.hosts(i)
	q := Request{To: parse.URI{Host: domain}, RequestHost: request}
	if s.seen() {
		q.Source = s.addr()
	}
	customer, _ := customerOf(r.book, &q)
	return customer
}

// hosts returns Domain and RequestHost of slot i; they are not to be kept.
func (r *Registry) hosts(i uint32) (domain, request string) {
	o := r.of(i)
	return o.flags.hosts(r.texts.get(o.text, int(o.textLen)))
}
