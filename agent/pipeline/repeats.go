package pipeline

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/sipward/sipward/sip/packet"
)

// seen says whether a message came before.
type seen uint8

const (
	first seen = iota + 1
	again      // sent again: a retransmission
	twice      // captured twice: the same packet on another interface or hop of a bridge
)

// repeats remembers the messages of the last seconds, in two generations of
// bounded size and age.
type repeats struct {
	seed       maphash.Seed
	young, old map[uint64]last
	turned     int64
	forgotten  uint64 // early, because there were too many
}

// last is the packet that carried a message last.
type last struct {
	time  int64
	iface uint32
	ipid  uint16
}

const (
	// memory is how long UDP retransmissions go on (64*T1, RFC 3261 section 17).
	memory     = 32 * time.Second
	maxRepeats = 1 << 16
	// A packet passes all interfaces of a host at once; the first
	// retransmission comes after T1 = 500 ms (RFC 3261 section 17.1.1.1).
	sameMoment = 100 * time.Millisecond
)

func newRepeats() *repeats {
	return &repeats{seed: maphash.MakeSeed(), young: map[uint64]last{}, old: map[uint64]last{}}
}

// see remembers the message in p and says whether it came before.
func (r *repeats) see(p *packet.Packet) seen {
	r.turn(p.Time)
	key := r.key(p)
	before, known := r.young[key]
	if !known {
		if before, known = r.old[key]; known {
			delete(r.old, key) // it is young again
		}
	}
	now := last{p.Time, p.Iface, p.IPID}
	r.young[key] = now
	switch {
	case !known:
		return first
	case now.twice(before):
		return twice
	}
	return again
}

// twice reports whether l is the same packet as before, captured again.
func (l last) twice(before last) bool {
	return distance(l.time, before.time) <= uint64(sameMoment) &&
		(l.iface != before.iface || l.ipid == before.ipid && l.ipid != 0)
}

// turn begins a new generation when the young one is old or large enough.
func (r *repeats) turn(now int64) {
	aged := now-r.turned >= int64(memory)
	if !aged && len(r.young) < maxRepeats {
		if r.turned-now > int64(memory) {
			r.turned = now // the clock was set back: age from here
		}
		return
	}
	if !aged {
		r.forgotten += uint64(len(r.old)) // the last of them are less old than memory
	}
	r.old, r.young, r.turned = r.young, r.old, now
	clear(r.young) // the memory is used again: a map that grows anew costs more than all look-ups
}

// key is what a message sent again has in common with the first: its path and
// every byte (RFC 3261 section 17: retransmissions are the message passed to
// the transport again). A second 183 with other content is a new message.
func (r *repeats) key(p *packet.Packet) uint64 {
	var path [36]byte
	copy(path[:], p.Src.IP[:])
	copy(path[16:], p.Dst.IP[:])
	binary.BigEndian.PutUint16(path[32:], p.Src.Port)
	binary.BigEndian.PutUint16(path[34:], p.Dst.Port)
	const odd = 0x9e3779b97f4a7c15 // so that the two hashes do not cancel out
	return maphash.Bytes(r.seed, p.Payload)*odd + maphash.Bytes(r.seed, path[:])
}
