// Package party knows the customers and carriers of the configuration and finds
// which of them a packet belongs to: by peer address (longest prefix wins), then
// by domain, then by the number block that owns an extension. It is pure.
package party

import (
	"net/netip"
	"strings"
)

// Kind tells customers from carriers.
type Kind uint8

// Kinds; the zero value is invalid.
const (
	Customer Kind = iota + 1
	Carrier
)

// String returns the word that metrics and records use.
func (k Kind) String() string {
	switch k {
	case Customer:
		return "customer"
	case Carrier:
		return "carrier"
	}
	return "invalid"
}

// ID names a party within one Book and all Books made from it by Next. Unknown
// stands for a peer that is in no list.
type ID uint32

// Unknown is the party of a peer that the configuration does not name.
const Unknown ID = 0

// UnknownName is what metrics, records and tables call Unknown.
const UnknownName = "unknown"

// Rule says what becomes of what a table leaves open.
type Rule uint8

// Rules; the zero value means that nobody said.
const (
	Allow Rule = iota + 1
	Deny
)

// Block is an inclusive range of extension numbers: digit strings of equal
// length, so that 0100-0199 does not contain 100.
type Block struct{ First, Last string }

// String returns the block as 1000-1999; nothing for the zero value.
func (b Block) String() string {
	if b == (Block{}) {
		return ""
	}
	return b.First + "-" + b.Last
}

// Valid reports whether b is two numbers of equal length, the smaller first.
func (b Block) Valid() bool {
	return IsNumber(b.First) && IsNumber(b.Last) && len(b.First) == len(b.Last) && b.First <= b.Last
}

// Contains reports whether number (digits, a leading + ignored) is in the block.
func (b Block) Contains(number string) bool {
	n := strings.TrimPrefix(number, "+")
	return len(n) == len(b.First) && b.First <= n && n <= b.Last && digits(n)
}

// Entry is one customer or carrier as configured.
type Entry struct {
	Name      string // the id in the configuration; unique within its kind
	Kind      Kind
	Channels  int // configured channels; 0: no limit given
	Addresses []netip.Prefix
	Domains   []string
	Blocks    []Block // customers only

	NonNumeric  Rule // may register a user part that is no number; 0: Deny with blocks, else Allow
	MaxContacts int  // phones with one number at once; 0: as the node says
}

// Book finds parties. It is immutable and safe for concurrent use. It costs
// about 250 bytes a party, 60 a block and 30 a prefix beside its entries.
type Book struct {
	parties []Entry // by ID; 0 is Unknown, removed parties keep their place
	names   map[name]ID
	v4      flat4
	v6      flat
	domains map[string]ID
	blocks  blocks
	own     [][]Block // by ID, sorted
	traits  []trait   // by ID
	local   map[netip.Addr]bool
}

type name struct {
	kind Kind
	name string
}

// trait is what verdicts ask of an Entry, beside those of other parties and not
// among their texts: 10,000 of them stay in a processor's cache.
type trait struct {
	kind        Kind
	nonNumeric  Rule
	hasBlocks   bool
	maxContacts int32
}

// NewBook checks entries and builds a Book. local are the switch's own
// addresses. It returns an error that names both sides when two parties claim
// one prefix, one domain or overlapping blocks.
func NewBook(entries []Entry, local []netip.Addr) (*Book, error) {
	return (&Book{parties: []Entry{{Name: UnknownName}}}).Next(entries, local)
}

// Next builds a Book in which every party that b knows keeps its ID.
func (b *Book) Next(entries []Entry, local []netip.Addr) (*Book, error) {
	n := newBuilder(b, len(entries))
	for _, a := range local {
		n.local[a.Unmap()] = true
	}
	for i := range entries {
		if err := n.add(&entries[i]); err != nil {
			return nil, err
		}
	}
	return n.build()
}

func (b *Book) label(id ID) string { return b.parties[id].Kind.String() + " " + b.parties[id].Name }

// Len returns how many IDs there are, Unknown included; IDs are below it.
func (b *Book) Len() int { return len(b.parties) }

// Entry returns the configured party; for Unknown one with that name and no kind.
func (b *Book) Entry(id ID) Entry { return b.parties[id] }

// Name returns the name of a party, as Entry does.
func (b *Book) Name(id ID) string { return b.parties[id].Name }

// ByName returns the party of that name, or Unknown.
func (b *Book) ByName(k Kind, of string) ID { return b.names[name{k, of}] }

// Is reports whether id is a known party of the given kind.
func (b *Book) Is(id ID, k Kind) bool { return id != Unknown && b.traits[id].kind == k }

// NonNumeric returns whether a customer, or Unknown, may register a user part
// that is no number: Allow or Deny.
func (b *Book) NonNumeric(id ID) Rule {
	switch t := &b.traits[id]; {
	case t.nonNumeric != 0:
		return t.nonNumeric
	case t.hasBlocks:
		return Deny
	}
	return Allow
}

// HasBlocks reports whether a customer has any block.
func (b *Book) HasBlocks(id ID) bool { return b.traits[id].hasBlocks }

// MaxContacts returns how many phones a customer may have with one number; 0:
// as the node says.
func (b *Book) MaxContacts(id ID) int { return int(b.traits[id].maxContacts) }

// Local reports whether a is one of the switch's own addresses.
func (b *Book) Local(a netip.Addr) bool { return b.local[a] }

// ByAddr returns the party whose longest prefix holds a, or Unknown.
func (b *Book) ByAddr(a netip.Addr) ID {
	switch a = a.Unmap(); {
	case a.Is4():
		return b.v4.find(a)
	case a.Is6():
		return b.v6.find(a)
	}
	return Unknown
}

// ByDomain returns the party of a lower-case host name, or Unknown.
func (b *Book) ByDomain(host string) ID { return b.domains[host] }

// ByNumber returns the customer whose block holds number, or Unknown.
func (b *Book) ByNumber(number string) ID {
	if i := b.blocks.find(Pack(number)); i >= 0 {
		return b.blocks.ends[i].owner
	}
	return Unknown
}

// BlockOf returns the block that holds number, and whose it is; ok is false
// when none does.
func (b *Book) BlockOf(number Number) (block Block, owner ID, ok bool) {
	i := b.blocks.find(number)
	if i < 0 {
		return Block{}, Unknown, false
	}
	return b.blocks.texts[i], b.blocks.ends[i].owner, true
}

// Blocks returns the blocks of a customer, shorter numbers first, then in
// order. The caller must not write to it.
func (b *Book) Blocks(id ID) []Block { return b.own[id] }
