package register

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// Binding is one contact that the registrar accepted for an address of record.
type Binding struct {
	ID          uint64         // of this binding for as long as it lives; rises with each new one
	Number      string         // user part; of a number the digits without +
	Domain      string         // host of the address of record
	RequestHost string         // host of the Request-URI
	Username    string         // of the digest
	Contact     parse.Contact  // as the registrar lists it
	Named       parse.Contact  // as its phone named it, where the registrar lists another URI; else zero
	Source      netip.AddrPort // of the REGISTER's first hop; zero: nobody was seen registering it
	Transport   packet.Transport
	Customer    party.ID // by the present table
	Stray       Reason   // why the present table would refuse the number; 0: it would not
	Since       int64    // when it was learnt, in nanoseconds since the Unix epoch, to the second
	Refreshed   int64    // when the registrar last confirmed it, to the second
	Expires     int64    // when it ends
}

// flags say which texts of a slot are not written, since they follow from others.
type flags uint8

const (
	numbered    flags = 1 << iota // Number is in the key
	requestSame                   // RequestHost is Domain
	userSame                      // the contact's user is Number
	usernameNot                   // there is no Username
	usernameSame
	namedSame // the registrar lists the contact as its phone named it
)

const second = int64(1e9)

func seconds(ns int64) uint32 {
	return uint32(min(max(ns/second, 0), 1<<32-1)) // bounded
}

// unnumbered marks keys that are hashes; no party.Number has that bit.
const unnumbered = 1 << 63

// keyOf names an address of record: a number is one whatever its domain, since
// blocks are the switch's; anything else is user@host.
func keyOf(seed maphash.Seed, to parse.URI) (key uint64, number party.Number, numeric bool) {
	if number = party.Pack(to.User); number != 0 {
		return uint64(number), number, true
	}
	if party.Digits(to.User) { // longer than any block's
		return maphash.String(seed, strings.TrimPrefix(to.User, "+")) | unnumbered, 0, true
	}
	return mix(maphash.String(seed, to.User), maphash.String(seed, to.Host)) | unnumbered, 0, false
}

// mix makes one hash of two; each bit of either changes half of it.
func mix(a, b uint64) uint64 { return scatter(bits.RotateLeft64(a, 23) ^ scatter(b)) }

// scatter is the finalizer of MurmurHash3.
func scatter(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// renamed is the bit of slot.contact that says that rest.named counts too: so a
// verdict does not look there in vain.
const renamed = 1

func contactHash(seed maphash.Seed, c *parse.Contact) uint64 {
	return mix(mix(maphash.String(seed, c.URI.User), maphash.String(seed, c.URI.Host)), uint64(c.Port)) &^ renamed
}

// instanceHash is 0 unless the contact has both an instance and a reg-id, which
// then name it whatever its URI (RFC 5626 section 6).
func instanceHash(seed maphash.Seed, c *parse.Contact) uint64 {
	if c.Instance == "" || c.RegID == 0 {
		return 0
	}
	return mix(maphash.String(seed, c.Instance), uint64(c.RegID)) | 1
}

// name is a contact's identity among those of one address of record.
type name struct{ contact, instance uint64 }

func (r *Registry) nameOf(c *parse.Contact) name {
	return name{contactHash(r.seed, c), instanceHash(r.seed, c)}
}

// is reports whether n names the contact of slot i, as the registrar lists it or
// as its phone named it: a registrar behind NAT lists where a phone can be
// reached, and the phone goes on naming the address that it knows.
func (r *Registry) is(i uint32, n name) bool {
	s := r.at(i)
	return n.contact == s.contact&^renamed || n.instance != 0 && n.instance == s.instance ||
		s.contact&renamed != 0 && n.contact == r.of(i).named
}

// write appends the texts of b and sets the flags of those that it leaves out.
func (f *flags) write(b *Binding, key uint64, to []byte) []byte {
	*f = 0
	set := func(is bool, bit flags) bool {
		if is {
			*f |= bit
		}
		return is
	}
	text := func(s string) {
		s = s[:min(len(s), 255)]
		to = append(append(to, byte(len(s))), s...)
	}
	to = append(to, byte(b.Contact.Port>>8), byte(b.Contact.Port))
	to = append(to, byte(b.Contact.RegID>>24), byte(b.Contact.RegID>>16), byte(b.Contact.RegID>>8), byte(b.Contact.RegID))
	if !set(key&unnumbered == 0, numbered) {
		text(b.Number)
	}
	text(b.Domain)
	if !set(b.RequestHost == b.Domain, requestSame) {
		text(b.RequestHost)
	}
	if !set(b.Contact.URI.User == b.Number, userSame) {
		text(b.Contact.URI.User)
	}
	text(b.Contact.URI.Host)
	text(b.Contact.Instance)
	if !set(b.Username == "", usernameNot) && !set(b.Username == b.Number, usernameSame) {
		text(b.Username)
	}
	if !set(b.Named.URI == (parse.URI{}), namedSame) {
		to = append(to, byte(b.Named.Port>>8), byte(b.Named.Port))
		text(b.Named.URI.User)
		text(b.Named.URI.Host)
	}
	return to
}

// read fills the texts of b.
func (f flags) read(b *Binding, key uint64, from string) {
	text := func() string {
		n := 1 + int(from[0])
		s := from[1:n]
		from = from[n:]
		return s
	}
	b.Contact.Port = uint16(from[0])<<8 | uint16(from[1])
	b.Contact.RegID = uint32(from[2])<<24 | uint32(from[3])<<16 | uint32(from[4])<<8 | uint32(from[5])
	from = from[6:]
	if f&numbered != 0 {
		b.Number = party.Number(key).String()
	} else {
		b.Number = text()
	}
	b.Domain = text()
	b.RequestHost, b.Contact.URI.User, b.Username = b.Domain, b.Number, b.Number
	if f&requestSame == 0 {
		b.RequestHost = text()
	}
	if f&userSame == 0 {
		b.Contact.URI.User = text()
	}
	b.Contact.URI.Host = text()
	b.Contact.Instance = text()
	if f&usernameNot != 0 {
		b.Username = ""
	} else if f&usernameSame == 0 {
		b.Username = text()
	}
	if f&namedSame == 0 {
		b.Named = parse.Contact{Port: uint16(from[0])<<8 | uint16(from[1]), Expires: -1}
		from = from[2:]
		b.Named.URI.User = text()
		b.Named.URI.Host = text()
	}
}

// hosts returns Domain and RequestHost without a copy: they are not to be kept.
func (f flags) hosts(from []byte) (domain, request string) {
	text := func() string {
		n := int(from[0])
		s := unsafe.String(unsafe.SliceData(from[1:]), n)
		from = from[1+n:]
		return s
	}
	from = from[6:]
	if f&numbered == 0 {
		text()
	}
	domain = text()
	if f&requestSame != 0 {
		return domain, domain
	}
	return domain, text()
}

// binding returns what slot i holds.
func (r *Registry) binding(i uint32) Binding {
	s, o := r.at(i), r.of(i)
	b := Binding{
		ID: o.id, Transport: o.transport, Customer: s.customer, Stray: o.stray,
		Since: int64(o.since) * second, Refreshed: int64(o.refreshed) * second, Expires: s.expires,
	}
	if s.seen() {
		b.Source = packet.Endpoint{IP: s.source, Port: o.port}.AddrPort()
	}
	b.Contact.Expires = -1
	o.flags.read(&b, s.key, string(r.texts.get(o.text, int(o.textLen))))
	return b
}
