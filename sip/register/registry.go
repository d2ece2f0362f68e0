package register

import (
	"hash/maphash"
	"math/bits"

	"github.com/sipward/sipward/sip/party"
)

// Config of a Registry.
type Config struct {
	Book        *party.Book
	Policy      Policy
	MaxBindings int // live at once; 0: 1,000,000
}

const defaultBindings = 1_000_000

// MaxContacts bounds the bindings of one number that are followed: a verdict
// looks at each.
const MaxContacts = 128

// Registry holds the live bindings and judges REGISTERs by them and by the
// table of customers. It is not safe for concurrent use. A binding costs about
// 180 bytes, which TestBindingCost measures, and room for a million 4 MiB more.
type Registry struct {
	cfg   Config
	book  *party.Book
	seed  maphash.Seed
	index []uint32 // by hash of the key: the first of a list of keys
	salt  uint64
	slots [][]slot // pages of slotPage
	rests [][]rest
	used  uint32 // slots that were ever handed out; the first is 1
	free  uint32 // the first that is free
	texts texts
	wheel wheel

	lastID  uint64
	version uint32 // of the table: rises with SetBook
	sweep   uint32 // the next slot that Tick judges by the present table; 0: all are

	pending generations[*pending]
	changes []Change
	scratch []byte
	names   []name
	in      inquiry // of the present Judge or Explain: on the stack it would be an allocation
	stats   Stats
}

// Stats counts what a Registry holds and what it could not use.
type Stats struct {
	Bindings  int    // live, or expired since the last Tick
	Strays    int    // of these
	Pending   int    // REGISTERs that are remembered for their answer
	Discarded uint64 // contacts that were accepted and had no room here
	Forgotten uint64 // REGISTERs that were forgotten before their time
	Unasked   uint64 // 2xx that came from where no REGISTER was sent
}

// NewRegistry returns a Registry without bindings.
func NewRegistry(cfg Config) *Registry {
	if cfg.MaxBindings <= 0 {
		cfg.MaxBindings = defaultBindings
	}
	seed := maphash.MakeSeed()
	return &Registry{
		cfg: cfg, book: cfg.Book, seed: seed, salt: maphash.String(seed, "index"), version: 1,
		index:   make([]uint32, 1<<bits.Len(uint(cfg.MaxBindings))), // positive
		pending: newGenerations[*pending](generation, maxPending),
	}
}

// SetBook makes verdicts go by book, which must come from the present one by
// Next. It costs nothing: bindings are looked at by Tick, step by step.
func (r *Registry) SetBook(book *party.Book) {
	r.book = book
	r.version++
	r.sweep = 1
}

// SetPolicy changes what the table does not say.
func (r *Registry) SetPolicy(p Policy) { r.cfg.Policy = p }

// Stats returns the registry's counters.
func (r *Registry) Stats() Stats {
	s := r.stats
	s.Pending, s.Forgotten = r.pending.len(), r.pending.forgotten
	return s
}

// What happened to a binding.
type What uint8

// Changes; the zero value is invalid.
const (
	Added     What = iota + 1
	Refreshed      // the registrar confirmed it; its expiry or source may be others
	Removed        // by its phone, or by the registrar, which lists it no more
	Expired
	Strayed // the table, or a newer one, would refuse its number
	Settled // it was a stray and is none any more
)

// String returns what happened in a word.
func (w What) String() string {
	switch w {
	case Added:
		return "added"
	case Refreshed:
		return "refreshed"
	case Removed:
		return "removed"
	case Expired:
		return "expired"
	case Strayed:
		return "strayed"
	case Settled:
		return "settled"
	}
	return "invalid"
}

// Change is what happened to one binding. A binding that is learnt as a stray
// is Added, then Strayed.
type Change struct {
	What    What
	Binding Binding
}

func (r *Registry) change(w What, i uint32) {
	r.changes = append(r.changes, Change{w, r.binding(i)})
}
