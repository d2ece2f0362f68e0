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
	recent       generations[exchange] // transactions by hash
	seed         maphash.Seed
}

// exchange is what was seen of one transaction. A capture of several
// interfaces can show the response first.
type exchange struct {
	asked bool
	final uint16 // status of the first final response; 0: none yet
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
	return &Outcomes{seed: maphash.MakeSeed(), recent: newGenerations[exchange](generation, maxGeneration)}
}

// Message counts m, a REGISTER or a response to one, seen at now (nanoseconds
// since the Unix epoch). The same request on a second hop, or sent again, is
// one transaction.
func (o *Outcomes) Message(m *parse.Message, now int64) {
	if m.Request() {
		o.requests++
	}
	key := transaction(o.seed, m)
	was, _ := o.recent.get(key)
	is := was
	switch {
	case m.Request():
		is.asked = true
	case m.Status >= 200 && was.final == 0:
		is.final = m.Status
	}
	if is == was {
		return
	}
	if !was.asked && is.asked {
		o.transactions++
	}
	if is.asked && is.final != 0 { // both only now: neither is ever taken back
		o.answered[statusIndex(is.final)]++
	}
	o.recent.put(key, is, 1, now)
}

// transaction names the transaction of a REGISTER or of a response to one.
func transaction(seed maphash.Seed, m *parse.Message) uint64 {
	return mix(maphash.String(seed, m.CallID), uint64(m.CSeq))
}

func statusIndex(status uint16) uint16 {
	if status > maxStatus {
		return 0
	}
	return status
}

// Totals are the counts so far.
type Totals struct {
	Requests     uint64            // REGISTER requests seen, retransmissions too
	Transactions uint64            // distinct (Call-ID, CSeq)
	Unanswered   uint64            // of these, without a final response yet
	ByStatus     map[uint16]uint64 // of these, by first final response
	Forgotten    uint64            // exchanges forgotten before their time, for their number
}

// Totals returns the counts so far.
func (o *Outcomes) Totals() Totals {
	t := Totals{Requests: o.requests, Transactions: o.transactions, Unanswered: o.transactions, ByStatus: map[uint16]uint64{}, Forgotten: o.recent.forgotten}
	for status, n := range o.answered {
		if n > 0 {
			t.ByStatus[uint16(status)] = n // below maxStatus
			t.Unanswered -= n
		}
	}
	return t
}
