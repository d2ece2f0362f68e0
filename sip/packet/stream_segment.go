package packet

// data takes the bytes of a segment of a known direction.
func (s *Streams) data(st *stream, seq uint32, b []byte, p *Packet, emit func(*Packet)) {
	d := int(int32(seq - st.base - uint32(st.have)))
	if d < -streamFar || d > streamFar {
		if !s.rejoin(st, seq, b, emit) {
			return
		}
		d = 0
	}
	if d < 0 {
		if -d >= len(b) {
			s.stats.Old++
			return
		}
		b, d = b[-d:], 0
	}
	st.iface = p.Iface
	if d > 0 && !s.early(st, d, b, p.Time, emit) {
		return
	}
	st.at = p.Time
	s.inOrder(st, b, emit)
	if p.Truncated {
		s.cutShort(st, true, emit)
		st.cut = len(st.spans) == 0
		s.giveUpAll(st, emit)
	}
}

// rejoin handles a sequence number far from what is expected: a long hole, or
// a new connection between the same ports. It reports whether b is where the
// direction now continues.
func (s *Streams) rejoin(st *stream, seq uint32, b []byte, emit func(*Packet)) bool {
	if int32(seq-st.base) < 0 && sipStart(b) != sipYes {
		s.stats.Old++
		return false
	}
	s.giveUpAll(st, emit)
	s.abandon(st, emit)
	s.stats.Gaps++
	s.desync(st)
	if sipStart(b) == sipYes {
		st.mode = streamSIP // whatever the connection was before
	}
	st.base = seq
	st.hasISN, st.hasFIN, st.closed = false, false, false
	return true
}

// early keeps a segment of time now that begins d bytes after what is expected.
// It reports whether the hole was given up, and b is now what is expected.
func (s *Streams) early(st *stream, d int, b []byte, now int64, emit func(*Packet)) bool {
	s.stats.OutOfOrder++
	want := st.base + uint32(st.have) + uint32(d)
	st.later++
	for {
		full := st.have+d+len(b) > s.lim.Pending || st.later > s.lim.GapSegments || len(st.spans) >= streamSpans
		if !full && !st.cut && s.hold(st, st.have+d, b, now) {
			return false
		}
		if len(st.spans) == 0 {
			s.lose(st, d, emit)
			return true
		}
		s.giveUp(st, emit)
		d = int(int32(want - st.base - uint32(st.have)))
		if -d >= len(b) {
			s.stats.Old++
			return false
		}
		if d <= 0 { // what was kept reaches into b
			st.at = now
			s.inOrder(st, b[-d:], emit)
			return false
		}
	}
}

// inOrder takes the bytes that are expected next. The common case, nothing
// held and whole messages in b, copies nothing.
func (s *Streams) inOrder(st *stream, b []byte, emit func(*Packet)) {
	st.cut = false
	if len(st.buf) == 0 {
		n := s.feed(st, b, emit)
		st.base += uint32(n)
		if b = b[n:]; len(b) > 0 {
			s.keep(st, b, emit)
		}
		return
	}
	for len(b) > 0 {
		n := min(len(b), s.lim.Pending-st.have)
		if n <= 0 || !s.append(st, b[:n]) {
			s.starve(st, len(b), emit)
			return
		}
		s.drain(st, emit)
		b = b[n:]
	}
}

// keep stores what a message under way left of b.
func (s *Streams) keep(st *stream, b []byte, emit func(*Packet)) {
	if len(b) > s.lim.Pending || !s.append(st, b) {
		s.starve(st, len(b), emit)
	}
}

// drain reads the contiguous bytes, and again when they reach a span.
func (s *Streams) drain(st *stream, emit func(*Packet)) {
	for {
		s.consume(st, s.feed(st, st.buf[:st.have], emit))
		if !st.reach() {
			return
		}
	}
}

// starve goes on without n bytes that there was no room for.
func (s *Streams) starve(st *stream, n int, emit func(*Packet)) {
	s.stats.Discarded += uint64(n)
	s.giveUpAll(st, emit)
	s.lose(st, n, emit)
}
