package packet

import (
	"hash/maphash"
	"time"
)

// hepClocks keep the time of HEP packets in step with the frames they came in.
// A sender stamps with a clock of its own, while timers run by that of the
// receiver: with one ten minutes behind, each call would time out as soon as
// it began. So a sender whose clock is off gets an offset. It stays the same
// from packet to packet, so that durations are the sender's, until it is off
// itself. Senders whose clock is right take no memory.
type hepClocks struct {
	seed      maphash.Seed
	offsets   map[hepSender]int64 // nanoseconds to add
	corrected uint64
	forgotten uint64
}

// hepSender is what a HEP packet says of its sender. Two that share it and
// differ in their clocks correct each other's offset with each packet, which
// comes to the time of receipt.
type hepSender struct {
	node         uint64 // hash of the name; 0 without one
	agent, iface uint32
}

const (
	// hepSlack is what a sender may differ before its clock counts as off:
	// more than packets take to arrive, less than any timer of SIP that
	// decides about a call (RFC 3261 section 17.1.1.2: 32 s).
	hepSlack = int64(2 * time.Second)
	// maxHEPClocks bounds the senders whose clock is off.
	maxHEPClocks = 1024
)

// time returns when the packet in h, received at now, was seen by its sender,
// by the receiver's clock. Both are in nanoseconds since the Unix epoch.
func (c *hepClocks) time(h *HEP, iface uint32, now int64) int64 {
	if now == 0 || h.Time == 0 {
		return max(now, h.Time)
	}
	off := now - h.Time
	right := within(off, hepSlack)
	if right && len(c.offsets) == 0 {
		return h.Time
	}
	who := c.sender(h, iface)
	known, stored := c.offsets[who]
	if within(off-known, hepSlack) {
		return h.Time + known
	}
	c.corrected++
	if right {
		delete(c.offsets, who)
		return h.Time
	}
	if !stored {
		c.room()
	}
	c.offsets[who] = off
	return now
}

func within(d, bound int64) bool { return -bound <= d && d <= bound }

func (c *hepClocks) sender(h *HEP, iface uint32) hepSender {
	s := hepSender{agent: h.AgentID, iface: iface}
	if len(h.Node) > 0 {
		if c.seed == (maphash.Seed{}) {
			c.seed = maphash.MakeSeed()
		}
		s.node = maphash.Bytes(c.seed, h.Node)
	}
	return s
}

// room forgets one sender when there are too many. Its next packet finds its
// offset anew, off by what that one took to arrive.
func (c *hepClocks) room() {
	if c.offsets == nil {
		c.offsets = map[hepSender]int64{}
	}
	if len(c.offsets) < maxHEPClocks {
		return
	}
	for who := range c.offsets { // any one: the order of a map is random
		delete(c.offsets, who)
		break
	}
	c.forgotten++
}
