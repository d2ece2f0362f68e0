package dialog

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// Bounds of one leg; what is beyond them is counted in Stats.Overflow.
const (
	maxHops          = 8
	maxTransactions  = 32
	maxToTags        = 16
	maxAttempts      = 24
	maxAnnouncements = 24
)

// Config says how long a Table waits and how much it holds.
type Config struct {
	MaxLegs      int           // legs held at once; 0: 200,000
	SetupTimeout time.Duration // without any message before an answer; 0: 5 minutes (above Timer C, RFC 3261 section 16.6)
	MediaTimeout time.Duration // without media where media had been seen and nobody is on hold; 0: 5 minutes; negative: never
	MaxAge       time.Duration // of an answered call; 0: 12 hours
	Settle       time.Duration // from the end of a leg to its record; 0: DefaultSettle
	KeepDigits   bool          // keep INFO digits, not only their count

	// LastMedia returns when media of leg was last seen, in nanoseconds since
	// the Unix epoch, and 0 when its silence would say nothing: none was seen
	// where it is sent to now, or none can be. nil: nobody knows.
	LastMedia func(leg *Leg) int64
	// Alive returns when any media of leg was last seen since Restore, 0 for
	// never, and whether it would be seen if there were any. nil: nobody knows.
	Alive func(leg *Leg) (last int64, sure bool)

	Changes bool // remember which legs changed, for Changed
}

// DefaultSettle is how long after its end a leg is closed.
const DefaultSettle = 4 * time.Second

func (c Config) withDefaults() Config {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&c.SetupTimeout, 5*time.Minute)
	or(&c.MediaTimeout, 5*time.Minute)
	or(&c.MaxAge, 12*time.Hour)
	or(&c.Settle, DefaultSettle)
	if c.MaxLegs == 0 {
		c.MaxLegs = 200_000
	}
	return c
}

// Stats counts what a Table holds and what it could not use.
type Stats struct {
	Legs     int    // held now
	Evicted  uint64 // legs closed early to make room: over, or never responded to
	Refused  uint64 // messages that would have opened a leg when there was no room
	Overflow uint64 // hops, transactions, tags or endpoints beyond a leg's bounds
	Late     uint64 // messages of legs that were closed before
	Strange  uint64 // messages that belong to no leg and cannot open one
}

// Table holds every leg that is live or settling. It is not safe for
// concurrent use. A leg costs about 1 KB, with two hops and media less than
// 2 KB; TestLegCost measures it.
type Table struct {
	cfg     Config
	book    *party.Book
	legs    map[string]*Leg // by Call-ID; other From tags follow by leg.next
	timers  timers
	closed  tombs
	seed    maphash.Seed
	lastID  uint64
	count   int
	effects []Effect
	changed []*Leg // since Changed was last asked
	coder   coder  // of Save
	epoch   uint64
	since   int64 // when Restore was called; 0: never
	stats   Stats
}

// NewTable returns an empty table. Parties are found in book.
func NewTable(cfg Config, book *party.Book) *Table {
	return &Table{cfg: cfg.withDefaults(), book: book, legs: map[string]*Leg{}, seed: maphash.MakeSeed()}
}

// SetBook makes later legs belong to the parties of book, which must come from
// the present one by Next.
func (t *Table) SetBook(book *party.Book) { t.book = book }

// SetEpoch makes later legs belong to a run of the agent; see Leg.Epoch.
func (t *Table) SetEpoch(epoch uint64) { t.epoch = epoch }

// Stats returns the table's counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Legs = t.count
	return s
}

// leg is the part of a Leg that only this package reads.
type leg struct {
	next       *Leg // another From tag of the same Call-ID
	hops       []hop
	txs        []transaction
	toTags     []toTag
	announced  []announcement
	lastSeen   int64
	mediaSeen  int64    // when media was last known to flow, or to be on hold
	sessionEnd int64    // when the session expires (RFC 4028); 0: no timer
	session    int64    // how long one refresh holds, with grace; 0: no timer
	doubt      int64    // when a restored leg was last known to be alive, if nothing was seen of it since; 0: it is
	reinvite   [2]cseqs // of the caller, of the callee
	refer      [2]cseqs
	info       [2]cseqs
	joined     uint32 // CSeq, plus one, of the 2xx by which the leg was joined midway; 0: it was not
	timer      timer
	callerGone bool    // the caller sent CANCEL
	heard      bool    // any response to an initial INVITE came
	held       [2]bool // by the latest word of the caller, of the callee
	changed    bool    // it is in Table.changed
	kept       bool    // Save was called
	gone       bool    // closed
}

type hop struct{ src, dst packet.Endpoint }

// toTag is one dialog of a leg: forking makes several.
type toTag struct {
	tag      string
	answered bool
	ended    int64
	why      Release // it ended so
}

// transaction is one initial INVITE on one hop.
type transaction struct {
	branch  uint64
	cseq    uint32
	final   uint16 // status of the final response; 0 while pending
	vias    uint8  // of the INVITE: fewer is nearer to the caller
	hop     uint8
	attempt int8 // index in Attempts; -1: none
}

// Message takes one SIP message and returns what follows from it. The slice
// and the legs in it are valid until the next call.
func (t *Table) Message(p *packet.Packet, m *parse.Message) []Effect {
	t.effects = t.effects[:0]
	switch m.Method {
	case parse.INVITE:
		if !m.Request() {
			t.inviteResponse(p, m)
		} else if m.ToTag == "" {
			t.initialInvite(p, m)
		} else {
			t.reinvite(p, m)
		}
	case parse.BYE:
		if m.Request() {
			t.bye(p, m)
		}
	case parse.CANCEL:
		if m.Request() {
			t.cancel(p, m)
		}
	case parse.ACK, parse.PRACK, parse.UPDATE:
		t.withinDialog(p, m)
	case parse.REFER, parse.INFO:
		if m.Request() {
			t.referOrInfo(p, m)
		}
	case parse.OtherMethod, parse.REGISTER, parse.OPTIONS, parse.SUBSCRIBE, parse.NOTIFY, parse.MESSAGE, parse.PUBLISH:
	}
	return t.effects
}

// saw notes that a message of l came at now, so that it is alive. Packets can
// be captured out of order; time only goes on.
func (t *Table) saw(l *Leg, now int64) {
	l.lastSeen = max(l.lastSeen, now)
	l.doubt = 0
	t.change(l)
}

// find returns the leg that m belongs to and whether the caller is the one
// who sent m. A request carries its sender's tag in From; a response repeats
// the tags of its request.
func (t *Table) find(p *packet.Packet, m *parse.Message) (l *Leg, fromCaller bool) {
	first := t.legs[m.CallID]
	for l := first; l != nil; l = l.next {
		if m.FromTag == l.FromTag && l.knows(m.ToTag) {
			return l, m.Request()
		}
		if m.ToTag == l.FromTag && l.knows(m.FromTag) {
			return l, !m.Request()
		}
	}
	for l := first; l != nil; l = l.next {
		if m.FromTag == l.FromTag {
			return l, m.Request()
		}
		if m.ToTag == l.FromTag {
			return l, !m.Request()
		}
	}
	if first != nil && first.next == nil { // tags changed on the way: one leg, one choice
		return first, p.Src.IP == first.Src.IP
	}
	return nil, false
}

// knows reports whether tag may be one of the far side's: it is, or none is
// known yet.
func (l *Leg) knows(tag string) bool {
	return tag == "" || len(l.toTags) == 0 ||
		slices.ContainsFunc(l.toTags, func(x toTag) bool { return x.tag == tag })
}

// open adds a leg for m, or returns nil when the table is full.
func (t *Table) open(p *packet.Packet, m *parse.Message) *Leg {
	if t.count >= t.cfg.MaxLegs && !t.makeRoom(p.Time) || t.crowded(m.CallID) {
		t.stats.Refused++
		return nil
	}
	t.lastID++
	t.count++
	l := &Leg{
		ID: t.lastID, Epoch: t.epoch, CallID: strings.Clone(m.CallID), FromTag: strings.Clone(m.FromTag),
		From: clone(m.From), To: clone(m.To), Request: clone(m.RequestURI),
		UserAgent: strings.Clone(m.UserAgent),
		Src:       p.Src, Dst: p.Dst, Transport: p.Transport,
		Invited: p.Time,
	}
	l.next = t.legs[l.CallID]
	t.legs[l.CallID] = l
	return l
}

// makeRoom closes the leg that would end first, if nothing is lost with it: it
// is over, or nobody ever responded to it. A flood of such INVITEs must not keep
// calls out.
func (t *Table) makeRoom(now int64) bool {
	l := t.timers[0].leg
	if l.State != Ended && (l.State != Setup || l.heard) {
		return false
	}
	t.release(l, now, NoResponse)
	t.close(l)
	t.stats.Evicted++
	return true
}

// maxLegs bounds the legs of one Call-ID; a switch that keeps the Call-ID on
// both sides makes two.
const maxLegs = 16

// crowded reports whether a Call-ID has as many legs as it may.
func (t *Table) crowded(callID string) bool {
	n := 0
	for l := t.legs[callID]; l != nil; l = l.next {
		n++
	}
	return n >= maxLegs
}

func clone(u parse.URI) parse.URI {
	return parse.URI{User: strings.Clone(u.User), Host: strings.Clone(u.Host)}
}

// drop removes a leg whose record was written.
func (t *Table) drop(l *Leg) {
	l.gone = true
	t.timers.remove(&l.timer)
	t.count--
	first := t.legs[l.CallID]
	if first == l {
		if l.next == nil {
			delete(t.legs, l.CallID)
		} else {
			t.legs[l.CallID] = l.next
		}
		return
	}
	for x := first; x != nil; x = x.next {
		if x.next == l {
			x.next = l.next
			return
		}
	}
}

// Endpoints calls yield with every media endpoint that the leg announced.
func (l *Leg) Endpoints(yield func(packet.Endpoint, media.Side) bool) {
	for i := range l.announced {
		if !yield(l.announced[i].ep, l.announced[i].side) {
			return
		}
	}
}

// Current calls yield with the media endpoints that are in force: those that
// the latest description of each side names, on every hop.
func (l *Leg) Current(yield func(packet.Endpoint, media.Side) bool) {
	for i := range l.announced {
		if a := &l.announced[i]; !a.superseded && !yield(a.ep, a.side) {
			return
		}
	}
}

// Codec returns the name of the first audio format that side announced last.
func (l *Leg) Codec(side media.Side) string {
	for i := len(l.announced) - 1; i >= 0; i-- {
		if a := &l.announced[i]; a.side == side && a.line.Kind == parse.Audio {
			return a.line.Codec
		}
	}
	return ""
}

func (t *Table) emit(e Effect) {
	t.effects = append(t.effects, e)
	t.change(e.Leg)
}

func (t *Table) hash(s string) uint64 { return maphash.String(t.seed, s) }

// branchHash is FNV-1a: it must be the same after a restart, and only the few
// branches of one leg are ever compared.
func branchHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// hopOf returns the index of the hop that p travelled on, either way. Where
// ports differ (a TCP connection of its own) the addresses decide; an unknown
// path is the first hop.
func (l *Leg) hopOf(p *packet.Packet) uint8 {
	for i, h := range l.hops {
		if h.src == p.Src && h.dst == p.Dst || h.src == p.Dst && h.dst == p.Src {
			return uint8(i) // below maxHops
		}
	}
	for i, h := range l.hops {
		if h.src.IP == p.Src.IP && h.dst.IP == p.Dst.IP || h.src.IP == p.Dst.IP && h.dst.IP == p.Src.IP {
			return uint8(i) // below maxHops
		}
	}
	return 0
}

// addHop returns the index of the hop that an initial INVITE takes.
func (t *Table) addHop(l *Leg, p *packet.Packet) uint8 {
	for i, h := range l.hops {
		if h.src == p.Src && h.dst == p.Dst {
			return uint8(i) // below maxHops
		}
	}
	if len(l.hops) == maxHops {
		t.stats.Overflow++
		return maxHops - 1
	}
	l.hops = append(l.hops, hop{p.Src, p.Dst})
	return uint8(len(l.hops) - 1) // below maxHops
}
