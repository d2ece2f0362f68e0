package packet

import (
	"math"
	"time"
)

// StreamLimits bounds what Streams holds. A zero field takes its default.
type StreamLimits struct {
	Streams int // directions followed at once; 65536
	// Fresh bounds the directions that were opened by a SYN or by a few bytes
	// that may become a start line, and have proved nothing yet; 4096.
	Fresh   int
	Pending int // bytes held for one direction, which is also the longest message; 64 KiB, at least 8 KiB
	Total   int // bytes held in all; 64 MiB

	// GapSegments and Gap say when a hole is given up: after so many later
	// segments of the same direction (128), or when nothing has filled it for
	// so long (3 s, some retransmission time-outs of RFC 6298).
	GapSegments int
	Gap         time.Duration
	Partial     time.Duration // a message whose rest does not come; 30 s
	Idle        time.Duration // a direction without segments; 10 min
	Linger      time.Duration // a closed direction, kept to know late copies of its segments; 10 s
}

func (l StreamLimits) withDefaults() StreamLimits {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&l.Streams, 1<<16)
	number(&l.Fresh, 1<<12)
	number(&l.Pending, 1<<16)
	l.Pending = max(l.Pending, 2*sipLineMax) // a start line must fit
	number(&l.Total, 1<<26)
	number(&l.GapSegments, 128)
	span(&l.Gap, 3*time.Second)
	span(&l.Partial, 30*time.Second)
	span(&l.Idle, 10*time.Minute)
	span(&l.Linger, 10*time.Second)
	return l
}

// StreamStats counts what Streams did since it was made; Open and Pending are
// gauges.
type StreamStats struct {
	Segments   uint64 // handed in
	Messages   uint64 // handed out
	KeepAlives uint64 // runs of CRLF between messages (RFC 5626 section 3.5.1)
	Opened     uint64 // directions that proved to carry SIP
	WebSockets uint64 // of those, over WebSocket
	Open       int    // directions held now, the unproven too
	Pending    int    // bytes of buffers held now
	OutOfOrder uint64 // segments that came before an earlier one
	Old        uint64 // segments seen before: retransmissions, second captures, keep-alive probes
	Gaps       uint64 // holes given up
	LostBytes  uint64 // in those holes
	Cut        uint64 // messages handed out Truncated: the snap length or a hole took their end
	Incomplete uint64 // messages dropped because their header was not whole, or their frame
	Discarded  uint64 // bytes received and thrown away: incomplete, too long, between messages
	Resyncs    uint64 // times the next start line had to be searched for
	TooLong    uint64 // messages above the bound of one direction
	NoLength   uint64 // messages without a usable Content-Length
	WSOther    uint64 // WebSocket messages that are not SIP, or not well formed
	WSPacked   uint64 // WebSocket messages compressed by an extension (RFC 7692): not read
	Evicted    uint64 // proven directions dropped for the bound on their number
	Starved    uint64 // times the bound on bytes in all took a buffer, or refused one
	Timeouts   uint64 // incomplete messages whose rest did not come in time
	Forgotten  uint64 // segments of unknown directions that look like text, kept a while for nothing
}

// streamKey is one direction of a connection.
type streamKey struct{ src, dst Endpoint }

// Streams puts TCP segments back in order and cuts them into SIP messages, by
// Content-Length (RFC 3261 section 18.3) or, after an upgrade, by WebSocket
// message (RFC 7118). It is handed all TCP there is, on any port, so a
// direction costs memory only once its bytes look like SIP. It is not safe for
// concurrent use.
//
// gopacket/reassembly is not used: its pages are bounded per connection and in
// number but belong to every connection alike, SIP or not, it works with
// time.Time and a mutex a connection, and it has no notion of where to resume
// after a hole.
type Streams struct {
	lim   StreamLimits
	index map[streamKey]*stream
	lists [streamLists]list[stream, *stream]
	free  *stream // recycled, linked by next
	spare [streamClasses][][]byte
	held  int // bytes of buffers in use

	orphans streamOrphans
	scratch []byte // unmasked WebSocket payload
	out     Packet
	stats   StreamStats
}

// stream is one direction. Sequence numbers only ever meet as differences, so
// that they may wrap (RFC 9293 section 3.4).
type stream struct {
	links[stream]
	key   streamKey
	list  streamListID
	last  int64 // time of the latest segment
	at    int64 // time at which the last of buf[:have] could be read
	moved int64 // time of the latest progress, what the lists are ordered by
	mark  uint32

	// base is the sequence number of buf[0], the first byte that no message
	// has taken yet; buf[:have] is contiguous. Later bytes that are there
	// already are listed in spans, as ascending disjoint ranges of buf.
	base  uint32
	have  int
	buf   []byte
	spans []streamSpan
	later int // segments since the hole at have opened

	iface   uint32
	isn     uint32
	fin     uint32
	hasISN  bool
	hasFIN  bool
	closed  bool
	cut     bool // what follows was captured nowhere: the snap length took it
	proven  bool // carried SIP
	mode    streamMode
	skip    int // bytes still to be thrown away of a message that is not wanted
	frame   sipFrame
	message []byte // WebSocket fragments so far
	packed  bool   // the WebSocket message under way is not wanted
}

// streamMode says how the next bytes are read.
type streamMode uint8

const (
	streamSIP    streamMode = iota + 1 // at a message boundary, or in a message
	streamSeek                         // looking for a start line
	streamHTTP                         // in the header of a WebSocket upgrade
	streamWS                           // at a WebSocket frame
	streamWSSeek                       // looking for a WebSocket frame at the start of a segment
)

// streamFar is how far behind or ahead of what is expected a sequence number
// may be and still belong to the same connection. Captured retransmissions are
// milliseconds old; what is farther off is another connection whose SYN was
// not seen.
const streamFar = 1 << 18

// NewStreams returns an empty set of streams.
func NewStreams(lim StreamLimits) *Streams {
	return &Streams{lim: lim.withDefaults(), index: make(map[streamKey]*stream)}
}

// Stats returns the counters so far.
func (s *Streams) Stats() StreamStats {
	st := s.stats
	st.Open, st.Pending = len(s.index), s.held
	st.Forgotten = s.orphans.forgotten
	return st
}

// Segment takes one TCP segment. For each message that it completes it calls
// emit with the time of p; a message that waited for a hole to be filled has
// the time of the segment that filled it, and one behind a hole that the
// capture left the time of its own last segment. The packet given to emit, and its payload,
// are valid only during the call. emit must not call s.
func (s *Streams) Segment(p *Packet, emit func(*Packet)) {
	s.stats.Segments++
	st := s.index[streamKey{p.Src, p.Dst}]
	seq := p.Seq
	if p.Flags&SYN != 0 {
		st = s.syn(st, p, emit)
		seq++ // a SYN takes one number (RFC 9293 section 3.4); data may follow (RFC 7413)
	}
	if st == nil {
		if len(p.Payload) > 0 && p.Flags&RST == 0 {
			s.stranger(p, emit)
		}
		return
	}
	st.last = p.Time
	if p.Flags&RST != 0 {
		s.reset(st, p.Seq, emit)
		return
	}
	if len(p.Payload) > 0 {
		s.data(st, seq, p.Payload, p, emit)
	}
	if p.Flags&FIN != 0 {
		st.fin, st.hasFIN = seq+uint32(len(p.Payload)), true
	}
	s.settle(st, emit)
}

// settle puts st where its state belongs after a segment or a time-out.
func (s *Streams) settle(st *stream, emit func(*Packet)) {
	if st.hasFIN && !st.closed && st.base+uint32(st.have) == st.fin {
		s.abandon(st, emit)
		st.closed = true
	}
	if !st.proven && st.mode == streamSeek && st.have == 0 && len(st.spans) == 0 {
		s.remove(st)
		return
	}
	s.place(st)
}

// syn opens or reopens a direction. A copy of a SYN that is known, from a
// retransmission or a second interface, changes nothing.
func (s *Streams) syn(st *stream, p *Packet, emit func(*Packet)) *stream {
	if st != nil {
		if st.hasISN && st.isn == p.Seq {
			return st
		}
		s.giveUpAll(st, emit)
		s.abandon(st, emit)
		s.remove(st)
	}
	st = s.open(streamKey{p.Src, p.Dst}, p.Seq+1)
	st.isn, st.hasISN = p.Seq, true
	st.iface = p.Iface
	return st
}

// reset ends a direction, unless the sequence number shows that the RST was
// not meant for this connection (RFC 5961 section 3.2).
func (s *Streams) reset(st *stream, seq uint32, emit func(*Packet)) {
	if d := int32(seq - st.base); d < -streamFar || d > streamFar {
		s.stats.Old++
		s.place(st)
		return
	}
	s.giveUpAll(st, emit)
	s.abandon(st, emit)
	st.closed = true
	s.settle(st, emit)
}

// Tick gives up holes and messages that have waited too long at now, and
// forgets directions that are idle. Messages that a hole held back go to emit.
// Its cost is that of what has expired.
func (s *Streams) Tick(now int64, emit func(*Packet)) {
	for st := s.due(streamGapped, now, s.lim.Gap); st != nil; st = s.due(streamGapped, now, s.lim.Gap) {
		s.giveUp(st, emit)
		s.settle(st, emit)
	}
	for st := s.due(streamPartial, now, s.lim.Partial); st != nil; st = s.due(streamPartial, now, s.lim.Partial) {
		s.stats.Timeouts++
		s.abandon(st, emit)
		s.desync(st)
		s.settle(st, emit)
	}
	s.forget(streamFresh, now, s.lim.Partial)
	s.forget(streamActive, now, s.lim.Idle)
	s.forget(streamClosed, now, s.lim.Linger)
}

// Flush ends the input: every hole is given up, what it held back goes to
// emit, and no direction is left.
func (s *Streams) Flush(emit func(*Packet)) {
	for id := range s.lists {
		for st := s.lists[id].oldest; st != nil; st = s.lists[id].oldest {
			s.giveUpAll(st, emit)
			s.abandon(st, emit)
			s.remove(st)
		}
	}
	s.orphans.reset()
}

// due returns the oldest stream of a list if it has not moved for d at now.
func (s *Streams) due(id streamListID, now int64, d time.Duration) *stream {
	st := s.lists[id].oldest
	if st == nil || now < math.MinInt64+int64(d) || st.moved > now-int64(d) {
		return nil
	}
	return st
}

func (s *Streams) forget(id streamListID, now int64, d time.Duration) {
	for st := s.due(id, now, d); st != nil; st = s.due(id, now, d) {
		s.remove(st)
	}
}
