// Package party knows the customers and carriers of the configuration and finds
// which of them a packet belongs to: by peer address (longest prefix wins), then
// by domain, then by the number block that owns an extension. It is pure.
package party

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
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

// Contains reports whether number (digits, a leading + ignored) is in the block.
func (b Block) Contains(number string) bool {
	n := strings.TrimPrefix(number, "+")
	return len(n) == len(b.First) && b.First <= n && n <= b.Last && digits(n)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
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

// Book finds parties. It is immutable and safe for concurrent use.
type Book struct {
	parties  []Entry // by ID; 0 is Unknown, removed parties keep their place
	prefixes map[netip.Prefix]ID
	lengths4 []int // prefix lengths in use, longest first
	lengths6 []int
	domains  map[string]ID
	blocks   []ownedBlock // sorted by length, then first number
	local    map[netip.Addr]bool
}

type ownedBlock struct {
	Block
	owner ID
}

// NewBook checks entries and builds a Book. local are the switch's own
// addresses. It returns an error that names both sides when two parties claim
// one prefix, one domain or overlapping blocks.
func NewBook(entries []Entry, local []netip.Addr) (*Book, error) {
	return (&Book{parties: []Entry{{Name: UnknownName}}}).Next(entries, local)
}

// Next builds a Book in which every party that b knows keeps its ID.
func (b *Book) Next(entries []Entry, local []netip.Addr) (*Book, error) {
	n := &Book{
		parties:  slices.Clone(b.parties),
		prefixes: map[netip.Prefix]ID{},
		domains:  map[string]ID{},
		local:    map[netip.Addr]bool{},
	}
	for _, a := range local {
		n.local[a.Unmap()] = true
	}
	seen := map[string]bool{}
	for _, e := range entries {
		key := e.Kind.String() + " " + e.Name
		if seen[key] {
			return nil, fmt.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		if err := n.add(e); err != nil {
			return nil, err
		}
	}
	for id := range n.parties { // a removed party keeps its place but has no limit any more
		if p := &n.parties[id]; id != 0 && !seen[p.Kind.String()+" "+p.Name] {
			*p = Entry{Name: p.Name, Kind: p.Kind}
		}
	}
	return n, n.sortBlocks()
}

func (b *Book) add(e Entry) error {
	id := ID(slices.IndexFunc(b.parties[1:], func(p Entry) bool { return p.Kind == e.Kind && p.Name == e.Name }) + 1)
	if id == 0 {
		id = ID(len(b.parties)) //nolint:gosec // bounded by the size of a configuration file
		b.parties = append(b.parties, e)
	} else {
		b.parties[id] = e
	}
	for _, p := range e.Addresses {
		if other, taken := b.prefixes[p.Masked()]; taken && other != id {
			return fmt.Errorf("address %s belongs to %s and to %s", p, b.label(other), b.label(id))
		}
		b.prefixes[p.Masked()] = id
		lengths := &b.lengths6
		if p.Addr().Is4() {
			lengths = &b.lengths4
		}
		if !slices.Contains(*lengths, p.Bits()) {
			*lengths = append(*lengths, p.Bits())
			slices.SortFunc(*lengths, func(x, y int) int { return cmp.Compare(y, x) })
		}
	}
	for _, d := range e.Domains {
		d = strings.ToLower(d)
		if other, taken := b.domains[d]; taken && other != id {
			return fmt.Errorf("domain %s belongs to %s and to %s", d, b.label(other), b.label(id))
		}
		b.domains[d] = id
	}
	for _, block := range e.Blocks {
		if len(block.First) != len(block.Last) || block.First > block.Last || !digits(block.First) || !digits(block.Last) {
			return fmt.Errorf("block %s-%s of %s: need two numbers of equal length, the smaller first", block.First, block.Last, b.label(id))
		}
		b.blocks = append(b.blocks, ownedBlock{block, id})
	}
	return nil
}

func (b *Book) sortBlocks() error {
	slices.SortFunc(b.blocks, func(x, y ownedBlock) int {
		return cmp.Or(cmp.Compare(len(x.First), len(y.First)), cmp.Compare(x.First, y.First))
	})
	for i := 1; i < len(b.blocks); i++ {
		x, y := b.blocks[i-1], b.blocks[i]
		if len(x.First) == len(y.First) && y.First <= x.Last {
			return fmt.Errorf("block %s-%s of %s overlaps block %s-%s of %s",
				x.First, x.Last, b.label(x.owner), y.First, y.Last, b.label(y.owner))
		}
	}
	return nil
}

func (b *Book) label(id ID) string { return b.parties[id].Kind.String() + " " + b.parties[id].Name }

// Len returns how many IDs there are, Unknown included; IDs are below it.
func (b *Book) Len() int { return len(b.parties) }

// Entry returns the configured party; for Unknown one with that name and no kind.
func (b *Book) Entry(id ID) Entry { return b.parties[id] }

// Is reports whether id is a known party of the given kind.
func (b *Book) Is(id ID, k Kind) bool { return id != Unknown && b.parties[id].Kind == k }

// Local reports whether a is one of the switch's own addresses.
func (b *Book) Local(a netip.Addr) bool { return b.local[a] }

// ByAddr returns the party whose longest prefix holds a, or Unknown.
func (b *Book) ByAddr(a netip.Addr) ID {
	lengths := b.lengths6
	if a.Is4() {
		lengths = b.lengths4
	}
	for _, n := range lengths {
		if p, err := a.Prefix(n); err == nil {
			if id, ok := b.prefixes[p]; ok {
				return id
			}
		}
	}
	return Unknown
}

// ByDomain returns the party of a lower-case host name, or Unknown.
func (b *Book) ByDomain(host string) ID { return b.domains[host] }

// ByNumber returns the customer whose block holds number, or Unknown.
func (b *Book) ByNumber(number string) ID {
	n := strings.TrimPrefix(number, "+")
	i, found := slices.BinarySearchFunc(b.blocks, n, func(o ownedBlock, n string) int {
		return cmp.Or(cmp.Compare(len(o.First), len(n)), cmp.Compare(o.First, n))
	})
	if !found {
		i-- // the block that begins before n
	}
	if i >= 0 && b.blocks[i].Contains(n) {
		return b.blocks[i].owner
	}
	return Unknown
}
