package register

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// savedVersion is the first byte of a saved binding.
const savedVersion = 1

// Errors of Restore. What is refused may be forgotten on disk too.
var (
	ErrSaved   = errors.New("a saved binding makes no sense")
	ErrExpired = errors.New("a saved binding has expired")
	ErrFull    = errors.New("there is no room for a saved binding")
)

func uri(user, host string) parse.URI { return parse.URI{User: user, Host: host} }

// Append appends b as Restore reads it. Who b belongs to is not written: its
// source and domains are, by which the table of the day finds its customer.
func (b *Binding) Append(to []byte) []byte {
	to = append(to, savedVersion)
	for _, n := range []uint64{b.ID, uint64(b.Since / second), uint64(b.Refreshed / second), uint64(b.Expires), // times
		uint64(b.Transport), uint64(b.Contact.Port), uint64(b.Contact.RegID), uint64(b.Source.Port()), uint64(b.Named.Port)} {
		to = binary.AppendUvarint(to, n)
	}
	addr := b.Source.Addr().AsSlice()
	to = append(append(to, byte(len(addr))), addr...)
	for _, s := range b.texts() {
		t := (*s)[:min(len(*s), 255)]
		to = append(binary.AppendUvarint(to, uint64(len(t))), t...)
	}
	return to
}

func (b *Binding) texts() [9]*string {
	return [...]*string{
		&b.Number, &b.Domain, &b.RequestHost, &b.Username, &b.Contact.URI.User, &b.Contact.URI.Host, &b.Contact.Instance,
		&b.Named.URI.User, &b.Named.URI.Host,
	}
}

// decode reads what Append wrote.
func (b *Binding) decode(data []byte) error {
	if len(data) == 0 || data[0] != savedVersion {
		return fmt.Errorf("%w: another version wrote it", ErrSaved)
	}
	d := savedReader{left: data[1:]}
	const maxSecond = 1 << 63 / uint64(second)
	*b = Binding{ID: d.number(1<<63 - 1)}
	b.Since, b.Refreshed = int64(d.number(maxSecond-1))*second, int64(d.number(maxSecond-1))*second // bounded
	b.Expires = int64(d.number(1<<63 - 1))                                                          // bounded
	b.Transport = packet.Transport(d.number(uint64(packet.Transports) - 1))                         // bounded
	b.Contact.Expires = -1
	b.Contact.Port, b.Contact.RegID = uint16(d.number(1<<16-1)), uint32(d.number(1<<32-1)) // bounded
	port := uint16(d.number(1<<16 - 1))                                                    // bounded
	b.Named.Port = uint16(d.number(1<<16 - 1))                                             // bounded
	if raw := d.bytes(); len(raw) > 0 {
		addr, ok := netip.AddrFromSlice(raw)
		d.bad = d.bad || !ok
		b.Source = netip.AddrPortFrom(addr.Unmap(), port)
	}
	for _, s := range b.texts() {
		*s = string(d.bytes())
	}
	if b.Named.URI != (parse.URI{}) {
		b.Named.Expires = -1
	} else {
		d.bad = d.bad || b.Named.Port != 0
	}
	switch {
	case d.bad:
		return fmt.Errorf("%w: it is cut short, or holds impossible values", ErrSaved)
	case len(d.left) > 0:
		return fmt.Errorf("%w: %d bytes more than expected", ErrSaved, len(d.left))
	case b.ID == 0:
		return fmt.Errorf("%w: it has no ID", ErrSaved)
	}
	return nil
}

// savedReader takes a saved binding apart; bad says that something was none.
type savedReader struct {
	left []byte
	bad  bool
}

// number reads a number of at most most.
func (d *savedReader) number(most uint64) uint64 {
	v, n := binary.Uvarint(d.left)
	if n <= 0 || v > most {
		d.bad, d.left = true, nil
		return 0
	}
	d.left = d.left[n:]
	return v
}

// bytes reads a length and as many bytes.
func (d *savedReader) bytes() []byte {
	n := int(d.number(255)) // bounded
	if n > len(d.left) {
		d.bad, d.left = true, nil
		return nil
	}
	t := d.left[:n]
	d.left = d.left[n:]
	return t
}

// Restore takes over a binding that Append wrote, unless it has expired at now.
// It keeps its ID; later ones get higher IDs. It is judged by the present table
// at once; that it is a stray shows in Stats and List, and is no Change.
func (r *Registry) Restore(data []byte, now int64) error {
	var b Binding
	if err := b.decode(data); err != nil {
		return err
	}
	r.lastID = max(r.lastID, b.ID)
	if b.Expires <= now {
		return ErrExpired
	}
	key, _, _ := keyOf(r.seed, uri(b.Number, b.Domain))
	if party.Digits(b.Number) && b.Number[0] == '+' {
		return fmt.Errorf("%w: a number with a +", ErrSaved)
	}
	if r.has(key, contactHash(r.seed, &b.Contact)) {
		return fmt.Errorf("%w: its contact came twice", ErrSaved)
	}
	i := r.add(key, &b)
	if i == 0 {
		return ErrFull
	}
	r.changes = r.changes[:0]
	r.examine(i)
	return nil
}

// has reports whether the registrar lists a contact of that URI.
func (r *Registry) has(key, contact uint64) bool {
	for i := r.chain(key); i != 0; i = r.at(i).sibling {
		if r.at(i).contact&^renamed == contact {
			return true
		}
	}
	return false
}
