package dialog

import (
	"errors"
	"fmt"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// savedVersion is the first byte of a saved leg. A program takes over only what
// the same version wrote: calls that are open across such an update are lost,
// and joined again when they say something.
const savedVersion = 1

// change remembers l for Changed.
func (t *Table) change(l *Leg) {
	if t.cfg.Changes && !l.changed {
		l.changed = true
		t.changed = append(t.changed, l)
	}
}

// Changed calls yield with the legs that changed since it was last called and
// are not closed. Nothing may be done to the table meanwhile.
func (t *Table) Changed(yield func(*Leg) bool) {
	for _, l := range t.changed {
		l.changed = false
	}
	for _, l := range t.changed {
		if !l.gone && !yield(l) {
			break
		}
	}
	clear(t.changed)
	t.changed = t.changed[:0]
}

// Save appends all that is needed to go on with l after a restart. It costs no
// allocation beyond that of to.
func (t *Table) Save(l *Leg, to []byte) []byte {
	l.kept = true
	t.coder = coder{b: append(to, savedVersion)}
	customer := t.book.Entry(l.Customer).Name
	t.coder.leg(l, &customer)
	t.coder.attempts(l, t.book, nil)
	b := t.coder.b
	t.coder.b = nil
	return b
}

// Kept reports whether l was ever saved.
func (l *Leg) Kept() bool { return l.kept }

var errSaved = errors.New("a saved call makes no sense")

// load reads a leg that Save wrote. Parties are found by their names, since
// the configuration may have changed; one that is gone becomes unknown.
func (t *Table) load(b []byte, names map[partyName]party.ID) (*Leg, error) {
	if len(b) == 0 || b[0] != savedVersion {
		return nil, fmt.Errorf("%w: another version wrote it", errSaved)
	}
	c := coder{b: b[1:], reading: true}
	l, customer := new(Leg), ""
	c.leg(l, &customer)
	c.attempts(l, nil, names)
	switch {
	case c.bad:
		return nil, fmt.Errorf("%w: it is cut short, or holds impossible values", errSaved)
	case len(c.b) > 0:
		return nil, fmt.Errorf("%w: %d bytes more than expected", errSaved, len(c.b))
	}
	l.Customer = names[partyName{party.Customer, customer}]
	return l, l.valid()
}

// partyName finds a party in another configuration.
type partyName struct {
	kind party.Kind
	name string
}

func partyNames(book *party.Book) map[partyName]party.ID {
	names := map[partyName]party.ID{}
	for i := range book.Len() {
		id := party.ID(i) // bounded by the size of a configuration file
		if e := book.Entry(id); id != party.Unknown {
			names[partyName{e.Kind, e.Name}] = id
		}
	}
	return names
}

// leg codes everything of a leg but its attempts.
func (c *coder) leg(l *Leg, customer *string) {
	c.number(&l.ID)
	c.number(&l.Epoch)
	c.time(&l.Invited)
	c.base = l.Invited
	c.text(&l.CallID)
	c.text(&l.FromTag)
	c.uri(&l.From)
	c.uri(&l.To)
	c.uri(&l.Request)
	c.text(&l.UserAgent)
	c.endpoint(&l.Src)
	c.endpoint(&l.Dst)
	small(c, &l.Transport, uint64(packet.Transports)-1)
	c.text(customer)
	c.flags(&l.Call, &l.Inbound, &l.Initial, &l.Canceled, &l.Encrypted, &l.Restored)
	early, branch := l.early != nil, l.early != nil // versions without the branch wrote false
	c.flags(&l.callerGone, &l.heard, &l.held[0], &l.held[1], &early, &branch)
	c.ending(l)
	c.counts(l)
	small(c, &l.joined, 1<<32-1)
	c.time(&l.lastSeen)
	c.time(&l.mediaSeen)
	c.time(&l.sessionEnd)
	c.length(&l.session)
	c.time(&l.doubt)
	list(c, &l.hops, maxHops, (*coder).hop)
	list(c, &l.txs, maxTransactions, (*coder).transaction)
	list(c, &l.toTags, maxToTags, (*coder).toTag)
	list(c, &l.announced, maxAnnouncements, (*coder).announcement)
	if early {
		c.early(l, branch)
	}
}

// early codes what few legs have.
func (c *coder) early(l *Leg, branch bool) {
	if c.reading {
		l.early = new(early)
	}
	e := l.early
	c.time(&e.at)
	c.text(&e.tag)
	small(c, &e.cseq, 1<<32-1)
	small(c, &e.sessionExpires, 1<<32-1)
	small(c, &e.status, 1<<16-1)
	if branch {
		c.number(&e.branch)
	}
}

// ending codes where a leg stands, and when it got there.
func (c *coder) ending(l *Leg) {
	small(c, &l.State, uint64(Ended))
	c.time(&l.Rang)
	c.time(&l.Answer)
	c.time(&l.End)
	c.time(&l.Refused)
	small(c, &l.Status, 1<<16-1)
	c.text(&l.Phrase)
	small(c, &l.Cause, 1<<16-1)
	small(c, &l.Release, uint64(Releases)-1)
}

func (c *coder) counts(l *Leg) {
	small(c, &l.Forks, maxToTags)
	small(c, &l.Reinvites, 1<<16-1)
	small(c, &l.Refers, 1<<16-1)
	for i := range l.Digits {
		small(c, &l.Digits[i].Count, 1<<16-1)
		c.text(&l.Digits[i].Text)
		c.cseqs(&l.reinvite[i])
		c.cseqs(&l.refer[i])
		c.cseqs(&l.info[i])
	}
}

// length codes a duration that is not negative.
func (c *coder) length(x *int64) {
	v := uint64(*x) // not negative
	c.number(&v)
	*x = int64(v &^ (1 << 63)) // the sign is off
}

func (c *coder) hop(h *hop) {
	c.endpoint(&h.src)
	c.endpoint(&h.dst)
}

func (c *coder) transaction(tx *transaction) {
	c.number(&tx.branch)
	small(c, &tx.cseq, 1<<32-1)
	small(c, &tx.final, 1<<16-1)
	small(c, &tx.vias, 255)
	small(c, &tx.hop, maxHops-1)
	attempt := uint8(tx.attempt + 1) // -1 at least
	small(c, &attempt, maxAttempts)
	tx.attempt = int8(attempt) - 1 // below maxAttempts
}

func (c *coder) toTag(d *toTag) {
	c.text(&d.tag)
	c.flags(&d.answered)
	c.time(&d.ended)
	small(c, &d.why, uint64(Releases)-1)
}

func (c *coder) announcement(a *announcement) {
	c.endpoint(&a.ep)
	small(c, &a.hop, maxHops-1)
	small(c, &a.side, uint64(media.Callee))
	small(c, &a.index, maxAnnouncements-1)
	small(c, &a.line.Kind, uint64(parse.OtherMedia))
	c.flags(&a.superseded, &a.line.Encrypted)
	small(c, &a.line.ClockHz, 1<<32-1)
	c.text(&a.line.Codec)
	c.types(&a.line.Events)
	c.types(&a.line.Redundant)
	c.types(&a.line.Formats)
}

// attempts codes the attempts of l: with a book when they are written, with
// the names of one when they are read.
func (c *coder) attempts(l *Leg, book *party.Book, names map[partyName]party.ID) {
	list(c, &l.Attempts, maxAttempts, (*coder).attempt)
	for i := range l.Attempts {
		a, carrier := &l.Attempts[i], ""
		if book != nil {
			carrier = book.Entry(a.Carrier).Name
		}
		c.text(&carrier)
		if c.reading {
			a.Carrier = names[partyName{party.Carrier, carrier}]
		}
	}
}

func (c *coder) attempt(a *Attempt) {
	c.endpoint(&a.Src)
	c.endpoint(&a.Dst)
	c.text(&a.Number)
	small(c, &a.State, uint64(Ended))
	c.time(&a.Invited)
	c.time(&a.Rang)
	c.time(&a.Answer)
	c.time(&a.End)
	small(c, &a.Status, 1<<16-1)
	small(c, &a.Release, uint64(Releases)-1)
	c.text(&a.toTag)
	c.flags(&a.heard, &a.canceled)
}

// valid checks what the rest of the package relies on.
func (l *Leg) valid() error {
	odd := l.ID == 0 || len(l.hops) == 0 || l.State == 0 || (l.State == Ended) != (l.Release != 0)
	odd = odd || l.joined != 0 && len(l.toTags) == 0
	for i := range l.txs {
		tx := &l.txs[i]
		odd = odd || int(tx.attempt) >= len(l.Attempts) || int(tx.hop) >= len(l.hops)
	}
	for i := range l.announced {
		a := &l.announced[i]
		odd = odd || int(a.hop) >= len(l.hops) || a.side == 0
	}
	for i := range l.Attempts {
		odd = odd || l.Attempts[i].State == 0
	}
	if odd {
		return fmt.Errorf("%w: its parts contradict one another", errSaved)
	}
	return nil
}
