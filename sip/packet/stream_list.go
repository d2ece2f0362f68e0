package packet

// streamListID names the list that a stream is in. Each list is ordered by the
// time its streams last moved, so that what has expired is its oldest.
type streamListID uint8

const (
	streamFresh   streamListID = iota // nothing proven yet
	streamActive                      // between messages
	streamPartial                     // in a message
	streamGapped                      // later bytes wait for earlier ones
	streamClosed                      // after FIN or RST
	streamLists
)

// open adds a direction that goes on at seq, in place of an older one when
// the bounds are reached.
func (s *Streams) open(key streamKey, seq uint32) *stream {
	if s.lists[streamFresh].len >= s.lim.Fresh {
		s.remove(s.lists[streamFresh].oldest)
	}
	if len(s.index) >= s.lim.Streams {
		s.evict()
	}
	st := s.free
	if st != nil {
		s.free = st.next
	} else {
		st = new(stream)
	}
	*st = stream{key: key, base: seq, mark: seq, mode: streamSIP, spans: st.spans[:0]}
	st.list = streamFresh
	s.lists[streamFresh].push(st)
	s.index[key] = st
	return st
}

// evict removes the stream whose loss costs least.
func (s *Streams) evict() {
	for _, id := range [...]streamListID{streamClosed, streamFresh, streamActive, streamPartial, streamGapped} {
		if st := s.lists[id].oldest; st != nil {
			if st.proven && !st.closed {
				s.stats.Evicted++
			}
			s.remove(st)
			return
		}
	}
}

// remove forgets st and recycles it.
func (s *Streams) remove(st *stream) {
	s.stats.Discarded += uint64(st.have)
	s.release(st)
	s.lists[st.list].remove(st)
	delete(s.index, st.key)
	st.next = s.free
	s.free = st
}

// place moves st into the list of its state. In streamPartial and streamGapped
// it keeps its place until it makes progress, so that a stream that gets
// nothing but copies and later segments expires all the same.
func (s *Streams) place(st *stream) {
	id := st.belongs()
	end := st.base + uint32(st.have)
	if id == st.list && id != streamActive && end == st.mark && st.moved != 0 {
		return
	}
	st.mark, st.moved = end, max(st.moved, st.last)
	l := &s.lists[st.list]
	if id == st.list && l.newest == st {
		return
	}
	l.remove(st)
	st.list = id
	s.lists[id].push(st)
}

func (st *stream) belongs() streamListID {
	switch {
	case len(st.spans) > 0:
		return streamGapped
	case st.closed:
		return streamClosed
	case !st.proven:
		return streamFresh
	case st.have > 0 || len(st.message) > 0:
		return streamPartial
	}
	return streamActive
}
