// Package register follows registrations: what was asked of the registrar and
// what it answered. It is pure: no IO, no clock.
package register

import (
	"hash/maphash"
	"time"

	"github.com/sipward/sipward/sip/parse"
)

// Outcomes counts REGISTER transactions (Call-ID, CSeq) by their first final
// response. It is not safe for concurrent use.
type Outcomes struct {
	requests     uint64
	transactions uint64
	answered     [maxStatus + 1]uint64 // by status; 0: a status outside 200-699
	young, old   map[uint64]bool       // transactions; true once answered
	turned       int64
	seed         maphash.Seed
}

const (
	maxStatus = 699
	// A generation lives as long as a transaction can (64*T1, RFC 3261 section
	// 17) and holds this many, so what is remembered is bounded in both.
	generation    = 32 * time.Second
	maxGeneration = 1 << 17
)

// NewOutcomes returns an empty count.
func NewOutcomes() *Outcomes {
	return &Outcomes{seed: maphash.MakeSeed(), young: map[uint64]bool{}}
}

// Message counts m, a REGISTER or a response to one, seen at now (nanoseconds
// since the Unix epoch). The same request on a second hop, or sent again, is
// one transaction.
func (o *Outcomes) Message(m *parse.Message, now int64) {
	if m.Request() {
		o.requests++
	}
	var h maphash.Hash
	h.SetSeed(o.seed)
	_, _ = h.WriteString(m.CallID)
	key := h.Sum64() ^ uint64(m.CSeq)*0x9e3779b97f4a7c15
	answered, known := o.young[key]
	if !known {
		answered, known = o.old[key]
	}
	switch {
	case m.Request() && !known:
		o.transactions++
		o.remember(key, false, now)
	case !m.Request() && known && !answered && m.Status >= 200:
		o.answered[statusIndex(m.Status)]++
		o.remember(key, true, now)
	}
}

func statusIndex(status uint16) uint16 {
	if status > maxStatus {
		return 0
	}
	return status
}

func (o *Outcomes) remember(key uint64, answered bool, now int64) {
	if now-o.turned >= int64(generation) || len(o.young) >= maxGeneration {
		o.old, o.young, o.turned = o.young, map[uint64]bool{}, now
	}
	o.young[key] = answered
}

// Totals are the counts so far.
type Totals struct {
	Requests     uint64            // REGISTER requests seen, retransmissions too
	Transactions uint64            // distinct (Call-ID, CSeq)
	Unanswered   uint64            // of these, without a final response yet
	ByStatus     map[uint16]uint64 // of these, by first final response
}

// Totals returns the counts so far.
func (o *Outcomes) Totals() Totals {
	t := Totals{Requests: o.requests, Transactions: o.transactions, Unanswered: o.transactions, ByStatus: map[uint16]uint64{}}
	for status, n := range o.answered {
		if n > 0 {
			t.ByStatus[uint16(status)] = n //nolint:gosec // below maxStatus
			t.Unanswered -= n
		}
	}
	return t
}
