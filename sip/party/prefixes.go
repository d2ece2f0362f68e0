package party

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// owned is a prefix of a party, masked; IPv4 prefixes are never mapped to IPv6.
type owned struct {
	prefix netip.Prefix
	owner  ID
}

// flat holds prefixes as ranges that do not overlap, so that one binary search
// finds the longest that holds an address, however many lengths are in use.
// Range i begins at starts[i] and ends before starts[i+1].
type flat struct {
	starts []wide
	owners []ID
}

// wide is an address as a number: IPv6, or IPv4 in lo.
type wide struct{ hi, lo uint64 }

func wideOf(a netip.Addr) wide {
	if a.Is4() {
		b := a.As4()
		return wide{lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (w wide) compare(o wide) int { return cmp.Or(cmp.Compare(w.hi, o.hi), cmp.Compare(w.lo, o.lo)) }

// after returns the first address behind p, and false when there is none.
func after(p netip.Prefix) (wide, bool) {
	w, host := wideOf(p.Addr()), p.Addr().BitLen()-p.Bits()
	add := wide{}
	switch {
	case host >= 128:
		return wide{}, false
	case host >= 64:
		add.hi = 1 << (host - 64)
	default:
		add.lo = 1 << host
	}
	sum := wide{w.hi + add.hi, w.lo + add.lo}
	if sum.lo < w.lo {
		sum.hi++
	}
	if p.Addr().Is4() {
		return sum, sum.lo <= 1<<32-1
	}
	return sum, sum.compare(w) > 0
}

// flatten sorts prefixes, all of one family and no two alike, into ranges.
func flatten(prefixes []owned) flat {
	slices.SortFunc(prefixes, func(x, y owned) int {
		return cmp.Or(wideOf(x.prefix.Addr()).compare(wideOf(y.prefix.Addr())), cmp.Compare(x.prefix.Bits(), y.prefix.Bits()))
	})
	f := flat{starts: []wide{{}}, owners: []ID{Unknown}}
	var open []owned // prefixes that hold the present address, the longest last
	shut := func(before wide, all bool) {
		for len(open) > 0 {
			end, more := after(open[len(open)-1].prefix)
			if !all && (!more || end.compare(before) > 0) {
				return
			}
			open = open[:len(open)-1]
			if more {
				f.begin(end, outer(open))
			}
		}
	}
	for _, p := range prefixes {
		start := wideOf(p.prefix.Addr())
		shut(start, false)
		open = append(open, p)
		f.begin(start, p.owner)
	}
	shut(wide{}, true)
	return f
}

func outer(open []owned) ID {
	if len(open) == 0 {
		return Unknown
	}
	return open[len(open)-1].owner
}

// begin starts a range; one that began at the same address was empty.
func (f *flat) begin(start wide, owner ID) {
	if last := len(f.starts) - 1; f.starts[last] == start {
		f.owners[last] = owner
		return
	}
	f.starts, f.owners = append(f.starts, start), append(f.owners, owner)
}

func (f *flat) find(a netip.Addr) ID {
	w := wideOf(a)
	low, high := 0, len(f.starts) // the range is at low or behind it, and before high
	for high-low > 1 {
		if mid := int(uint(low+high) >> 1); f.starts[mid].compare(w) <= 0 { // no index is negative
			low = mid
		} else {
			high = mid
		}
	}
	return f.owners[low]
}

// flat4 is flat with IPv4 addresses as they are: a quarter of the memory to
// search.
type flat4 struct {
	starts []uint32
	owners []ID
}

func narrow(f flat) flat4 {
	n := flat4{make([]uint32, len(f.starts)), f.owners}
	for i, w := range f.starts {
		n.starts[i] = uint32(w.lo) // an IPv4 address
	}
	return n
}

func (f *flat4) find(a netip.Addr) ID {
	b := a.As4()
	w := binary.BigEndian.Uint32(b[:])
	low, high := 0, len(f.starts)
	for high-low > 1 {
		if mid := int(uint(low+high) >> 1); f.starts[mid] <= w { // no index is negative
			low = mid
		} else {
			high = mid
		}
	}
	return f.owners[low]
}
