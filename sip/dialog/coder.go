package dialog

import (
	"encoding/binary"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// coder writes values one after the other, or reads them back: one description
// of a leg serves both, so they cannot differ. Numbers are varints (as in
// protobuf), texts have their length before them. What is read is bounded by
// what there is; the first value that is missing or out of range makes all that
// follow zero.
type coder struct {
	b       []byte // written, or left to read
	reading bool
	bad     bool
	base    int64 // times are stored as their distance from it
}

func (c *coder) fail() {
	c.bad = true
	c.b = nil
}

func (c *coder) number(x *uint64) {
	switch {
	case c.reading:
	case *x < 0x80: // as most are
		c.b = append(c.b, byte(*x))
		return
	default:
		c.b = binary.AppendUvarint(c.b, *x)
		return
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return
	}
	*x, c.b = v, c.b[n:]
}

// small codes a number of a narrower type, at most limit.
func small[T ~uint8 | ~uint16 | ~uint32](c *coder, x *T, limit uint64) {
	v := uint64(*x)
	c.number(&v)
	if v > limit {
		c.fail()
		v = 0
	}
	*x = T(v) // bounded
}

// time codes nanoseconds since the Unix epoch. 0 stays 0: never.
func (c *coder) time(x *int64) {
	var v uint64
	if *x != 0 {
		d := *x - c.base
		v = uint64(d<<1^d>>63) + 1 // zigzag
	}
	c.number(&v)
	if !c.reading {
		return
	}
	*x = 0
	if v != 0 {
		v--
		*x = c.base + (int64(v>>1) ^ -int64(v&1)) // zigzag
	}
}

// maxText bounds one text; no header line that was parsed is longer.
const maxText = 1 << 16

func (c *coder) text(s *string) {
	n := uint64(min(len(*s), maxText))
	c.number(&n)
	switch {
	case !c.reading:
		c.b = append(c.b, (*s)[:n]...)
	case n > uint64(len(c.b)) || n > maxText:
		c.fail()
	default:
		*s, c.b = string(c.b[:n]), c.b[n:]
	}
}

func (c *coder) uri(u *parse.URI) {
	c.text(&u.User)
	c.text(&u.Host)
}

// flags codes up to eight flags as one byte.
func (c *coder) flags(of ...*bool) {
	var bits uint8
	for i, f := range of {
		if *f {
			bits |= 1 << i
		}
	}
	small(c, &bits, 255)
	for i, f := range of {
		*f = bits>>i&1 != 0
	}
}

// v4in6 is what an IPv4 address begins with in 16 bytes (RFC 4291 section
// 2.5.5.2).
var v4in6 = [12]byte{10: 0xFF, 11: 0xFF}

func (c *coder) endpoint(e *packet.Endpoint) {
	v4 := [12]byte(e.IP[:12]) == v4in6
	c.flags(&v4)
	from := 0
	if v4 {
		from = 12
	}
	switch {
	case !c.reading:
		c.b = append(c.b, e.IP[from:]...)
	case len(c.b) < 16-from:
		c.fail()
	default:
		if v4 {
			copy(e.IP[:], v4in6[:])
		}
		copy(e.IP[from:], c.b)
		c.b = c.b[16-from:]
	}
	small(c, &e.Port, 1<<16-1)
}

func (c *coder) types(p *parse.PayloadTypes) {
	c.number(&p[0])
	c.number(&p[1])
}

func (c *coder) cseqs(s *cseqs) {
	small(c, &s.top, 1<<32-1)
	small(c, &s.seen, 1<<32-1)
}

// list codes up to most elements.
func list[T any](c *coder, of *[]T, most int, each func(*coder, *T)) {
	n := uint64(len(*of))
	c.number(&n)
	if c.reading {
		// An element takes a byte at least: what claims more is nonsense.
		if n > uint64(most) || n > uint64(len(c.b)) { // most is a small constant
			c.fail()
			return
		}
		if n > 0 {
			*of = make([]T, n)
		}
	}
	for i := range *of {
		each(c, &(*of)[i])
	}
}
