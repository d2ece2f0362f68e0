package dialog

import "github.com/sipward/sipward/sip/packet"

// hopOf returns the index of the hop that p travelled on, either way. Where
// ports differ (a TCP connection of its own) the addresses decide; an unknown
// path is the first hop.
func (l *Leg) hopOf(p *packet.Packet) uint8 {
	for i, h := range l.hops {
		if h.src == p.Src && h.dst == p.Dst || h.src == p.Dst && h.dst == p.Src {
			return uint8(i) // below maxHops
		}
	}
	for i, h := range l.hops {
		if h.src.IP == p.Src.IP && h.dst.IP == p.Dst.IP || h.src.IP == p.Dst.IP && h.dst.IP == p.Src.IP {
			return uint8(i) // below maxHops
		}
	}
	return 0
}

// elsewhere reports whether p travelled between other hosts than the first hop of l
// connects: not to or from the same peer, though the switch may have many addresses.
func (t *Table) elsewhere(l *Leg, p *packet.Packet) bool {
	h := &l.hops[0]
	for _, e := range []packet.Endpoint{p.Src, p.Dst} {
		if (e.IP == h.src.IP || e.IP == h.dst.IP) && !t.book.Local(e.Addr()) {
			return false
		}
	}
	return (h.src.IP != p.Src.IP || h.dst.IP != p.Dst.IP) && (h.src.IP != p.Dst.IP || h.dst.IP != p.Src.IP)
}

// addHop returns the index of the hop that an initial INVITE takes.
func (t *Table) addHop(l *Leg, p *packet.Packet) uint8 {
	for i, h := range l.hops {
		if h.src == p.Src && h.dst == p.Dst {
			return uint8(i) // below maxHops
		}
	}
	if len(l.hops) == maxHops {
		t.stats.Overflow++
		return maxHops - 1
	}
	l.hops = append(l.hops, hop{p.Src, p.Dst})
	return uint8(len(l.hops) - 1) // below maxHops
}
