package capture

import "sync/atomic"

// hepCounters are the counters behind HEPStats.
type hepCounters struct {
	handCounts
	malformed, unauthorized, kernelDrops      atomic.Uint64
	connections                               atomic.Int64
	accepted, refused, idle, broken, acceptNo atomic.Uint64
}

func (c *hepCounters) snapshot() HEPStats {
	return HEPStats{
		Packets:      c.frames.Load(),
		Bytes:        c.bytes.Load(),
		Dropped:      c.dropped.Load(),
		TooLong:      c.tooLarge.Load(),
		Malformed:    c.malformed.Load(),
		Unauthorized: c.unauthorized.Load(),
		KernelDrops:  c.kernelDrops.Load(),
		Connections:  c.connections.Load(),
		Accepted:     c.accepted.Load(),
		Refused:      c.refused.Load(),
		Idle:         c.idle.Load(),
		Broken:       c.broken.Load(),
		AcceptErrors: c.acceptNo.Load(),
	}
}
