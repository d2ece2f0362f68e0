package dialog

import (
	"hash/maphash"

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
	early      *early // nil: none
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
