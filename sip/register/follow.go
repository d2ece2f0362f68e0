package register

import (
	"hash/maphash"
	"slices"
	"strings"
	"unsafe"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// pending is a REGISTER that waits for its answer, or an answer that was
// captured before its REGISTER.
type pending struct {
	to        parse.URI
	asked     string // host of the Request-URI
	username  string
	contacts  []parse.Contact // nil, unless asked for or answered with
	expires   int32           // of the header
	vias      int             // of the hop that names the source
	source    packet.Endpoint // zero: no REGISTER was seen yet
	transport packet.Transport
	hops      [maxHops]hop
	hopCount  int
	applied   bool // the answer's contacts are in the registry

	answered      bool
	answer        []parse.Contact // while it is not applied
	answerExpires int32           // Expires header of the answer
	answerTime    int64
	via           hop // that the answer took
}

type hop struct{ src, dst [16]byte }

const (
	maxHops = 4
	// maxAsked bounds the contacts that are kept of one message.
	maxAsked = 32
	// maxPending bounds what a generation remembers, in bytes.
	maxPending = 16 << 20
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

// keep copies what is needed of a REGISTER.
func (x *pending) keep(m *parse.Message) {
	x.to, x.asked, x.username, x.expires = m.To, m.RequestURI.Host, m.AuthUser, m.Expires
	x.contacts = append([]parse.Contact(nil), m.Contacts[:min(len(m.Contacts), maxAsked)]...)
	own(append(texts3(x.contacts), &x.to.User, &x.to.Host, &x.asked, &x.username)...)
}

func texts3(contacts []parse.Contact) []*string {
	all := make([]*string, 0, 3*len(contacts)+4)
	for i := range contacts {
		c := &contacts[i]
		all = append(all, &c.URI.User, &c.URI.Host, &c.Instance)
	}
	return all
}

// own copies texts out of what they are part of: those of a message can be
// parts of 50 KB.
func own(all ...*string) {
	n := 0
	for _, s := range all {
		n += len(*s)
	}
	var b strings.Builder
	b.Grow(n)
	for _, s := range all {
		b.WriteString(*s)
	}
	kept := b.String()
	for _, s := range all {
		n := len(*s)
		*s, kept = kept[:n], kept[n:]
	}
}

func (x *pending) weight() int {
	n := int(unsafe.Sizeof(*x)) + len(x.to.User) + len(x.to.Host) + len(x.asked) + len(x.username) + 64
	return n + weightOf(x.contacts) + weightOf(x.answer)
}

func weightOf(contacts []parse.Contact) (n int) {
	for i := range contacts {
		c := &contacts[i]
		n += int(unsafe.Sizeof(*c)) + len(c.URI.User) + len(c.URI.Host) + len(c.Instance)
	}
	return n
}

// hear takes a hop of the REGISTER in, and reports whether it says better than
// those before where the phone is: the fewest Vias, but not the switch itself.
func (x *pending) hear(r *Registry, p *packet.Packet, m *parse.Message) (better bool) {
	h := hop{p.Src.IP, p.Dst.IP}
	for i := range x.hopCount {
		if x.hops[i] == h {
			return false
		}
	}
	if x.hopCount < maxHops {
		x.hops[x.hopCount] = h
		x.hopCount++
	}
	if !x.source.IsZero() {
		was, is := r.book.Local(x.source.Addr()), r.book.Local(p.Src.Addr())
		if is && !was || is == was && m.Vias >= x.vias {
			return false
		}
	}
	x.source, x.transport, x.vias = p.Src, p.Transport, m.Vias
	return true
}

// goesBack reports whether an answer on hop h answers a REGISTER on one of x's.
// The switch may answer from another of its addresses.
func (x *pending) goesBack(r *Registry, h hop) bool {
	for _, q := range x.hops[:x.hopCount] {
		if q.src == h.dst && (q.dst == h.src || r.book.Local(packet.Endpoint{IP: h.src}.Addr())) {
			return true
		}
	}
	return false
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
	own(texts3(x.answer)...)
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

// named returns the contact of the REGISTER that c, which the registrar lists, is;
// nil when the phone did not name it.
func (x *pending) named(r *Registry, c *parse.Contact) *parse.Contact {
	if c.Star {
		return nil
	}
	n := r.nameOf(c)
	for i := range x.contacts {
		o := r.nameOf(&x.contacts[i])
		if o.contact == n.contact || n.instance != 0 && o.instance == n.instance {
			return &x.contacts[i]
		}
	}
	return nil
}

// only returns the one contact that the phone wants to add; nil when there are
// none or several. Behind NAT a registrar may list the address that the phone was
// seen at in its place.
func (x *pending) only() *parse.Contact {
	if len(x.contacts) != 1 || x.contacts[0].Star || asked(&x.contacts[0], x.expires) == 0 {
		return nil
	}
	return &x.contacts[0]
}

// seenAt reports whether c is the address that the REGISTER came from.
func (x *pending) seenAt(c *parse.Contact) bool {
	return c.Port == x.source.Port && c.URI.Host == x.source.Addr().String()
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
		b.Asked, b.Username, b.Transport = x.asked, x.username, x.transport
		b.Source, b.Named = x.source.AddrPort(), parse.Contact{}
		if mine.URI != c.URI || mine.Port != c.Port {
			b.Named = parse.Contact{URI: mine.URI, Port: mine.Port, Expires: -1}
		}
	} else if i == 0 {
		b.Asked = b.Domain
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

// examine finds the customer of slot i by the present table, and whether the
// table would refuse its number.
func (r *Registry) examine(i uint32) {
	s := r.at(i)
	s.customer, s.checked = r.owner(i), r.version
	var stray Reason
	if customer, sure := r.present(i); sure || customer != party.Unknown {
		number := ""
		if s.key&unnumbered != 0 {
			number = r.binding(i).Number
		}
		stray = r.strayOf(customer, s.key, number)
	}
	was := r.of(i).stray
	r.of(i).stray = stray
	switch {
	case was == 0 && stray != 0:
		r.stats.Strays++
		r.change(Strayed, i)
	case was != 0 && stray == 0:
		r.stats.Strays--
		r.change(Settled, i)
	}
}

// Tick removes what has expired at now and judges bindings by a new table, in
// at most most steps of well under a microsecond, as the caller may hold a
// lock. more reports whether another call has more to do. The changes are
// valid until the next call of Message or Tick.
func (r *Registry) Tick(now int64, most int) (changes []Change, more bool) {
	r.changes = r.changes[:0]
	most = r.wheel.turn(r, now, most, func(i uint32) {
		r.change(Expired, i)
		r.remove(i)
	})
	for ; most > 0 && r.sweep != 0; most-- {
		if r.sweep > r.used {
			r.sweep = 0
			break
		}
		if s := r.at(r.sweep); s.expires != 0 && s.checked != r.version {
			r.examine(r.sweep)
		}
		r.sweep++
	}
	return r.changes, most == 0
}
