package testkit

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"
)

// Kind tells what a packet carries.
type Kind uint8

// Kinds; the zero value is invalid.
const (
	SIP Kind = iota + 1
	RTP
)

// Packet is one datagram of a plan, or one write to a TCP connection. The
// first packet between two TCP addresses comes from the side that connects.
type Packet struct {
	At       int64 // nanoseconds since the Unix epoch
	Src, Dst netip.AddrPort
	Kind     Kind
	TCP      bool
	Payload  []byte // valid until Send returns
}

// Sink takes the packets of a plan in the order of their times.
type Sink interface {
	Send(p *Packet) error
}

// Progress is what has been played so far; it may be read while Play runs.
type Progress struct {
	Calls, Setup, Talking          atomic.Int64 // Setup and Talking are live channels
	Answered, Digits, Registration atomic.Int64
	Messages, RTP                  atomic.Int64

	stop atomic.Bool
}

// Stop lets no new call or registration begin; those that began play to their end.
func (p *Progress) Stop() { p.stop.Store(true) }

// Play sends all packets of the plan to the sink and returns what there is to
// count. It stops at the sink's first error. progress may be nil.
func Play(plan Plan, sink Sink, progress *Progress) (*Expected, error) {
	plan, err := plan.Fill()
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = &Progress{}
	}
	p := &player{
		plan: plan, sink: sink, progress: progress,
		rng:   rand.New(rand.NewPCG(plan.Seed, 0x51b3a4d)),
		want:  newExpected(&plan),
		ports: map[netip.Addr]uint16{},
	}
	start := plan.Start.UnixNano()
	if plan.Calls > 0 {
		p.at(start, &arrivals{})
	}
	if plan.Registers > 0 {
		p.at(start, &registrations{})
	}
	for len(p.queue) > 0 {
		next := p.pop()
		at, more, err := next.actor.run(p, next.at)
		if err != nil {
			return nil, err
		}
		if more {
			p.at(at, next.actor)
		}
	}
	p.want.finish()
	return p.want, nil
}

// actor is something that acts at times of its own choosing: a call, a stream.
type actor interface {
	// run acts at the time now and says when to act again.
	run(p *player, now int64) (next int64, more bool, err error)
}

// player owns all state of one Play.
type player struct {
	plan     Plan
	sink     Sink
	progress *Progress
	rng      *rand.Rand
	want     *Expected
	ports    map[netip.Addr]uint16
	queue    []entry
	order    uint64
	packet   Packet
	buf      []byte
}

type entry struct {
	at    int64
	order uint64 // entries of one time stay in the order they came
	actor actor
}

func (e *entry) before(o *entry) bool { return e.at < o.at || e.at == o.at && e.order < o.order }

// at puts an actor into the queue, a binary heap by time.
func (p *player) at(when int64, a actor) {
	p.order++
	p.queue = append(p.queue, entry{when, p.order, a})
	for i := len(p.queue) - 1; i > 0; {
		up := (i - 1) / 2
		if !p.queue[i].before(&p.queue[up]) {
			break
		}
		p.queue[i], p.queue[up] = p.queue[up], p.queue[i]
		i = up
	}
}

func (p *player) pop() entry {
	q := p.queue
	first := q[0]
	last := len(q) - 1
	q[0], q[last] = q[last], entry{}
	q = q[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && q[child+1].before(&q[child]) {
			child++
		}
		if !q[child].before(&q[i]) {
			break
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
	p.queue = q
	return first
}

// send hands p.buf to the sink.
func (p *player) send(now int64, src, dst netip.AddrPort, kind Kind, tcp bool) error {
	p.packet = Packet{At: now, Src: src, Dst: dst, Kind: kind, TCP: tcp, Payload: p.buf}
	p.want.packet(&p.packet)
	if kind == SIP {
		p.progress.Messages.Add(1)
	} else {
		p.progress.RTP.Add(1)
	}
	return p.sink.Send(&p.packet)
}

// Ports of media addresses: even ones from 10000 on, used in turn.
const (
	firstMediaPort = 10000
	mediaPorts     = 20000 // by address
)

func (p *player) mediaPort(a netip.Addr) netip.AddrPort {
	n := p.ports[a]
	p.ports[a] = (n + 1) % mediaPorts
	return netip.AddrPortFrom(a, firstMediaPort+2*n)
}

// vary changes d by up to the plan's spread.
func (p *player) vary(d time.Duration) int64 {
	return int64(float64(d) * (1 + p.plan.Spread*(2*p.rng.Float64()-1)))
}

// arrivals starts the calls of the plan, evenly spaced.
type arrivals struct{ n int }

func (a *arrivals) run(p *player, now int64) (int64, bool, error) {
	c := p.newCall(a.n, now)
	p.at(now, c)
	a.n++
	next := p.plan.Start.UnixNano() + int64(float64(a.n)*float64(time.Second)/p.plan.Rate)
	return next, a.n < p.plan.Calls && !p.progress.stop.Load(), nil
}
