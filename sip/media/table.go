package media

import (
	"iter"

	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/packet"
)

// Options bound a Table and choose what it keeps. The zero value of a bound
// means its default.
type Options struct {
	Endpoints int // announced endpoints; default 2^18
	Owners    int // announcements, over all endpoints; default 2^19
	Flows     int // flows of one announcement; default 8, at most 64
	AllFlows  int // flows of all announcements beyond one for each; default 2^19

	// Streams is the size of the memory that tells a stream already counted
	// from a new one after its announcement closed. 0, the default, is none:
	// a stream that outlives its announcement and is announced again counts
	// twice. For capture files, where the figure must be exact.
	Streams int
	// KeepClosed goes on counting the packets of endpoints that all their
	// owners have closed in Stats, and reads their digits. For capture files.
	KeepClosed bool
	// Digits keeps the digits themselves, not only their number.
	Digits bool

	// Learn finds RTP that nobody announced.
	Learn bool
}

// Stats are totals over everything a Table has seen.
type Stats struct {
	RTP          uint64 // packets to or from announced endpoints; duplicates and events too
	RTCP         uint64 // on announced RTP ports
	Streams      uint64 // distinct (source, destination, SSRC) among RTP
	EventPackets uint64 // of a negotiated telephone-event type
	Encrypted    uint64 // of those, what SRTP hides
	Cut          uint64 // of those, what the capture cut short
	Learned      uint64 // packets of learned flows

	RefusedEndpoints uint64 // announcements that did not fit Endpoints or Owners
	Mixed            uint64 // announcements of endpoints where another call was live
	FoldedFlows      uint64 // flows that were summed up for want of room
	RefusedLearning  uint64 // candidates that gave way before they were known to be RTP
}

// Table knows the announced endpoints and their flows. It is not safe for
// concurrent use.
type Table struct {
	Stats    Stats
	options  Options
	entries  map[packet.Endpoint]*entry
	detector dtmf.Detector
	streams  map[streamKey]struct{} // nil without Options.Streams
	learner  *learner               // nil without Options.Learn
	unowned  unowned
	owners   int    // announcements that are open
	flows    int    // of open announcements
	changes  uint64 // counts every Open and Close
}

// entry is one announced endpoint.
type entry struct {
	endpoint packet.Endpoint
	epoch    uint64            // Table.changes at the last change of this entry
	last     [2]*Flow          // the flow of the last packet to the endpoint, and from it
	newest   *claim            // nil when all have closed, or there was none, and KeepClosed is set
	owners   map[uint64]*claim // nil unless there are several
	other    [2]int64          // when what is no RTP last went to the endpoint, and from it
	unowned  *Spec             // how to read what comes while nobody owns it; nil without KeepClosed
	counted  []Observed        // what Observe was last told
}

// claim is one owner's announcement of one endpoint.
type claim struct {
	spec         Spec
	opened       int64 // nanoseconds since the Unix epoch
	older, newer *claim
	flows        []*Flow
	folded       *[2]Flow // what did not fit: to the endpoint, and from it
	ended        bool     // the owner's call is over
	mixed        bool     // another owner's call was live here at the same time
}

type streamKey struct {
	src, dst packet.Endpoint
	ssrc     uint32
}

// NewTable returns an empty table.
func NewTable(o Options) *Table {
	o.Endpoints = orDefault(o.Endpoints, 1<<18)
	o.Owners = orDefault(o.Owners, 1<<19)
	o.Flows = min(orDefault(o.Flows, 8), 64)
	o.AllFlows = orDefault(o.AllFlows, 1<<19)
	t := &Table{options: o, entries: make(map[packet.Endpoint]*entry)}
	if o.Streams > 0 {
		t.streams = make(map[streamKey]struct{})
	}
	if o.Learn {
		t.learner = newLearner()
	}
	return t
}

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

// Open announces ep as s says, or replaces what s.Owner said of it before. now
// is the time of the announcement in nanoseconds since the Unix epoch. Several
// owners can announce one endpoint; the newest is the current one, and an owner
// that only repeats itself (re-INVITE, session refresh) keeps its place. It
// reports false, and counts, when there was no room or ep or the owner is none.
func (t *Table) Open(ep packet.Endpoint, s Spec, now int64) bool {
	if ep.IsZero() || s.Owner == 0 {
		t.Stats.RefusedEndpoints++
		return false
	}
	e := t.entries[ep]
	if c := e.claimOf(s.Owner); c != nil {
		if c.spec == s {
			return true
		}
		c.spec = s
		t.touch(e)
		return true
	}
	if t.owners >= t.options.Owners || e == nil && len(t.entries) >= t.options.Endpoints {
		t.Stats.RefusedEndpoints++
		return false
	}
	if e == nil {
		e = &entry{endpoint: ep}
		t.entries[ep] = e
	}
	t.owners++
	c := &claim{spec: s, opened: now}
	e.push(c)
	t.mix(c)
	t.touch(e)
	return true
}

// Note remembers that ep was announced by nobody who could own it, as in a call
// of which the capture shows a part: its packets count in Stats, and their
// digits are read as s says, whose Owner means nothing. Without KeepClosed it
// does nothing.
func (t *Table) Note(ep packet.Endpoint, s *Spec) {
	if !t.options.KeepClosed || ep.IsZero() {
		return
	}
	e := t.entries[ep]
	switch {
	case e == nil && len(t.entries) >= t.options.Endpoints:
		t.Stats.RefusedEndpoints++
		return
	case e == nil:
		e = &entry{endpoint: ep}
		t.entries[ep] = e
	case e.newest != nil:
		return
	}
	if e.unowned == nil || *e.unowned != *s {
		own := *s
		e.unowned = &own
	}
}

// Close withdraws owner's announcement of ep and returns its flows, those that
// did not fit summed up in at most one flow a direction. If other owners remain,
// the newest of them is current. Closing what is not open returns nil.
func (t *Table) Close(ep packet.Endpoint, owner uint64) []*Flow {
	e := t.entries[ep]
	c := e.claimOf(owner)
	if c == nil {
		return nil
	}
	e.remove(c)
	t.owners--
	t.flows -= len(c.flows)
	t.touch(e)
	if e.newest == nil {
		e.counted = nil // it is closed in the kernel, too
		if t.options.KeepClosed {
			own := c.spec // not all of c
			e.unowned = &own
		} else {
			delete(t.entries, ep)
		}
	}
	return c.all()
}

// Flows iterates over the flows of owner's announcement of ep, as Close would
// return them. The table must not be used meanwhile.
func (t *Table) Flows(ep packet.Endpoint, owner uint64) iter.Seq[*Flow] {
	return func(yield func(*Flow) bool) {
		c := t.entries[ep].claimOf(owner)
		if c == nil {
			return
		}
		for _, f := range c.all() {
			if !yield(f) {
				return
			}
		}
	}
}

// Len returns the number of endpoints known.
func (t *Table) Len() int { return len(t.entries) }

// Events returns what was seen in telephone-event packets.
func (t *Table) Events() dtmf.Counts { return t.detector.Counts }

// touch makes the flows of e find their announcement anew.
func (t *Table) touch(e *entry) {
	t.changes++
	e.epoch = t.changes
	e.last = [2]*Flow{}
}

// claimOf returns owner's announcement, or nil. It works on a nil entry.
func (e *entry) claimOf(owner uint64) *claim {
	switch {
	case e == nil || e.newest == nil:
		return nil
	case e.newest.spec.Owner == owner:
		return e.newest
	}
	return e.owners[owner] // nil map with a single owner
}

// push makes c the newest announcement. The map of owners exists only while
// there are several: a media relay's port has one, a test tool's thousands.
func (e *entry) push(c *claim) {
	if old := e.newest; old != nil {
		if e.owners == nil {
			e.owners = map[uint64]*claim{old.spec.Owner: old}
		}
		e.owners[c.spec.Owner] = c
		c.older, old.newer = old, c
	}
	e.newest = c
}

// remove takes c out.
func (e *entry) remove(c *claim) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		e.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	}
	c.older, c.newer = nil, nil
	delete(e.owners, c.spec.Owner)
	if len(e.owners) <= 1 {
		e.owners = nil
	}
}

// shared reports whether several owners have announced the endpoint. It reads
// nothing but the entry, which the fast path has at hand.
func (e *entry) shared() bool { return e.owners != nil }

// all returns the flows, those that were summed up last.
func (c *claim) all() []*Flow {
	if c.folded == nil {
		return c.flows
	}
	all := append([]*Flow(nil), c.flows...)
	for i := range c.folded {
		if c.folded[i].Folded > 0 {
			all = append(all, &c.folded[i])
		}
	}
	return all
}
