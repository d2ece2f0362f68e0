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

// Add adds what another HEP source counted.
func (s *HEPStats) Add(o HEPStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.Dropped += o.Dropped
	s.TooLong += o.TooLong
	s.Malformed += o.Malformed
	s.Unauthorized += o.Unauthorized
	s.KernelDrops += o.KernelDrops
	s.Connections += o.Connections
	s.Accepted += o.Accepted
	s.Refused += o.Refused
	s.Idle += o.Idle
	s.Broken += o.Broken
	s.AcceptErrors += o.AcceptErrors
}
