package netfilter

import (
	"bytes"
	"net/netip"
	"strconv"
)

// topVia is the topmost Via taken apart; the slices alias it.
type topVia struct {
	before []byte // protocol and sent-by
	params []byte // from the first semicolon on
	after  []byte // from the comma on, with further values of the header
	host   []byte // of sent-by, without brackets
	port   uint16 // of sent-by; 0 when it is no port
	rport  bool
}

// read takes a value without line breaks apart, and reports whether it is one.
func (v *topVia) read(b []byte) bool {
	end := endOfValue(b)
	v.after = b[end:]
	i := bytes.IndexByte(b[:end], ';')
	if i < 0 {
		i = end
	}
	v.before, v.params = trim(b[:i]), b[i:end]
	for rest := v.params; len(rest) > 0; {
		var name []byte
		_, name, rest = cutParam(rest)
		v.rport = v.rport || foldEqual(name, "rport")
	}
	return v.sentBy()
}

// sentBy reads host and port after "SIP/2.0/UDP", which may have blanks around
// its slashes, and the port around its colon (RFC 3261 section 25.1).
func (v *topVia) sentBy() bool {
	_, rest, one := bytes.Cut(v.before, []byte{'/'})
	_, rest, two := bytes.Cut(rest, []byte{'/'})
	rest = trim(rest)
	i := bytes.IndexAny(rest, " \t")
	if !one || !two || i < 0 {
		return false
	}
	by := trim(rest[i:])
	v.host, v.port = by, viaPort
	var port []byte
	if by[0] == '[' {
		end := bytes.IndexByte(by, ']')
		if end < 0 {
			return false
		}
		v.host, port = by[1:end], trim(by[end+1:])
	} else if i := bytes.IndexByte(by, ':'); i >= 0 {
		v.host, port = trim(by[:i]), by[i:]
	}
	if len(port) == 0 {
		return len(v.host) > 0
	}
	n, err := strconv.ParseUint(string(trim(port[1:])), 10, 16)
	if err != nil || port[0] != ':' {
		n = 0
	}
	v.port = uint16(n)
	return len(v.host) > 0
}

// appendTo writes the value with rport and received filled in. Values that the
// client put there are replaced: only the server knows them.
func (v *topVia) appendTo(to []byte, src netip.AddrPort) []byte {
	to = append(to, v.before...)
	for rest := v.params; len(rest) > 0; {
		var whole, name []byte
		whole, name, rest = cutParam(rest)
		switch {
		case foldEqual(name, "received"), len(trim(whole)) == 0:
		case foldEqual(name, "rport"):
			to = strconv.AppendUint(append(to, ";rport="...), uint64(src.Port()), 10)
		default:
			to = append(append(to, ';'), whole...)
		}
	}
	sent, err := netip.ParseAddr(string(v.host))
	if v.rport || err != nil || sent.Unmap() != src.Addr() {
		to = src.Addr().WithZone("").AppendTo(append(to, ";received="...))
	}
	return append(to, v.after...)
}

// cutParam splits the parameter that b, at a semicolon, begins with off it.
func cutParam(b []byte) (whole, name, rest []byte) {
	b = b[1:]
	end := len(b)
	for i := 0; i < len(b); i++ {
		if b[i] == '"' {
			i = closingQuote(b, i)
		} else if b[i] == ';' {
			end = i
			break
		}
	}
	name, _, _ = bytes.Cut(b[:end], []byte{'='})
	return trim(b[:end]), trim(name), b[end:]
}

// endOfValue returns where the first of several values ends.
func endOfValue(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = closingQuote(b, i)
		case ',':
			return i
		}
	}
	return len(b)
}

// closingQuote returns the index of the quote that closes the one at open, or
// of the last byte.
func closingQuote(b []byte, open int) int {
	for i := open + 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b) - 1
}
