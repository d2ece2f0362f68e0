package register

import (
	"strings"
	"unsafe"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// pending is a REGISTER that waits for its answer, or an answer that was
// captured before its REGISTER.
type pending struct {
	to          parse.URI
	requestHost string // host of the Request-URI
	username    string
	contacts    []parse.Contact // nil, unless asked for or answered with
	expires     int32           // of the header
	vias        int             // of the hop that names the source
	source      packet.Endpoint // zero: no REGISTER was seen yet
	transport   packet.Transport
	hops        [maxHops]hop
	hopCount    int
	applied     bool // the answer's contacts are in the registry

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

// keep copies what is needed of a REGISTER.
func (x *pending) keep(m *parse.Message) {
	x.to, x.requestHost, x.username, x.expires = m.To, m.RequestURI.Host, m.AuthUser, m.Expires
	x.contacts = append([]parse.Contact(nil), m.Contacts[:min(len(m.Contacts), maxAsked)]...)
	own(append(contactTexts(x.contacts), &x.to.User, &x.to.Host, &x.requestHost, &x.username)...)
}

// contactTexts lists the texts of contacts, with room for those of their REGISTER.
func contactTexts(contacts []parse.Contact) []*string {
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
	n := int(unsafe.Sizeof(*x)) + len(x.to.User) + len(x.to.Host) + len(x.requestHost) + len(x.username) + 64
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
