package register

import (
	"hash/maphash"
	"math/bits"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// Config of a Registry.
type Config struct {
	Book        *party.Book
	Policy      Policy
	MaxBindings int // live at once; 0: 1,000,000
}

const defaultBindings = 1_000_000

// MaxContacts bounds the bindings of one number that are followed: a verdict
// looks at each.
const MaxContacts = 128

// Registry holds the live bindings and judges REGISTERs by them and by the
// table of customers. It is not safe for concurrent use. A binding costs about
// 180 bytes, which TestBindingCost measures, and room for a million 4 MiB more.
type Registry struct {
	cfg   Config
	book  *party.Book
	seed  maphash.Seed
	index []uint32 // by hash of the key: the first of a list of keys
	salt  uint64
	slots [][]slot // pages of slotPage
	rests [][]rest
	used  uint32 // slots that were ever handed out; the first is 1
	free  uint32 // the first that is free
	texts texts
	wheel wheel

	lastID  uint64
	version uint32 // of the table: rises with SetBook
	sweep   uint32 // the next slot that Tick judges by the present table; 0: all are

	pending generations[*pending]
	changes []Change
	scratch []byte
	names   []name
	in      inquiry // of the present Judge or Explain: on the stack it would be an allocation
	stats   Stats
}

// Stats counts what a Registry holds and what it could not use.
type Stats struct {
	Bindings  int    // live, or expired since the last Tick
	Strays    int    // of these
	Pending   int    // REGISTERs that are remembered for their answer
	Discarded uint64 // contacts that were accepted and had no room here
	Forgotten uint64 // REGISTERs that were forgotten before their time
	Unasked   uint64 // 2xx that came from where no REGISTER was sent
}

// NewRegistry returns a Registry without bindings.
func NewRegistry(cfg Config) *Registry {
	if cfg.MaxBindings <= 0 {
		cfg.MaxBindings = defaultBindings
	}
	seed := maphash.MakeSeed()
	return &Registry{
		cfg: cfg, book: cfg.Book, seed: seed, salt: maphash.String(seed, "index"), version: 1,
		index:   make([]uint32, 1<<bits.Len(uint(cfg.MaxBindings))), //nolint:gosec // positive
		pending: newGenerations[*pending](generation, maxPending),
	}
}

// SetBook makes verdicts go by book, which must come from the present one by
// Next. It costs nothing: bindings are looked at by Tick, step by step.
func (r *Registry) SetBook(book *party.Book) {
	r.book = book
	r.version++
	r.sweep = 1
}

// SetPolicy changes what the table does not say.
func (r *Registry) SetPolicy(p Policy) { r.cfg.Policy = p }

// Stats returns the registry's counters.
func (r *Registry) Stats() Stats {
	s := r.stats
	s.Pending, s.Forgotten = r.pending.len(), r.pending.forgotten
	return s
}

// What happened to a binding.
type What uint8

// Changes; the zero value is invalid.
const (
	Added     What = iota + 1
	Refreshed      // the registrar confirmed it; its expiry or source may be others
	Removed        // by its phone, or by the registrar, which lists it no more
	Expired
	Strayed // the table, or a newer one, would refuse its number
	Settled // it was a stray and is none any more
)

// String returns what happened in a word.
func (w What) String() string {
	switch w {
	case Added:
		return "added"
	case Refreshed:
		return "refreshed"
	case Removed:
		return "removed"
	case Expired:
		return "expired"
	case Strayed:
		return "strayed"
	case Settled:
		return "settled"
	}
	return "invalid"
}

// Change is what happened to one binding. A binding that is learnt as a stray
// is Added, then Strayed.
type Change struct {
	What    What
	Binding Binding
}

func (r *Registry) change(w What, i uint32) {
	r.changes = append(r.changes, Change{w, r.binding(i)})
}

const slotPage = 1 << 10

func (r *Registry) at(i uint32) *slot { return &r.slots[i/slotPage][i%slotPage] }
func (r *Registry) of(i uint32) *rest { return &r.rests[i/slotPage][i%slotPage] }

// home is where the index has a key. All of it is made at once: a table that
// grows would stall whoever waits for it to be copied.
func (r *Registry) home(key uint64) *uint32 {
	return &r.index[scatter(key^r.salt)&uint64(len(r.index)-1)] //nolint:gosec // not negative
}

// chain returns the first slot of a key, whose others are its siblings; 0: none.
func (r *Registry) chain(key uint64) uint32 {
	i := *r.home(key)
	for i != 0 && r.at(i).key != key {
		i = r.at(i).next
	}
	return i
}

// find returns the slot of a contact of key, 0 when there is none. What the
// registrar lists comes before what phones call themselves: two phones behind
// two routers can have one private address.
func (r *Registry) find(key uint64, n name) (found uint32) {
	for i := r.chain(key); i != 0; i = r.at(i).sibling {
		switch {
		case r.at(i).contact&^renamed == n.contact:
			return i
		case found == 0 && r.is(i, n):
			found = i
		}
	}
	return found
}

// add takes b over, whose ID is given, and returns its slot, or 0 when there is
// no room.
func (r *Registry) add(key uint64, b *Binding) uint32 {
	length := 0
	for i := r.chain(key); i != 0; i = r.at(i).sibling {
		length++
	}
	if r.stats.Bindings >= r.cfg.MaxBindings || length >= MaxContacts {
		r.stats.Discarded++
		return 0
	}
	i := r.take()
	s := r.at(i)
	*s = slot{key: key}
	*r.of(i) = rest{id: b.ID, since: seconds(b.Since)}
	r.link(i)
	r.stats.Bindings++
	r.fill(i, b)
	return i
}

// fill writes what a refresh can change.
func (r *Registry) fill(i uint32, b *Binding) {
	s, o := r.at(i), r.of(i)
	n := r.nameOf(&b.Contact)
	s.contact, s.instance, o.named = n.contact, n.instance, 0
	if b.Named.URI != (parse.URI{}) {
		o.named = contactHash(r.seed, &b.Named)
		s.contact |= renamed
	}
	o.refreshed, s.expires, o.transport = seconds(b.Refreshed), b.Expires, b.Transport
	s.source, o.port = [16]byte{}, b.Source.Port()
	if b.Source.IsValid() {
		s.source = b.Source.Addr().As16()
	}
	r.texts.drop(o.text, int(o.textLen))
	r.scratch = o.flags.write(b, s.key, r.scratch[:0])
	o.text, o.textLen = r.texts.put(r.scratch), uint16(len(r.scratch)) //nolint:gosec // at most maxText
	r.wheel.put(r, i)
}

// link puts slot i into the index.
func (r *Registry) link(i uint32) {
	s := r.at(i)
	if first := r.chain(s.key); first != 0 {
		f := r.at(first)
		s.sibling, f.sibling = f.sibling, i
		return
	}
	home := r.home(s.key)
	s.next, *home = *home, i
}

// unlink takes slot i out of the index. The sibling of a first becomes the
// first.
func (r *Registry) unlink(i uint32) {
	s := r.at(i)
	if first := r.chain(s.key); first != i {
		before := r.at(first)
		for before.sibling != i {
			before = r.at(before.sibling)
		}
		before.sibling = s.sibling
		return
	}
	before := r.home(s.key)
	for *before != i {
		before = &r.at(*before).next
	}
	*before = s.next
	if s.sibling != 0 {
		r.at(s.sibling).next, *before = s.next, s.sibling
	}
}

func (r *Registry) take() uint32 {
	if i := r.free; i != 0 {
		r.free = r.at(i).next
		return i
	}
	r.used++
	if int(r.used/slotPage) >= len(r.slots) {
		r.slots = append(r.slots, make([]slot, slotPage))
		r.rests = append(r.rests, make([]rest, slotPage))
	}
	return r.used
}

func (r *Registry) remove(i uint32) {
	s, o := r.at(i), r.of(i)
	r.wheel.out(r, i)
	r.texts.drop(o.text, int(o.textLen))
	if o.stray != 0 {
		r.stats.Strays--
	}
	r.unlink(i)
	*s, *o = slot{next: r.free}, rest{}
	r.free = i
	r.stats.Bindings--
}

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
	domain, asked := r.hosts(i)
	q := Request{To: parse.URI{Host: domain}, RequestHost: asked}
	if s.seen() {
		q.Source = s.addr()
	}
	customer, _ := customerOf(r.book, &q)
	return customer
}

// hosts returns Domain and Asked of slot i; they are not to be kept.
func (r *Registry) hosts(i uint32) (domain, asked string) {
	o := r.of(i)
	return o.flags.hosts(r.texts.get(o.text, int(o.textLen)))
}
