package packet

import "slices"

// Reassembly is our own, for both families in one: gopacket's ip4defrag and
// ip6defrag bound neither their memory as a whole nor, for IPv6, the number of
// datagrams, and want time.Time and gopacket's own layer structs.

// FragmentStats are the counters of reassembly. Every fragment is in Kept or
// in one of those after it; every datagram that was begun is Reassembled,
// Expired, Evicted or still Pending.
type FragmentStats struct {
	Fragments   uint64 // fragments seen, of protocols that lead to a packet
	Reassembled uint64 // datagrams put together
	Kept        uint64 // fragments that brought new bytes, or where the datagram ends

	Duplicates uint64 // brought nothing new, or came just after their datagram was complete
	Conflicts  uint64 // reach beyond the end of their datagram, or name another end
	Malformed  uint64 // empty, beyond 65,535 bytes, or not a multiple of 8 bytes before the end
	Cut        uint64 // shortened by the snap length, and not the first of their datagram
	TooMany    uint64 // more than 256 pieces a datagram

	Overlaps uint64 // kept in part: the bytes that came first won
	Expired  uint64 // datagrams not complete in time
	Evicted  uint64 // datagrams given up for newer ones when memory or flows ran out

	Pending int // datagrams unfinished now
	Bytes   int // memory that they hold, in bytes
}

const (
	maxDatagram = 65535
	maxPieces   = 256 // 576-byte fragments of the largest datagram are 119
	flowCost    = 256 // memory of a flow without its bytes, roughly
	// doneAge is how long a finished datagram is remembered, in nanoseconds
	// of packet time, so that a second copy of its fragments (a mirror port,
	// a bridge and its member) does not begin it anew and then meet the next
	// user of the same identification.
	doneAge = 200e6
	maxDone = 1024
)

// fragmentKey is what the fragments of one datagram share: RFC 791 section
// 3.2 for IPv4, RFC 8200 section 4.5 for IPv6, which does not count the
// protocol (0xff here keeps the families apart). Not the interface: a bond
// or equal-cost paths may spread the fragments of one datagram over several.
type fragmentKey struct {
	src, dst [16]byte
	id       uint32
	proto    uint8
}

// piece is a run of bytes of the datagram, held at flow.buf[at:].
type piece struct{ off, size, at int }

type fragmentFlow struct {
	links[fragmentFlow]
	key    fragmentKey
	since  int64 // packet time of the first fragment, or of completion
	buf    []byte
	pieces []piece // by offset, never overlapping
	have   int     // bytes in pieces
	total  int     // -1 until the last fragment was seen
	cost   int
	proto  uint8 // what the first fragment's header names (IPv6)
	done   bool
}

// reassembler puts datagrams together. Both lists are in order of arrival, so
// that age and pressure are both served from their oldest end.
type reassembler struct {
	limits        Limits
	stats         *FragmentStats
	flows         map[fragmentKey]*fragmentFlow
	pending, done list[fragmentFlow, *fragmentFlow]
	out           []byte
}

func (r *reassembler) init(l Limits, stats *FragmentStats) {
	r.limits = l
	r.stats = stats
	r.flows = make(map[fragmentKey]*fragmentFlow)
}

// fragment is one fragment as its IP header describes it.
type fragment struct {
	key   fragmentKey
	off   int
	data  []byte
	proto uint8
	more  bool
	now   int64
}

// add takes a fragment in. With Payload it returns the whole datagram, valid
// until the next call, and the protocol that its first fragment names.
func (r *reassembler) add(f *fragment) ([]byte, uint8, Result) {
	r.expire(f.now)
	if len(f.data) == 0 || f.off+len(f.data) > maxDatagram || f.more && len(f.data)%8 != 0 {
		r.stats.Malformed++
		return nil, 0, Malformed
	}
	flow := r.flows[f.key]
	if flow == nil {
		flow = r.open(f)
	}
	if flow.done {
		r.stats.Duplicates++
		return nil, 0, Discarded
	}
	if !r.fits(flow, f) {
		return nil, 0, Discarded
	}
	ends := !f.more && flow.total < 0
	if ends {
		flow.total = f.off + len(f.data)
	}
	if f.off == 0 {
		flow.proto = f.proto
	}
	fresh := flow.put(f.off, f.data)
	if fresh == 0 && !ends {
		r.stats.Duplicates++
		return nil, 0, Discarded
	}
	if fresh < len(f.data) {
		r.stats.Overlaps++
	}
	r.stats.Kept++
	if flow.have == flow.total {
		return r.finish(flow, f.now), flow.proto, Payload
	}
	r.charge(flow)
	r.evict()
	return nil, 0, Incomplete
}

// fits reports whether f agrees with what its datagram is known to be, and
// counts it when not.
func (r *reassembler) fits(flow *fragmentFlow, f *fragment) bool {
	end := f.off + len(f.data)
	known := 0
	if n := len(flow.pieces); n > 0 {
		known = flow.pieces[n-1].off + flow.pieces[n-1].size
	}
	switch {
	case flow.total >= 0 && end > flow.total,
		!f.more && flow.total >= 0 && end != flow.total,
		!f.more && end < known:
		r.stats.Conflicts++
		return false
	case len(flow.pieces) >= maxPieces:
		r.stats.TooMany++
		return false
	}
	return true
}

// put stores what is new in data, which begins at off, and returns how much
// that was. Bytes that are there already stay: a later fragment cannot change
// what an earlier one said.
func (f *fragmentFlow) put(off int, data []byte) (fresh int) {
	i, _ := slices.BinarySearchFunc(f.pieces, off, func(p piece, off int) int {
		return p.off + p.size - 1 - off // the first piece that ends behind off
	})
	for len(data) > 0 {
		if i < len(f.pieces) && f.pieces[i].off <= off {
			skip := min(len(data), f.pieces[i].off+f.pieces[i].size-off)
			off, data = off+skip, data[skip:]
			i++
			continue
		}
		n := len(data)
		if i < len(f.pieces) {
			n = min(n, f.pieces[i].off-off)
		}
		f.pieces = slices.Insert(f.pieces, i, piece{off: off, size: n, at: len(f.buf)})
		f.buf = append(f.buf, data[:n]...)
		off, data = off+n, data[n:]
		fresh += n
		i++
	}
	f.have += fresh
	return fresh
}

// finish assembles the datagram of flow and keeps only its key.
func (r *reassembler) finish(flow *fragmentFlow, now int64) []byte {
	r.out = slices.Grow(r.out[:0], flow.total)[:flow.total]
	for _, p := range flow.pieces {
		copy(r.out[p.off:], flow.buf[p.at:p.at+p.size])
	}
	r.stats.Reassembled++
	r.pending.remove(flow)
	r.stats.Bytes -= flow.cost
	*flow = fragmentFlow{key: flow.key, since: now, proto: flow.proto, done: true}
	r.done.push(flow)
	if r.done.len > maxDone {
		r.forget(r.done.oldest)
	}
	r.stats.Pending = r.pending.len
	return r.out
}

func (r *reassembler) open(f *fragment) *fragmentFlow {
	flow := &fragmentFlow{key: f.key, since: f.now, total: -1, buf: make([]byte, 0, 2*len(f.data))}
	r.flows[f.key] = flow
	r.pending.push(flow)
	r.stats.Pending = r.pending.len
	return flow
}

// charge accounts for the memory that flow holds now.
func (r *reassembler) charge(flow *fragmentFlow) {
	cost := flowCost + cap(flow.buf) + cap(flow.pieces)*24
	r.stats.Bytes += cost - flow.cost
	flow.cost = cost
}

// evict gives up the oldest datagrams while there is too much.
func (r *reassembler) evict() {
	for r.pending.len > r.limits.FragmentFlows || r.stats.Bytes > r.limits.FragmentBytes {
		r.stats.Evicted++
		r.drop(r.pending.oldest)
	}
}

// expire gives up what is too old at packet time now. A clock that jumps back
// expires nothing; the bounds of evict hold then too.
func (r *reassembler) expire(now int64) {
	for f := r.pending.oldest; f != nil && now-f.since > r.limits.FragmentAge; f = r.pending.oldest {
		r.stats.Expired++
		r.drop(f)
	}
	for f := r.done.oldest; f != nil && (now-f.since > doneAge || now < f.since-doneAge); f = r.done.oldest {
		r.forget(f)
	}
}

func (r *reassembler) drop(flow *fragmentFlow) {
	r.pending.remove(flow)
	delete(r.flows, flow.key)
	r.stats.Bytes -= flow.cost
	r.stats.Pending = r.pending.len
}

func (r *reassembler) forget(flow *fragmentFlow) {
	r.done.remove(flow)
	delete(r.flows, flow.key)
}
