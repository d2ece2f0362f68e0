package netfilter

import (
	"net/netip"
	"sync"

	"github.com/sipward/sipward/internal/site"
)

// allAnswers is how many answers a second there are to all sources together.
const allAnswers = 1000

// limiter says which refused REGISTERs are answered: so many a second to one
// source, with a burst of twice that, and so many to all. An IPv6 source is its
// /64, which is what one subscriber has (RFC 6177). It is safe for concurrent use.
//
// A source that was silent for as long as its bucket takes to fill has a full
// one again, and need not be remembered: two generations of sources are kept,
// and each lasts that long. New sources are let in by the bucket of all, which
// bounds how many there are.
type limiter struct {
	rate, burst float64 // of one source; a second, and at once

	mu       sync.Mutex // guards the rest
	all      bucket
	now, old map[netip.Addr]bucket
	turned   int64 // when now was begun
}

// bucket holds tokens; at is when they were counted, in nanoseconds.
type bucket struct {
	tokens float64
	at     int64
}

// Outcomes of limiter.allow.
const (
	answerAllowed = iota
	answerSourceLimit
	answerAllLimit
)

func newLimiter(perSecond int) *limiter {
	l := &limiter{rate: float64(perSecond), burst: 2 * float64(perSecond)}
	l.now, l.old = map[netip.Addr]bucket{}, map[netip.Addr]bucket{}
	return l
}

// allow takes one token for an answer to a at the time of now nanoseconds.
func (l *limiter) allow(a netip.Addr, now int64) int {
	a = site.Of(a).Addr()
	l.mu.Lock()
	defer l.mu.Unlock()
	if full := int64(l.burst / l.rate * 1e9); now-l.turned >= full || now < l.turned {
		if now-l.turned >= 2*full || now < l.turned {
			clear(l.now)
		}
		clear(l.old)
		l.now, l.old, l.turned = l.old, l.now, now
	}
	b, known := l.now[a]
	if !known {
		b, known = l.old[a]
	}
	if !known {
		b = bucket{l.burst, now}
	}
	b = b.fill(now, l.rate, l.burst)
	if b.tokens < 1 {
		return answerSourceLimit
	}
	l.all = l.all.fill(now, allAnswers, allAnswers)
	if l.all.tokens < 1 {
		return answerAllLimit
	}
	l.all.tokens--
	b.tokens--
	l.now[a] = b
	return answerAllowed
}

// fill adds the tokens of the time since. A clock that was set back adds none.
func (b bucket) fill(now int64, rate, most float64) bucket {
	b.tokens = min(most, b.tokens+max(0, float64(now-b.at))/1e9*rate)
	b.at = now
	return b
}
