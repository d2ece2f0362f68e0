// Package media follows the RTP streams that session descriptions announced:
// packets, bytes, loss and jitter of each flow, and the digits in it. It is the
// user-space twin of the kernel filter, with the same rules, for capture files,
// HEP, and hosts that refuse eBPF. It is pure: no IO, no clock.
package media

import "github.com/sipward/sipward/sip/parse"

// Side says whose receiving address an endpoint is.
type Side uint8

// Sides of a leg; the zero value is invalid.
const (
	Caller Side = iota + 1 // packets to it travel from the callee to the caller
	Callee
)

// Spec is what SDP said about one endpoint.
type Spec struct {
	Owner uint64 // the leg that announced it; never 0
	Hop   uint8  // which hop of that leg; relayed copies of a stream differ in it
	Side  Side
	Kind  parse.MediaKind

	Encrypted bool // never look inside
	ClockHz   uint32
	Codec     string

	EventsIn     parse.PayloadTypes // telephone-event types of packets to the endpoint
	EventsOut    parse.PayloadTypes // of packets from it, as its peer's SDP chose them
	RedundantIn  parse.PayloadTypes // RFC 2198 types of packets to the endpoint
	RedundantOut parse.PayloadTypes
}

// slowestClock is the slowest RTP clock that is believed, in Hz: no format has a
// slower one (t140, RFC 4103), and the kernel filter cannot reckon with it.
const slowestClock = 1000

// Clock returns the RTP clock in Hz, or the usual one where SDP named none that
// can be.
func (s *Spec) Clock() uint32 {
	switch {
	case s.ClockHz >= slowestClock:
		return s.ClockHz
	case s.Kind == parse.Video:
		return 90000
	}
	return 8000
}

// Counters are what is counted of one flow. The kernel filter counts the same.
type Counters struct {
	Packets  uint64
	Bytes    uint64 // UDP payload
	Lost     uint64 // sequence gaps that were never filled; survives SSRC changes and jumps
	Jitter   int64  // interarrival jitter (RFC 3550 section 6.4.1) in nanoseconds, at the last packet
	First    int64  // nanoseconds since the Unix epoch
	Last     int64
	Restarts uint64 // SSRC changes and sequence jumps of more than 3000 (RFC 3550 appendix A.1)
}
