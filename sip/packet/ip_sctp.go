package packet

// sctp reads the first DATA chunk (RFC 9260 section 3.3.1) or I-DATA chunk
// (RFC 8260 section 2.1) that holds a whole message: SIP over SCTP sends one
// message as one user message (RFC 4168 section 5.1). Further chunks and
// split messages are counted, not read.
func (d *Decoder) sctp(b []byte, p *Packet) Result {
	if len(b) < 12 {
		return d.short()
	}
	p.Src.Port, p.Dst.Port = be16(b), be16(b[2:])
	found := false
	for b = b[12:]; len(b) >= 4; {
		kind, flags, size := b[0], b[1], int(be16(b[2:]))
		if size < 4 {
			return Malformed
		}
		chunk := b[:min(size, len(b))]
		if header := sctpDataHeader(kind); header > 0 {
			switch {
			case found:
				d.stats.Bundled++
			case flags&3 != 3: // not both the beginning and the end
				d.stats.Split++
			case len(chunk) < header:
				return d.short()
			default:
				found = true
				p.Seq = be32(chunk[4:])
				p.Payload = chunk[header:]
				p.Truncated = size > len(chunk)
			}
		}
		b = b[min((size+3)&^3, len(b)):] // chunks are padded to four bytes
	}
	if !found {
		return NotTransport
	}
	p.Transport = SCTP
	p.Whole = true
	return Payload
}

// sctpDataHeader returns the size of the header of a chunk that carries user
// data, and 0 for others.
func sctpDataHeader(kind uint8) int {
	const data, iData = 0, 64
	switch kind {
	case data:
		return 16
	case iData:
		return 20
	}
	return 0
}
