package media

import (
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// Flow is one RTP stream as one owner's announcement saw it: source,
// destination and SSRC. It belongs to the Table that returned it and is valid
// until the next call of that Table; flows returned by Close are the caller's.
//
// What every packet needs comes first: three cache lines of the four.
type Flow struct {
	Src, Dst packet.Endpoint // zero in a flow that sums up Folded others
	SSRC     uint32
	Reverse  bool   // from the announced endpoint to one that nobody announced
	epoch    uint64 // of the entry when claim and what follows from it were found
	owner    uint64 // of claim
	Counters
	seq     sequence
	jitter  jitter
	special parse.PayloadTypes // telephone-event and RED types: not the fast path
	hz      uint32

	claim        *claim    // nil for a learned flow
	EventPackets uint64    // of a telephone-event type; they are in Packets as well
	Folded       uint64    // how many flows were summed up in this one
	kernel       *Counters // what the kernel counted of it; nil: nothing
	digits       *dtmf.State
	folded       *foldedDigits // of the flows that were summed up
}

// foldedDigits are the presses of flows that were summed up.
type foldedDigits struct {
	count  int
	digits string
}

// Spec returns what SDP said of the announced endpoint; it is zero for a
// learned flow.
func (f *Flow) Spec() Spec {
	if f.claim == nil {
		return Spec{}
	}
	return f.claim.spec
}

// To says which party receives the flow; it is zero for a learned flow.
func (f *Flow) To() Side {
	side := f.Spec().Side
	if f.Reverse {
		return side.Other()
	}
	return side
}

// Presses returns how many keys were pressed in the flow.
func (f *Flow) Presses() int {
	n := 0
	if f.folded != nil {
		n = f.folded.count
	}
	if f.digits != nil {
		n += f.digits.Count()
	}
	return n
}

// Digits returns the kept digits, at most dtmf.MaxDigits a stream; it is empty
// when digits are only counted.
func (f *Flow) Digits() string {
	s := ""
	if f.folded != nil {
		s = f.folded.digits
	}
	if f.digits != nil {
		s += f.digits.Digits()
	}
	return s
}

// Other returns the opposite side.
func (s Side) Other() Side {
	switch s {
	case Caller:
		return Callee
	case Callee:
		return Caller
	}
	return 0
}

// String returns the word for s.
func (s Side) String() string {
	switch s {
	case Caller:
		return "caller"
	case Callee:
		return "callee"
	}
	return "invalid"
}

// Kept returns the presses of Digits with their timestamps. It is valid until
// the next packet of the flow. Presses in flows that were summed up are not in
// it: timestamps of several streams say nothing.
func (f *Flow) Kept() []dtmf.Press {
	if f.digits == nil {
		return nil
	}
	return f.digits.Kept()
}

// far returns the end of the flow that is not the announced endpoint.
func (f *Flow) far() *packet.Endpoint {
	if f.Reverse {
		return &f.Dst
	}
	return &f.Src
}

// count takes the packet of size bytes at now with these header fields. event
// says that it is of a telephone-event type.
func (f *Flow) count(now int64, size int, seq uint16, ts uint32, event bool) {
	if f.Packets == 0 {
		f.First, f.Last = now, now
	}
	f.Last = max(f.Last, now)
	f.Packets++
	f.Bytes += uint64(size)
	lost, what := f.seq.next(seq)
	f.Lost = uint64(int64(f.Lost) + lost)
	if what == stepRestart {
		f.Restarts++
		f.jitter.begun = false
	}
	// An event keeps the timestamp of its start in all its packets (RFC 4733
	// section 2.2.1), which says nothing of its sending time. Duplicates and
	// strays say nothing either.
	if !event && (what == stepNew || what == stepFilled) {
		f.Jitter = f.jitter.next(f.Jitter, now, ts, f.hz)
	}
}

// add sums g up in f. Jitter is the greater of the two: an average would hide
// the stream that was bad.
func (c *Counters) add(g *Counters) {
	if g.Packets == 0 {
		return
	}
	if c.Packets == 0 || g.First < c.First {
		c.First = g.First
	}
	c.Last = max(c.Last, g.Last)
	c.Packets += g.Packets
	c.Bytes += g.Bytes
	c.Lost += g.Lost
	c.Restarts += g.Restarts
	c.Jitter = max(c.Jitter, g.Jitter)
}

// fold sums g up in f, which is no stream itself.
func (f *Flow) fold(g *Flow) {
	f.Counters.add(&g.Counters)
	f.EventPackets += g.EventPackets
	f.Folded += max(g.Folded, 1)
	if n := g.Presses(); n > 0 {
		if f.folded == nil {
			f.folded = new(foldedDigits)
		}
		f.folded.count += n
		f.folded.digits = clip(f.folded.digits + g.Digits())
	}
}

// clip bounds a string of digits.
func clip(digits string) string {
	return digits[:min(len(digits), dtmf.MaxDigits)]
}
