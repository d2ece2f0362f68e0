package register

import (
	"net/netip"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// slot is a Binding in the registry, or what a verdict reads of it: one cache
// line, the rest is in rest. Both are without pointers, so that a million of
// them cost the garbage collector nothing. 0 is no slot.
type slot struct {
	key      uint64   // of the address of record, see keyOf
	contact  uint64   // hash of the contact's URI
	instance uint64   // hash of +sip.instance and reg-id; 0: it has not both
	expires  int64    // 0: the slot is free
	sibling  uint32   // the next of the same key
	next     uint32   // of a key's first: the first of another key in the index; or the next free slot
	checked  uint32   // version of the table that customer and stray are by
	customer party.ID // by that version
	source   [16]byte // as of packet.Endpoint; zero: nobody was seen registering it
}

type rest struct {
	id        uint64
	named     uint64 // hash of the contact's URI as its phone named it; 0: the same
	since     uint32 // seconds since the Unix epoch
	refreshed uint32
	later     uint32 // in its bucket of the wheel
	sooner    uint32
	text      uint32
	textLen   uint16
	port      uint16 // of the source
	bucket    uint16 // of the wheel, and 1; 0: in none
	transport packet.Transport
	stray     Reason
	flags     flags
}

// seen reports whether the binding's REGISTER was.
func (s *slot) seen() bool { return s.source != [16]byte{} }

func (s *slot) addr() netip.Addr { return packet.Endpoint{IP: s.source}.Addr() }

const slotPage = 1 << 10

func (r *Registry) at(i uint32) *slot { return &r.slots[i/slotPage][i%slotPage] }
func (r *Registry) of(i uint32) *rest { return &r.rests[i/slotPage][i%slotPage] }

// home is where the index has a key. All of it is made at once: a table that
// grows would stall whoever waits for it to be copied.
func (r *Registry) home(key uint64) *uint32 {
	return &r.index[scatter(key^r.salt)&uint64(len(r.index)-1)] // not negative
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
	o.text, o.textLen = r.texts.put(r.scratch), uint16(len(r.scratch)) // at most maxText
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
