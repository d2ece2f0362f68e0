package packet

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
)

// decodeHEP turns a HEP packet into what it reports: a whole SIP message, or
// a datagram of RTP or RTCP.
func (d *Decoder) decodeHEP(f *Frame, p *Packet) Result {
	h := &d.hep
	if !h.Parse(f.Data) {
		return d.short()
	}
	whole := false
	switch h.Type {
	case HEPUnknown, HEPSIP:
		whole = true
	case HEPRTP, HEPRTCP:
	default:
		return NotTransport
	}
	if len(h.Payload) == 0 { // keep-alives of agents
		return NotTransport
	}
	payload := h.Payload
	if h.Compressed {
		var ok bool
		if payload, ok = d.infl.inflate(payload); !ok {
			return Malformed
		}
	}
	p.Src, p.Dst, p.Payload = h.Src, h.Dst, payload
	p.Time = d.clocks.time(h, f.Iface, f.Time)
	if whole {
		p.Whole = true
		p.Transport = h.Transport()
		return Payload
	}
	if len(payload) == 0 || payload[0]>>6 != 2 { // a report in JSON (RFC 3550 section 5.1 has the version)
		return NotTransport
	}
	p.Transport = UDP
	return Payload
}

// maxInflated bounds a decompressed payload: more than a datagram can hold,
// little enough that a crafted one does no harm.
const maxInflated = 128 << 10

// inflater decompresses payloads into memory that it reuses.
type inflater struct {
	in   bytes.Reader
	zlib interface {
		io.Reader
		zlib.Resetter
	}
	gzip gzip.Reader
	out  []byte
}

// inflate decompresses b, which is zlib data, or gzip data from agents that
// took the specification's "gzip/inflate" at its first word. It reports false
// for anything else and for more than maxInflated bytes.
func (i *inflater) inflate(b []byte) ([]byte, bool) {
	i.in.Reset(b)
	r, err := i.reader(b)
	if err != nil {
		return nil, false
	}
	if i.out == nil {
		i.out = make([]byte, maxInflated+1)
	}
	for n := 0; n < len(i.out); {
		m, err := r.Read(i.out[n:])
		n += m
		switch {
		case errors.Is(err, io.EOF) && n <= maxInflated: // not io.ErrUnexpectedEOF, which a cut payload gives
			return i.out[:n], true
		case err != nil:
			return nil, false
		}
	}
	return nil, false
}

func (i *inflater) reader(b []byte) (io.Reader, error) {
	if len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b {
		return &i.gzip, i.gzip.Reset(&i.in)
	}
	if i.zlib != nil {
		return i.zlib, i.zlib.Reset(&i.in, nil)
	}
	r, err := zlib.NewReader(&i.in)
	if err != nil {
		return nil, err
	}
	i.zlib = r.(interface {
		io.Reader
		zlib.Resetter
	})
	return r, nil
}
