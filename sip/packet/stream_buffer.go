package packet

import "slices"

// streamSpan is a range of a stream's buffer, and the time of its last segment.
type streamSpan struct {
	from, to int
	at       int64
}

// streamSpans bounds the early segments of one stream.
const streamSpans = 128

// Buffers come in a few sizes and are kept for reuse: a message in two
// segments is common, and must not cost an allocation each time.
const (
	streamClasses   = 3
	streamSmallest  = 4 << 10
	streamSpareSize = 32 // buffers kept of each size
)

// streamClass returns the index of the smallest size that holds n bytes, or
// streamClasses if none does.
func streamClass(n int) int {
	c := 0
	for size := streamSmallest; c < streamClasses && size < n; size <<= 2 {
		c++
	}
	return c
}

// room returns b with capacity for n bytes, within the bounds, and whether
// there is.
func (s *Streams) room(st *stream, b []byte, n int) ([]byte, bool) {
	if n <= cap(b) {
		return b, true
	}
	c := streamClass(n)
	size := n
	if c < streamClasses {
		size = streamSmallest << (2 * c)
	}
	for s.held+size > s.lim.Total {
		if !s.starveOther(st) {
			s.stats.Starved++
			return b, false
		}
	}
	var to []byte
	if c < streamClasses && len(s.spare[c]) > 0 {
		at := len(s.spare[c]) - 1
		to = s.spare[c][at]
		s.spare[c] = s.spare[c][:at]
	} else {
		to = make([]byte, 0, size)
	}
	to = append(to[:0], b...)
	s.held += cap(to)
	s.recycle(b)
	return to, true
}

// grow makes room for n bytes in st.buf and reports whether there is.
func (s *Streams) grow(st *stream, n int) bool {
	var ok bool
	st.buf, ok = s.room(st, st.buf, n)
	return ok
}

// starveOther takes the buffer of the stream that has waited longest for a
// missing byte. That stream goes on at the next start line.
func (s *Streams) starveOther(not *stream) bool {
	for _, id := range [...]streamListID{streamGapped, streamPartial, streamFresh} {
		for st := s.lists[id].oldest; st != nil; st = st.next {
			if st == not || cap(st.buf)+cap(st.message) == 0 {
				continue
			}
			s.stats.Starved++
			s.stats.Incomplete++
			s.stats.Discarded += uint64(st.have)
			st.base += uint32(st.have)
			s.release(st)
			s.desync(st)
			s.place(st)
			return true
		}
	}
	return false
}

func (s *Streams) recycle(b []byte) {
	if cap(b) == 0 {
		return
	}
	s.held -= cap(b)
	if c := streamClass(cap(b)); c < streamClasses && cap(b) == streamSmallest<<(2*c) && len(s.spare[c]) < streamSpareSize {
		s.spare[c] = append(s.spare[c], b[:0])
	}
}

// release gives up everything st holds.
func (s *Streams) release(st *stream) {
	s.recycle(st.buf)
	s.dropMessage(st)
	st.buf, st.have, st.spans, st.later = nil, 0, st.spans[:0], 0
}

// append adds b to the contiguous bytes of st. Spans that b overlaps keep
// their bytes' place; both copies are the same unless somebody cheats.
func (s *Streams) append(st *stream, b []byte) bool {
	end := st.have + len(b)
	if !s.grow(st, end) {
		return false
	}
	if len(st.buf) < end {
		st.buf = st.buf[:end]
	}
	copy(st.buf[st.have:], b)
	st.have = end
	return true
}

// reach moves the end of the contiguous bytes over the next span if they touch
// it, and reports whether it did. One at a time: spans that only touch are kept
// apart, because after a hole a message is most likely to begin where a segment
// does.
func (st *stream) reach() bool {
	if len(st.spans) == 0 || st.spans[0].from > st.have {
		return false
	}
	st.have = max(st.have, st.spans[0].to)
	st.at = max(st.at, st.spans[0].at)
	st.spans = slices.Delete(st.spans, 0, 1)
	st.later = 0
	return true
}

// hold stores b, captured at now, at offset at of the buffer, beyond a hole. It
// reports whether there was room.
func (s *Streams) hold(st *stream, at int, b []byte, now int64) bool {
	end := at + len(b)
	i := 0
	for i < len(st.spans) && st.spans[i].to <= at {
		i++
	}
	j := i
	for j < len(st.spans) && st.spans[j].from < end {
		j++
	}
	if !s.grow(st, end) {
		return false
	}
	if len(st.buf) < end {
		st.buf = st.buf[:end]
	}
	copy(st.buf[at:end], b)
	span := streamSpan{at, end, now}
	if i < j {
		span = streamSpan{min(at, st.spans[i].from), max(end, st.spans[j-1].to), now}
	}
	st.spans = slices.Replace(st.spans, i, j, span)
	return true
}

// consume drops the first n bytes of the buffer, which may be a hole.
func (s *Streams) consume(st *stream, n int) {
	if n == 0 && len(st.buf) > 0 {
		return
	}
	st.base += uint32(n)
	if n == len(st.buf) {
		s.recycle(st.buf)
		st.buf, st.have, st.spans = nil, 0, st.spans[:0]
		return
	}
	st.buf = st.buf[:copy(st.buf, st.buf[n:])]
	st.have = max(0, st.have-n)
	for i := range st.spans {
		st.spans[i].from -= n
		st.spans[i].to -= n
	}
}

// cutShort ends the message under way, whose next byte will not come: by the
// snap length if snapped, else by a hole. A message with a whole header still
// says what there is to know about the call, so it is handed out, Truncated;
// of a snapped one whatever the frame holds.
func (s *Streams) cutShort(st *stream, snapped bool, emit func(*Packet)) {
	f := st.frame
	known := st.mode == streamSIP && (f.head > 0 || snapped && f.scan > 0)
	switch {
	case st.have == 0 && len(st.message) == 0:
		return
	case known:
		s.stats.Cut++
		s.deliver(st, st.buf[:st.have], TCP, true, emit)
		st.frame = sipFrame{}
		if f.head > 0 {
			st.skip = f.head + f.length - st.have
		} else {
			s.desync(st)
		}
	default:
		if st.mode != streamSeek {
			s.stats.Incomplete++
		}
		s.stats.Discarded += uint64(st.have)
		s.desync(st)
	}
	s.dropMessage(st)
	s.consume(st, st.have)
}

// giveUp goes on after the first hole.
func (s *Streams) giveUp(st *stream, emit func(*Packet)) {
	if len(st.spans) == 0 {
		return
	}
	s.cutShort(st, false, emit)
	lost := st.spans[0].from
	s.pass(st, lost)
	s.consume(st, lost)
	st.later = 0
	st.at = st.spans[0].at
	st.reach()
	s.drain(st, emit)
}

func (s *Streams) giveUpAll(st *stream, emit func(*Packet)) {
	for len(st.spans) > 0 {
		s.giveUp(st, emit)
	}
}

// abandon ends the message under way: nothing of it will come any more.
// Without holes only.
func (s *Streams) abandon(st *stream, emit func(*Packet)) {
	s.cutShort(st, false, emit)
	s.release(st)
}

// lose goes on n bytes later. Without holes only.
func (s *Streams) lose(st *stream, n int, emit func(*Packet)) {
	s.abandon(st, emit)
	st.base += uint32(n)
	s.pass(st, n)
}

// pass counts a hole of n bytes. Inside a message whose length is known the
// stream stays in step; anywhere else it must look for the next start line.
func (s *Streams) pass(st *stream, n int) {
	s.stats.Gaps++
	s.stats.LostBytes += uint64(n)
	if n <= st.skip {
		st.skip -= n
		return
	}
	s.desync(st)
}

// desync makes st look for the next message; it no longer knows where that is.
func (s *Streams) desync(st *stream) {
	if st.proven && (st.mode == streamSIP || st.mode == streamWS) {
		s.stats.Resyncs++
	}
	st.skip, st.frame = 0, sipFrame{}
	switch st.mode {
	case streamWS, streamWSSeek:
		st.mode = streamWSSeek
	case streamSIP, streamHTTP, streamSeek:
		st.mode = streamSeek
	}
}
