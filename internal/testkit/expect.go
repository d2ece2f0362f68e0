package testkit

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Expected is what a plan held, for comparison with what was counted.
type Expected struct {
	Calls     Totals   // what customers asked the switch for
	Attempts  Totals   // what the switch asked carriers for
	CallIDs   Totals   // by Call-ID: Calls of a proxy, Calls and Attempts of a B2BUA
	Customers []Totals // Calls by customer
	Carriers  []Totals // Attempts by carrier

	Messages   int            // SIP messages on the wire, both hops
	Transports map[string]int // the same by "udp" and "tcp"
	RTPPackets int
	RTPStreams int
	Digits     []Digits // one entry for each stream that has any
	DigitCount int      // all streams; a B2BUA's relayed copy counts as well

	Registrations Registrations
	First, Last   int64 // times of the first and last packet, nanoseconds since the Unix epoch
}

// Totals are figures of calls, attempts or Call-IDs.
type Totals struct {
	Total, Answered, Cancelled int
	Failed                     map[int]int   // by final status, 487 of cancelled calls included
	Talk                       time.Duration // 2xx to BYE, each where it was first seen
	MaxLive, MaxAnswered       int           // INVITE to end, 2xx to end; an end at the time of a begin comes first

	spans []result
}

// Digits are what was pressed in one RTP stream.
type Digits struct {
	Src, Dst netip.AddrPort
	SSRC     uint32
	CallID   string
	Text     string
}

// Registrations are figures of REGISTER.
type Registrations struct {
	Requests     int         // REGISTER requests
	Transactions int         // each is one request here: nothing is lost, so nothing is sent twice
	Outcomes     map[int]int // final responses by status, 401 included
	Accepted     int         // bindings made
	Foreign      int         // of the transactions: for another customer's number
}

func newExpected(p *Plan) *Expected {
	return &Expected{
		Customers:     make([]Totals, p.Customers),
		Carriers:      make([]Totals, p.Carriers),
		Transports:    map[string]int{},
		Registrations: Registrations{Outcomes: map[int]int{}},
	}
}

func (e *Expected) packet(p *Packet) {
	if e.First == 0 {
		e.First = p.At
	}
	e.Last = p.At
	switch {
	case p.Kind == RTP:
		e.RTPPackets++
	case p.TCP:
		e.Messages++
		e.Transports["tcp"]++
	default:
		e.Messages++
		e.Transports["udp"]++
	}
}

// call adds a call whose script is written.
func (e *Expected) call(w *writer) {
	e.Calls.add(w.customer)
	e.Customers[w.customer.party].add(w.customer)
	e.CallIDs.add(w.customer)
	for _, r := range w.carriers {
		e.Attempts.add(r)
		e.Carriers[r.party].add(r)
		if w.plan.Switch == B2BUA {
			e.CallIDs.add(r)
		}
	}
}

func (t *Totals) add(r result) {
	t.Total++
	t.spans = append(t.spans, r)
	if r.cancelled {
		t.Cancelled++
	}
	if r.answer != 0 {
		t.Answered++
		t.Talk += time.Duration(r.end - r.answer)
		return
	}
	if t.Failed == nil {
		t.Failed = map[int]int{}
	}
	t.Failed[r.status]++
}

func (e *Expected) finish() {
	for _, t := range []*Totals{&e.Calls, &e.Attempts, &e.CallIDs} {
		t.sweep()
	}
	for i := range e.Customers {
		e.Customers[i].sweep()
	}
	for i := range e.Carriers {
		e.Carriers[i].sweep()
	}
}

// sweep finds how many were live at a time.
func (t *Totals) sweep() {
	live := make([]edge, 0, 2*len(t.spans))
	var talking []edge
	for _, s := range t.spans {
		live = append(live, edge{s.from, 1}, edge{s.end, -1})
		if s.answer != 0 {
			talking = append(talking, edge{s.answer, 1}, edge{s.end, -1})
		}
	}
	t.MaxLive, t.MaxAnswered, t.spans = highest(live), highest(talking), nil
}

type edge struct {
	at    int64
	delta int
}

func highest(edges []edge) int {
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.delta, b.delta)) })
	now, most := 0, 0
	for _, e := range edges {
		now += e.delta
		most = max(most, now)
	}
	return most
}
