package record

import "slices"

// Range is a run of sequence numbers, both ends included. Numbers begin at 1.
type Range struct{ First, Last uint64 }

// Len is how many numbers are in r; 0 for one that is empty.
func (r Range) Len() uint64 {
	if r.First == 0 || r.Last < r.First {
		return 0
	}
	return r.Last - r.First + 1
}

// Ranges is a set of sequence numbers: ranges in order, that neither overlap nor
// touch. The zero value is the empty set. It is not safe for concurrent use.
type Ranges []Range

// Add puts the numbers of r into the set.
func (s *Ranges) Add(r Range) {
	if r.Len() == 0 {
		return
	}
	old := *s
	if n := len(old); n > 0 && r.First > old[n-1].First { // at the end, as nearly all are
		switch last := &old[n-1]; {
		case r.First-1 > last.Last:
			*s = append(old, r)
			return
		default:
			last.Last = max(last.Last, r.Last)
			return
		}
	}
	i, _ := slices.BinarySearchFunc(old, r.First, func(x Range, first uint64) int {
		if x.Last != ^uint64(0) && x.Last+1 < first {
			return -1
		}
		return 1
	})
	j := i
	for j < len(old) && (r.Last == ^uint64(0) || old[j].First <= r.Last+1) {
		r.First, r.Last = min(r.First, old[j].First), max(r.Last, old[j].Last)
		j++
	}
	*s = slices.Replace(old, i, j, r)
}

// AddAll puts every number of other into the set.
func (s *Ranges) AddAll(other Ranges) {
	for _, r := range other {
		s.Add(r)
	}
}

// Remove takes the numbers of r out of the set.
func (s *Ranges) Remove(r Range) {
	if r.Len() == 0 {
		return
	}
	var out Ranges
	for _, x := range *s {
		if x.Last < r.First || x.First > r.Last {
			out = append(out, x)
			continue
		}
		if x.First < r.First {
			out = append(out, Range{x.First, r.First - 1})
		}
		if x.Last > r.Last {
			out = append(out, Range{r.Last + 1, x.Last})
		}
	}
	*s = out
}

// find returns the index of the first range that ends at n or later.
func (s Ranges) find(n uint64) int {
	i, _ := slices.BinarySearchFunc(s, n, func(x Range, n uint64) int {
		if x.Last < n {
			return -1
		}
		return 1
	})
	return i
}

// Contains reports whether all numbers of r are in the set. An empty r always is.
func (s Ranges) Contains(r Range) bool {
	if r.Len() == 0 {
		return true
	}
	i := s.find(r.First)
	return i < len(s) && s[i].First <= r.First && s[i].Last >= r.Last
}

// Has reports whether n is in the set.
func (s Ranges) Has(n uint64) bool { return n != 0 && s.Contains(Range{n, n}) }

// Missing returns the parts of r that are not in the set.
func (s Ranges) Missing(r Range) Ranges {
	if r.Len() == 0 {
		return nil
	}
	var out Ranges
	for _, x := range s[s.find(r.First):] {
		if x.First > r.Last {
			break
		}
		if x.First > r.First {
			out = append(out, Range{r.First, x.First - 1})
		}
		if x.Last >= r.Last {
			return out
		}
		r.First = x.Last + 1
	}
	return append(out, r)
}

// Minus returns the numbers that are in the set and not in other.
func (s Ranges) Minus(other Ranges) Ranges {
	if len(other) == 0 {
		return s.Clone()
	}
	var out Ranges
	for _, r := range s {
		out = append(out, other.Missing(r)...)
	}
	return out
}

// And returns the numbers that are in both sets.
func (s Ranges) And(other Ranges) Ranges {
	var out Ranges
	for i, j := 0, 0; i < len(s) && j < len(other); {
		if r := (Range{max(s[i].First, other[j].First), min(s[i].Last, other[j].Last)}); r.Len() > 0 {
			out = append(out, r)
		}
		if s[i].Last < other[j].Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// Len is how many numbers are in the set.
func (s Ranges) Len() uint64 {
	var n uint64
	for _, r := range s {
		n += r.Len()
	}
	return n
}

// Contiguous is the highest number up to which all from 1 on are in the set; 0
// when 1 is not.
func (s Ranges) Contiguous() uint64 {
	if len(s) == 0 || s[0].First > 1 {
		return 0
	}
	return s[0].Last
}

// Last is the highest number in the set, 0 when it is empty.
func (s Ranges) Last() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Last
}

// Clone returns a copy that shares nothing.
func (s Ranges) Clone() Ranges { return slices.Clone(s) }

// NewCursor states the set as an ack does.
func NewCursor(epoch uint64, stream Stream, done Ranges) *Cursor {
	c := &Cursor{Epoch: epoch, Stream: uint32(stream), Contiguous: done.Contiguous()}
	for _, r := range done {
		if r.First > c.Contiguous {
			c.Beyond = append(c.Beyond, &Span{First: r.First, Last: r.Last})
		}
	}
	return c
}

// Done returns the set that a cursor states. Ranges that make no sense are left out.
func (x *Cursor) Done() Ranges {
	var s Ranges
	s.Add(Range{1, x.GetContiguous()})
	for _, b := range x.GetBeyond() {
		s.Add(Range{b.GetFirst(), b.GetLast()})
	}
	return s
}
