package guard

import (
	"hash/maphash"
	"time"

	"github.com/sipward/sipward/sip/register"
)

const (
	// A generation lives as long as a transaction can (64*T1, RFC 3261 section
	// 17.1.2.2) and holds this many, so what is remembered is bounded in both.
	generation    = 32 * time.Second
	maxGeneration = 1 << 17
)

// maxResends is how often a client sends one request again: 10 times within
// 64*T1, with T1 of 500 ms and T2 of 4 s (RFC 3261 section 17.1.2.2), and some to
// spare. What comes more often is no retransmission but a flood.
const maxResends = 16

// recent remembers the verdicts on transactions, so that a request that is sent
// again gets the answer of the first.
type recent struct {
	young, old map[uint64]settled // by transaction
	turned     int64
	forgotten  uint64 // early, because there were too many
	seed       maphash.Seed
}

// settled is a transaction that has its verdict.
type settled struct {
	reason register.Reason
	resent uint8 // at most 255
}

func newRecent() recent {
	return recent{young: map[uint64]settled{}, seed: maphash.MakeSeed()}
}

// transaction names what one client sends, again and again, until it is
// answered; 0 stands for a request that nobody can recognise. All that a verdict
// looks at is in it: who sends something else under the same Call-ID and CSeq
// gets a verdict of its own.
func (r *recent) transaction(source address, q *register.Request, about *About) uint64 {
	if about.CallID == "" {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.Write(source[:])
	number := func(n uint32) {
		_, _ = h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	word := func(s string) {
		number(uint32(len(s))) // of a message
		_, _ = h.WriteString(s)
	}
	number(about.CSeq)
	number(uint32(q.Expires)) // a bit is a bit
	for _, s := range [...]string{about.CallID, q.To.User, q.To.Host, q.RequestHost, q.Username} {
		word(s)
	}
	for i := range q.Contacts {
		c := &q.Contacts[i]
		word(c.URI.User)
		word(c.URI.Host)
		word(c.Instance)
		number(uint32(c.Port))
		number(uint32(c.Expires)) // as above
		number(c.RegID)
		if c.Star {
			number(1)
		}
	}
	if q.Broken {
		number(2)
	}
	return max(h.Sum64(), 1)
}

// again returns the verdict that a transaction got, and counts that it was sent
// once more.
func (r *recent) again(key uint64, now int64) (settled, bool) {
	r.turn(now)
	in := r.young
	s, known := in[key]
	if !known {
		in = r.old
		if s, known = in[key]; !known {
			return settled{}, false
		}
	}
	if s.resent < 255 {
		s.resent++
		in[key] = s
	}
	return s, true
}

// settle remembers the verdict on a transaction.
func (r *recent) settle(key uint64, reason register.Reason, now int64) {
	if len(r.young) >= maxGeneration {
		r.forgotten += uint64(len(r.old)) // the last of them are less old than a generation
		r.old, r.young, r.turned = r.young, map[uint64]settled{}, now
	}
	r.young[key] = settled{reason: reason}
}

// turn begins another generation when it is time.
func (r *recent) turn(now int64) {
	switch {
	case now-r.turned >= int64(generation):
		if now-r.turned >= 2*int64(generation) {
			r.young = nil
		}
		r.old, r.young, r.turned = r.young, map[uint64]settled{}, now
	case r.turned-now > int64(generation):
		r.turned = now // the clock was set back: age from here
	}
}
