package register

import (
	"strings"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// inquiry is what the checks of one REGISTER know.
type inquiry struct {
	q       *Request
	now     int64
	found   foundBy // how the customer was found
	key     uint64
	number  party.Number // 0: none, or longer than any block's
	numeric bool
	block   party.Block // that holds the number
	owner   party.ID    // of block
	held    bool        // some block holds the number
	first   uint32      // binding of the number; 0: there is none
	other   uint32      // the binding that is in the way
	keeps   int         // contacts that the number has beside
	adds    int         // contacts that the REGISTER adds or refreshes
	limit   int
	v       Verdict
}

// check is one reason. Judge and Explain walk the same list.
type check struct {
	reason Reason
	// applies reports whether the reason decides, and sets block and holder.
	applies func(r *Registry, in *inquiry) bool
	// say tells an operator what was found, either way.
	say func(r *Registry, in *inquiry, applies bool) string
}

// checks stand in the order of the reasons; the first that applies decides.
var checks = [...]check{
	{Malformed, (*Registry).malformed, (*Registry).sayMalformed},
	{Deregistration, (*Registry).deregistration, (*Registry).sayDeregistration},
	{Banned, (*Registry).banned, (*Registry).sayBanned},
	{UnknownCustomer, (*Registry).unknownCustomer, (*Registry).sayUnknownCustomer},
	{NonNumeric, (*Registry).nonNumeric, (*Registry).sayNonNumeric},
	{OutsideBlocks, (*Registry).outsideBlocks, (*Registry).sayOutsideBlocks},
	{ForeignBlock, (*Registry).foreignBlock, (*Registry).sayForeignBlock},
	{ForeignUsername, (*Registry).foreignUsername, (*Registry).sayForeignUsername},
	{InUse, (*Registry).inUse, (*Registry).sayInUse},
	{TooManyContacts, (*Registry).tooManyContacts, (*Registry).sayTooManyContacts},
}

// Judge says what becomes of a REGISTER at now, in nanoseconds since the Unix
// epoch. It changes nothing, and allocates nothing.
func (r *Registry) Judge(q *Request, now int64) Verdict {
	in := r.inquire(q, now)
	defer r.forget()
	for i := range checks {
		if c := &checks[i]; c.applies(r, in) {
			in.v.Reason = c.reason
			return in.v
		}
	}
	in.v.Reason = Allowed
	in.v.Block = in.block
	return in.v
}

// Step is one check of Explain.
type Step struct {
	Check   Reason
	Decides bool   // it is the verdict
	Text    string // a sentence for people
}

// Explain judges as Judge does and says what each check found, up to the one
// that decides.
func (r *Registry) Explain(q *Request, now int64) (Verdict, []Step) {
	in := r.inquire(q, now)
	defer r.forget()
	var steps []Step
	for i := range checks {
		c := &checks[i]
		applies := c.applies(r, in)
		steps = append(steps, Step{c.reason, applies, c.say(r, in, applies)})
		if applies {
			in.v.Reason = c.reason
			return in.v, steps
		}
	}
	in.v.Reason = Allowed
	in.v.Block = in.block
	return in.v, append(steps, Step{Allowed, true, "Nothing speaks against it."})
}

func (r *Registry) inquire(q *Request, now int64) *inquiry {
	r.in = inquiry{q: q, now: now}
	in := &r.in
	in.key, in.number, in.numeric = keyOf(r.seed, q.To)
	in.v.Customer, in.found = customerOf(r.book, q)
	in.block, in.owner, in.held = r.book.BlockOf(in.number)
	return in
}

// forget lets go of what belongs to the caller.
func (r *Registry) forget() { r.in = inquiry{} }

// malformed: two readers could take it for two different REGISTERs, or it
// breaks RFC 3261 section 10.3 step 6.
func (r *Registry) malformed(in *inquiry) bool {
	return in.q.Broken || strayStar(in.q) || disguised(in.q.To)
}

// disguised reports an address of record that ends at a control character to
// programs in C, or whose host is a number: Asterisk takes it for the user part
// when there is none. It can be told to cut a user part at a semicolon, too.
func disguised(to parse.URI) bool {
	for i := range len(to.User) {
		if c := to.User[i]; c < ' ' || c == 0x7f {
			return true
		}
	}
	number, _, cut := strings.Cut(to.User, ";") // an escaped one: others are no part of it
	return to.User == "" && party.Digits(to.Host) || cut && party.Digits(number)
}

// strayStar reports a "Contact: *" beside another contact, or with another
// expiry than 0.
func strayStar(q *Request) bool {
	for i := range q.Contacts {
		if q.Contacts[i].Star && (len(q.Contacts) > 1 || q.Expires != 0) {
			return true
		}
	}
	return false
}

func (r *Registry) deregistration(in *inquiry) bool {
	for i := range in.q.Contacts {
		if c := &in.q.Contacts[i]; !c.Star && asked(c, in.q.Expires) != 0 {
			return false
		}
	}
	return len(in.q.Contacts) > 0
}

// defaultExpires is for who says nothing (RFC 3261 section 10.2.1.1 leaves it
// to the registrar; section 20.10 has an hour).
const defaultExpires = 3600

// asked is how long a contact is wanted, in seconds.
func asked(c *parse.Contact, header int32) int32 {
	switch {
	case c.Expires >= 0:
		return c.Expires
	case header >= 0:
		return header
	}
	return defaultExpires
}

func (r *Registry) banned(in *inquiry) bool { return in.q.Banned }

func (r *Registry) unknownCustomer(in *inquiry) bool {
	return in.v.Customer == party.Unknown && r.cfg.Policy.UnknownCustomer == party.Deny
}

func (r *Registry) nonNumeric(in *inquiry) bool {
	return !in.numeric && r.book.NonNumeric(in.v.Customer) == party.Deny
}

func (r *Registry) outsideBlocks(in *inquiry) bool {
	if !in.numeric || !r.book.HasBlocks(in.v.Customer) {
		return false
	}
	switch {
	case in.held && in.owner == in.v.Customer:
		return false
	case in.held:
		in.v.Block, in.v.Holder = in.block, in.owner
	default:
		in.v.Block = r.book.Blocks(in.v.Customer)[0]
	}
	return true
}

func (r *Registry) foreignBlock(in *inquiry) bool {
	if !in.held || in.owner == in.v.Customer {
		return false
	}
	in.v.Block, in.v.Holder = in.block, in.owner
	return true
}

func (r *Registry) foreignUsername(in *inquiry) bool {
	// Some send it with their realm, and some as a URI, sip:1005@pbx.example.
	user, _, _ := strings.Cut(in.q.Username, "@")
	for more := true; more; {
		var part string
		part, user, more = strings.Cut(user, ":")
		number := party.Pack(part)
		if number == in.number {
			continue // it was looked at
		}
		if block, owner, held := r.book.BlockOf(number); held && owner != in.v.Customer {
			in.v.Block, in.v.Holder = block, owner
			return true
		}
	}
	return false
}

// inUse never keeps a customer from a number of its own blocks: who else has it is
// a stray, and must not be able to lock its owner out.
func (r *Registry) inUse(in *inquiry) bool {
	in.first = r.chain(in.key)
	if in.held {
		return false
	}
	for i := in.first; i != 0; i = r.at(i).sibling {
		if r.at(i).expires <= in.now {
			continue
		}
		if customer, sure := r.present(i); sure && customer != in.v.Customer {
			in.v.Block = in.block
			in.v.Holder, in.other = customer, i
			return true
		}
	}
	return false
}

func (r *Registry) tooManyContacts(in *inquiry) bool {
	in.limit = r.book.MaxContacts(in.v.Customer)
	if in.limit == 0 {
		in.limit = r.cfg.Policy.MaxContacts
	}
	for i := range in.q.Contacts {
		if asked(&in.q.Contacts[i], in.q.Expires) != 0 {
			in.adds++
		}
	}
	if in.limit <= 0 || in.adds == 0 {
		return false
	}
	r.name(in.q.Contacts)
	for i := in.first; i != 0; i = r.at(i).sibling {
		if r.at(i).expires <= in.now || r.named(i) {
			continue
		}
		if customer, sure := r.present(i); !sure || customer == in.v.Customer {
			in.keeps++
		}
	}
	if in.keeps+in.adds <= in.limit {
		return false
	}
	in.v.Block = in.block
	return true
}

// name takes down which contacts named is about.
func (r *Registry) name(contacts []parse.Contact) {
	r.names = r.names[:0]
	for i := range contacts {
		r.names = append(r.names, r.nameOf(&contacts[i]))
	}
}

// named reports whether the contact of slot i is one of those.
func (r *Registry) named(i uint32) bool {
	for _, n := range r.names {
		if r.is(i, n) {
			return true
		}
	}
	return false
}
