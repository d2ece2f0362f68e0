package register

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// Message follows a REGISTER or a response to one, as captured. The changes
// are valid until the next call of Message or Tick.
//
// A binding is learnt from the registrar's 2xx, whose Contacts are all that it
// has for the address of record (RFC 3261 section 10.3 step 8); from what was
// asked when it lists none. Only an answer that goes back where a REGISTER came
// from is believed: anyone can send the switch a 200.
func (r *Registry) Message(p *packet.Packet, m *parse.Message) []Change {
	r.changes = r.changes[:0]
	if m.Method != parse.REGISTER {
		return nil
	}
	key := r.pendingKey(m)
	switch {
	case m.Request():
		r.request(key, p, m)
	case m.Status >= 200:
		r.final(key, p, m)
	}
	return r.changes
}

// pendingKey names a REGISTER and its answers. The To belongs to it: two
// REGISTERs of one Call-ID and CSeq for two numbers must not share an answer.
func (r *Registry) pendingKey(m *parse.Message) uint64 {
	return mix(transaction(r.seed, m), mix(maphash.String(r.seed, m.To.User), maphash.String(r.seed, m.To.Host)))
}

// outbound reports a REGISTER by which the switch itself registers elsewhere.
func (r *Registry) outbound(p *packet.Packet, m *parse.Message) bool {
	if !r.book.Local(p.Src.Addr()) {
		return false
	}
	dst := p.Dst.Addr()
	return r.book.Is(r.book.ByAddr(dst), party.Carrier) || !r.book.Local(dst) && m.Vias <= 1
}

func (r *Registry) request(key uint64, p *packet.Packet, m *parse.Message) {
	if m.To == (parse.URI{}) || r.outbound(p, m) {
		return
	}
	x, known := r.pending.get(key)
	if !known {
		x = &pending{}
	}
	first := x.source.IsZero()
	if first {
		x.keep(m)
		r.pending.put(key, x, x.weight(), p.Time)
	}
	better := x.hear(r, p, m)
	switch {
	case x.answered && !x.applied:
		r.apply(x)
	case x.applied && better:
		r.adopt(x)
	}
}

func (r *Registry) final(key uint64, p *packet.Packet, m *parse.Message) {
	x, known := r.pending.get(key)
	h := hop{p.Src.IP, p.Dst.IP}
	if m.Status >= 300 {
		if known && !x.answered && x.goesBack(r, h) {
			r.pending.remove(key)
		}
		return
	}
	switch {
	case known && x.applied:
		return
	case known && x.hopCount > 0 && !x.goesBack(r, h):
		r.stats.Unasked++
		return
	case !known:
		x = &pending{}
	}
	x.answered, x.answerTime, x.via, x.answerExpires = true, p.Time, h, m.Expires
	x.answer = append([]parse.Contact(nil), m.Contacts...)
	if x.hopCount > 0 {
		r.apply(x)
		return
	}
	x.answer = x.answer[:min(len(x.answer), maxAsked)]
	own(contactTexts(x.answer)...)
	r.pending.put(key, x, x.weight(), p.Time)
}

// apply makes the registry as the registrar's answer says.
func (r *Registry) apply(x *pending) {
	if !x.goesBack(r, x.via) {
		return // perhaps of a hop that is seen later
	}
	x.applied = true
	key, _, _ := keyOf(r.seed, x.to)
	listed := x.answer
	x.answer = nil
	if len(listed) == 0 {
		r.applyAsked(key, x)
		return
	}
	named := slices.ContainsFunc(listed, func(c parse.Contact) bool { return x.named(r, &c) != nil })
	for i := range listed {
		c := &listed[i]
		if c.Star {
			continue
		}
		header := x.answerExpires
		mine := x.named(r, c)
		if mine == nil && !named && (len(listed) == 1 || x.seenAt(c)) {
			mine = x.only()
		}
		if mine != nil && header < 0 {
			header = asked(mine, x.expires)
		}
		r.accept(key, x, c, mine, asked(c, header))
	}
	r.removeUnlisted(key, x.to.Host, listed)
}

// applyAsked is for registrars that list nothing.
func (r *Registry) applyAsked(key uint64, x *pending) {
	for i := range x.contacts {
		c := &x.contacts[i]
		if c.Star {
			r.removeUnlisted(key, x.to.Host, nil)
			continue
		}
		expires := asked(c, x.expires)
		if x.answerExpires >= 0 && expires != 0 {
			expires = x.answerExpires // the registrar's word
		}
		r.accept(key, x, c, c, expires)
	}
}

// accept adds, refreshes or removes one contact; mine is what the REGISTER
// called it, nil when it did not name it.
func (r *Registry) accept(key uint64, x *pending, c, mine *parse.Contact, expires int32) {
	i := r.find(key, r.nameOf(c))
	if expires == 0 {
		if i != 0 {
			r.change(Removed, i)
			r.remove(i)
		}
		return
	}
	b := Binding{Number: strings.TrimPrefix(x.to.User, "+"), Domain: x.to.Host, Contact: *c, Since: x.answerTime}
	if key&unnumbered != 0 && !party.Digits(x.to.User) {
		b.Number = x.to.User
	}
	if i != 0 {
		b = r.binding(i)
		b.Contact = *c
	}
	b.Refreshed, b.Expires = x.answerTime, x.answerTime+int64(expires)*second
	if mine != nil {
		b.RequestHost, b.Username, b.Transport = x.requestHost, x.username, x.transport
		b.Source, b.Named = x.source.AddrPort(), parse.Contact{}
		if mine.URI != c.URI || mine.Port != c.Port {
			b.Named = parse.Contact{URI: mine.URI, Port: mine.Port, Expires: -1}
		}
	} else if i == 0 {
		b.RequestHost = b.Domain
	}
	r.store(key, i, &b)
}

// store adds b, or makes slot i hold it, and judges its number.
func (r *Registry) store(key uint64, i uint32, b *Binding) {
	what := Refreshed
	if i == 0 {
		what = Added
		r.lastID++
		b.ID = r.lastID
		if i = r.add(key, b); i == 0 {
			return
		}
	} else {
		r.fill(i, b)
	}
	at := len(r.changes)
	r.changes = append(r.changes, Change{What: what})
	r.examine(i)
	r.changes[at].Binding = r.binding(i)
}

// adopt gives the contacts that a REGISTER asked for the source of a hop that
// was seen after the answer.
func (r *Registry) adopt(x *pending) {
	key, _, _ := keyOf(r.seed, x.to)
	for n := range x.contacts {
		i := r.find(key, r.nameOf(&x.contacts[n]))
		if i == 0 || r.of(i).refreshed != seconds(x.answerTime) {
			continue // it has been refreshed since, or is gone
		}
		b := r.binding(i)
		b.Source, b.Transport = x.source.AddrPort(), x.transport
		r.store(key, i, &b)
	}
}

// removeUnlisted removes the bindings of an address of record that the
// registrar does not list. Those of the same number in another domain may be
// another address of record to it.
func (r *Registry) removeUnlisted(key uint64, domain string, listed []parse.Contact) {
	r.name(listed)
	for i := r.chain(key); i != 0; {
		s := r.at(i)
		next := s.sibling
		if own, _ := r.hosts(i); own == domain && !r.named(i) {
			r.change(Removed, i)
			r.remove(i)
		}
		i = next
	}
}
