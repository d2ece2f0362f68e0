package ingest

import (
	"hash/maphash"
	"sync"
)

// damaged counts how often the same damaged message came. A message that was
// damaged on its way is whole when it comes again; one that was damaged before it
// was sent is the same every time.
type damaged struct {
	seed maphash.Seed
	mu   sync.Mutex // guards all below
	n    map[uint64]int
	ring []uint64 // what is in n, in the order of its coming
	next int
}

func newDamaged(bound int) *damaged {
	return &damaged{seed: maphash.MakeSeed(), n: make(map[uint64]int), ring: make([]uint64, bound)}
}

// third reports whether a message came for the third time from node; not for the
// fourth.
func (d *damaged) third(node string, raw []byte) bool {
	var h maphash.Hash
	h.SetSeed(d.seed)
	_, _ = h.WriteString(node) // a hash takes everything
	_ = h.WriteByte(0)
	_, _ = h.Write(raw)
	key := h.Sum64()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n[key] == 0 {
		delete(d.n, d.ring[d.next])
		d.ring[d.next] = key
		d.next = (d.next + 1) % len(d.ring)
	}
	d.n[key]++
	return d.n[key] == 3
}
