package party

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// builder collects what entries claim; build finds what contradicts.
type builder struct {
	*Book
	listed   map[ID]bool
	prefixes map[netip.Prefix]ID
	claims   []claim
}

// claim is a block of a customer.
type claim struct {
	first, last Number
	block       Block
	owner       ID
}

func newBuilder(before *Book, entries int) *builder {
	b := &builder{
		Book: &Book{
			parties: make([]Entry, len(before.parties), max(len(before.parties), entries+1)),
			names:   make(map[name]ID, max(len(before.names), entries)),
			domains: make(map[string]ID, entries),
			local:   map[netip.Addr]bool{},
		},
		listed:   make(map[ID]bool, entries),
		prefixes: make(map[netip.Prefix]ID, entries),
	}
	maps.Copy(b.names, before.names)
	for i := range before.parties { // until it is listed again, a party has its name and nothing else
		p := &before.parties[i]
		b.parties[i] = Entry{Name: p.Name, Kind: p.Kind}
	}
	return b
}

func (b *builder) add(e *Entry) error {
	key := name{e.Kind, e.Name}
	id, known := b.names[key]
	if !known {
		id = ID(len(b.parties)) // bounded by the size of a configuration file
		b.parties = append(b.parties, Entry{})
		b.names[key] = id
	}
	if b.listed[id] {
		return fmt.Errorf("%s %s is listed twice", e.Kind, e.Name)
	}
	b.listed[id] = true
	b.parties[id] = *e
	for _, p := range e.Addresses {
		if !p.IsValid() {
			return fmt.Errorf("an address of %s is none", b.label(id))
		}
		p = plain(p)
		if other, taken := b.prefixes[p]; taken && other != id {
			return fmt.Errorf("address %s belongs to %s and to %s", p, b.label(other), b.label(id))
		}
		b.prefixes[p] = id
	}
	for _, d := range e.Domains {
		d = strings.ToLower(d)
		if other, taken := b.domains[d]; taken && other != id {
			return fmt.Errorf("domain %s belongs to %s and to %s", d, b.label(other), b.label(id))
		}
		b.domains[d] = id
	}
	return b.claim(e.Blocks, id)
}

// plain masks p, and takes an IPv4 prefix out of its IPv6 form.
func plain(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

func (b *builder) claim(blocks []Block, id ID) error {
	for _, block := range blocks {
		if len(block.First) != len(block.Last) || block.First > block.Last || !digits(block.First) || !digits(block.Last) {
			return fmt.Errorf("block %s-%s of %s: need two numbers of equal length, the smaller first", block.First, block.Last, b.label(id))
		}
		if len(block.First) > MaxDigits {
			return fmt.Errorf("block %s-%s of %s: a number has at most %d digits", block.First, block.Last, b.label(id), MaxDigits)
		}
		b.claims = append(b.claims, claim{Pack(block.First), Pack(block.Last), block, id})
	}
	return nil
}

func (b *builder) build() (*Book, error) {
	var v4, v6 []owned
	for p, id := range b.prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, owned{p, id})
		} else {
			v6 = append(v6, owned{p, id})
		}
	}
	b.v4, b.v6 = narrow(flatten(v4)), flatten(v6)
	slices.SortFunc(b.claims, func(x, y claim) int {
		return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(x.owner, y.owner))
	})
	for i := 1; i < len(b.claims); i++ {
		if x, y := &b.claims[i-1], &b.claims[i]; y.first <= x.last {
			return nil, fmt.Errorf("block %s-%s of %s overlaps block %s-%s of %s",
				x.block.First, x.block.Last, b.label(x.owner), y.block.First, y.block.Last, b.label(y.owner))
		}
	}
	b.blocks = newBlocks(b.claims)
	b.traits = make([]trait, len(b.parties))
	for i := range b.parties {
		p := &b.parties[i]
		b.traits[i] = trait{p.Kind, p.NonNumeric, len(p.Blocks) > 0, int32(min(p.MaxContacts, math.MaxInt32))} // bounded
	}
	b.own = make([][]Block, len(b.parties))
	for i := range b.claims {
		c := &b.claims[i]
		b.own[c.owner] = append(b.own[c.owner], c.block)
	}
	return b.Book, nil
}

// blocks are all blocks in order, column by column: a search touches the
// firsts only.
type blocks struct {
	firsts []Number
	ends   []end
	texts  []Block
}

type end struct {
	last  Number
	owner ID
}

func newBlocks(claims []claim) blocks {
	n := len(claims)
	b := blocks{make([]Number, n), make([]end, n), make([]Block, n)}
	for i := range claims {
		c := &claims[i]
		b.firsts[i], b.ends[i], b.texts[i] = c.first, end{c.last, c.owner}, c.block
	}
	return b
}

// find returns the index of the block that holds n, -1 when none does. No
// block crosses a power of ten with a 1 before it, so lengths need no look.
func (b *blocks) find(n Number) int {
	i, found := slices.BinarySearch(b.firsts, n)
	if !found {
		i-- // the block that begins before n
	}
	if i >= 0 && n <= b.ends[i].last {
		return i
	}
	return -1
}
