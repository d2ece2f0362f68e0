package pipeline

import (
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// Stats count what passed a Core. Counts only grow.
type Stats struct {
	Frames          uint64
	Messages        [packet.Transports]uint64 // SIP messages by transport, malformed and repeated ones too
	Malformed       uint64                    // of these, what could not be used
	Retransmissions uint64                    // of these, sent again
	Duplicates      uint64                    // of these, captured twice
	MalformedBy     [parse.Reasons]uint64     // the malformed, and what only looked like SIP, by reason
	NotSIP          uint64                    // payloads that begin neither as RTP and RTCP nor as SIP do: keep-alives, STUN, T.38
	Forgotten       uint64                    // messages forgotten early because there were too many: a repeat of one counts as new
	Digits          uint64                    // RFC 4733 presses, on every hop where they were seen
	KernelRefused   uint64                    // media endpoints that the kernel filter did not take
	StrayTimes      uint64                    // frames whose time no other frame bore out; taken as of the moment
	StepsBack       uint64                    // times that the clock was set back, or an earlier capture followed
	Panics          uint64                    // frames and ticks that met a bug of ours
	LastPanic       string                    // what the last of them said
	LastStack       string                    // where that was
}

// Snapshot is everything that a Core counts, at one moment. It is safe for
// concurrent reading.
type Snapshot struct {
	First, Last   int64     // earliest and latest time so far, nanoseconds since the Unix epoch
	Now           int64     // time of the last frame or tick; before Last when the clock was set back
	Published     time.Time // when a Task made this, by the clock of the process; zero without one
	Core          Stats
	Figures       *counters.Snapshot
	Registrations register.Totals
	Packets       packet.Stats
	Streams       packet.StreamStats
	Parser        parse.Stats
	Dialogs       dialog.Stats
	Media         media.Stats
	Events        dtmf.Counts
	Endpoints     int // media endpoints open now
}

// Snapshot copies all counts.
func (c *Core) Snapshot() *Snapshot {
	return &Snapshot{
		First: c.clock.first, Last: c.clock.last, Now: c.clock.now,
		Core:          c.counts(),
		Figures:       c.counters.Snapshot(c.book),
		Registrations: c.regs.Totals(),
		Packets:       c.decoder.Stats(),
		Streams:       c.streams.Stats(),
		Parser:        c.parser.Stats(),
		Dialogs:       c.legs.Stats(),
		Media:         c.media.Stats,
		Events:        c.media.Events(),
		Endpoints:     c.media.Len(),
	}
}

func (c *Core) counts() Stats {
	s := c.stats
	s.Forgotten = c.repeats.forgotten
	return s
}
