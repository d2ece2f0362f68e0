package dialog

// cseqs remembers the latest CSeq numbers of one side's requests of one kind:
// the highest and those up to 32 below it. A request that was lost and sent
// again comes behind those that were sent meanwhile, so the highest alone does
// not tell new from old. The zero value has seen none.
type cseqs struct {
	top  uint32 // plus one; 0: none
	seen uint32 // bit i: the number i+1 below the highest
}

// add notes n, at most 2^31-1 (RFC 3261 section 8.1.1.5), and reports whether
// it is new. What is far below the highest is taken for old.
func (c *cseqs) add(n uint32) bool {
	n++
	if n > c.top {
		if c.top != 0 {
			c.seen = c.seen<<1 | 1
			c.seen <<= n - c.top - 1
		}
		c.top = n
		return true
	}
	below := c.top - n
	if below == 0 || below > 32 {
		return false
	}
	bit := uint32(1) << (below - 1)
	fresh := c.seen&bit == 0
	c.seen |= bit
	return fresh
}
