package packet

import "bytes"

// Early segments of directions that are not known yet are kept for a moment,
// in case the segment with the start line follows.
const (
	streamOrphanSlots = 32
	streamOrphanMax   = 16 << 10 // longest segment kept
)

type streamOrphan struct {
	key       streamKey
	time      int64
	seq       uint32
	iface     uint32
	truncated bool
	data      []byte
}

// streamOrphans is a ring of the latest early segments: at most
// streamOrphanSlots times streamOrphanMax bytes, whatever arrives.
type streamOrphans struct {
	slots     []streamOrphan
	at        int
	forgotten uint64
}

func (o *streamOrphans) keep(p *Packet) {
	if len(p.Payload) > streamOrphanMax {
		o.forgotten++
		return
	}
	if o.slots == nil {
		o.slots = make([]streamOrphan, streamOrphanSlots)
	}
	t := &o.slots[o.at]
	o.at = (o.at + 1) % streamOrphanSlots
	if len(t.data) > 0 {
		o.forgotten++
	}
	*t = streamOrphan{
		key: streamKey{p.Src, p.Dst}, time: p.Time, seq: p.Seq, iface: p.Iface,
		truncated: p.Truncated, data: append(t.data[:0], p.Payload...),
	}
}

func (o *streamOrphans) reset() { o.slots, o.at = nil, 0 }

// streamText reports whether b begins like text. SIP is text, and nearly all
// other TCP is TLS or binary, so this keeps the cost of the rest down.
func streamText(b []byte) bool {
	for _, c := range b[:min(len(b), 16)] {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// stranger takes a segment of a direction that is not known. It opens one if
// the segment begins with what may be a start line, a keep-alive or a
// WebSocket upgrade; if it is in the middle of a SIP WebSocket; or if a start
// line begins inside it.
func (s *Streams) stranger(p *Packet, emit func(*Packet)) {
	b, at, mode := p.Payload, 0, streamSIP
	switch {
	case streamBegins(b):
	case sniffWS(b) == sipYes:
		mode = streamWS
	case !streamText(b):
		return
	default:
		if at = streamFind(b); at < 0 {
			s.orphans.keep(p)
			return
		}
	}
	st := s.open(streamKey{p.Src, p.Dst}, p.Seq+uint32(at))
	st.last, st.iface, st.mode = p.Time, p.Iface, mode
	if mode == streamWS {
		s.prove(st)
		s.stats.WebSockets++
	}
	s.stats.Discarded += uint64(at)
	s.data(st, p.Seq+uint32(at), b[at:], p, emit)
	s.adopt(st, p.Time, emit)
	if p.Flags&FIN != 0 {
		st.fin, st.hasFIN = p.Seq+uint32(len(b)), true
	}
	s.settle(st, emit)
}

// streamBegins reports whether b may be the first bytes of a SIP connection.
func streamBegins(b []byte) bool {
	n := sipBlank(b)
	if n == len(b) {
		return n <= 4
	}
	return sipStart(b[n:]) != sipNo || n == 0 && httpStart(b) != sipNo
}

// streamFind returns where in b a start line begins after a line end, or -1.
// The version is looked for first: it is rare, and finding it is fast.
func streamFind(b []byte) int {
	if !bytes.Contains(b, []byte("SIP/2.0")) {
		return -1
	}
	for at := 0; ; {
		lf := bytes.IndexByte(b[at:], '\n')
		if lf < 0 {
			return -1
		}
		at += lf + 1
		if sipStart(b[at:]) == sipYes {
			return at
		}
	}
}

// adopt feeds st the early segments that are kept for it.
func (s *Streams) adopt(st *stream, now int64, emit func(*Packet)) {
	for i := range s.orphans.slots {
		o := &s.orphans.slots[i]
		if len(o.data) == 0 || o.key != st.key {
			continue
		}
		age := now - o.time
		if ahead := int32(o.seq - st.base); age >= 0 && age <= int64(s.lim.Gap) && ahead > 0 && int(ahead) < s.lim.Pending {
			p := Packet{Time: now, Iface: o.iface, Truncated: o.truncated}
			s.data(st, o.seq, o.data, &p, emit)
		} else {
			s.orphans.forgotten++
		}
		o.data = o.data[:0]
	}
}
