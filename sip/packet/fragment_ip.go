package packet

// fragment4 takes a fragment of an IPv4 datagram (RFC 791 section 3.1); frag
// is the header's field of flags and offset, in units of 8 bytes.
func (d *Decoder) fragment4(proto uint8, frag uint16, b []byte, p *Packet) Result {
	if !leadsOn(proto) {
		return NotTransport
	}
	return d.reassemble(&fragment{
		key:   fragmentKey{src: p.Src.IP, dst: p.Dst.IP, id: uint32(p.IPID), proto: proto},
		off:   int(frag&0x1fff) * 8,
		data:  b,
		proto: proto,
		more:  frag&0x2000 != 0,
		now:   p.Time,
	}, p)
}

// fragment6 takes an IPv6 fragment header (RFC 8200 section 4.5) and what
// follows it. A datagram that is whole although it has the header is none of
// reassembly's business (RFC 6946).
func (d *Decoder) fragment6(b []byte, p *Packet) Result {
	if len(b) < 8 {
		return d.short()
	}
	proto, frag := b[0], be16(b[2:])
	if frag&0xfff9 == 0 {
		return d.transport(proto, b[8:], p)
	}
	if !leadsOn(proto) {
		return NotTransport
	}
	return d.reassemble(&fragment{
		key:   fragmentKey{src: p.Src.IP, dst: p.Dst.IP, id: be32(b[4:]), proto: 0xff},
		off:   int(frag &^ 7),
		data:  b[8:],
		proto: proto,
		more:  frag&1 != 0,
		now:   p.Time,
	}, p)
}

func (d *Decoder) reassemble(f *fragment, p *Packet) Result {
	if !d.deeper() {
		return TooDeep
	}
	d.stats.Fragments.Fragments++
	if p.Truncated {
		return d.cutFragment(f, p)
	}
	datagram, proto, r := d.frag.add(f)
	if r != Payload {
		return r
	}
	return d.transport(proto, datagram, p)
}

// cutFragment handles a fragment that the snap length cut: its datagram can
// never be whole, but the first one has the headers of the transport and most
// likely those of SIP too.
func (d *Decoder) cutFragment(f *fragment, p *Packet) Result {
	if f.off == 0 {
		d.stats.Fragments.Kept++
		return d.transport(f.proto, f.data, p)
	}
	d.stats.Fragments.Cut++
	return Discarded
}
