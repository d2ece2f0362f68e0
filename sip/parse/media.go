package parse

import (
	"net/netip"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/sipward/sipward/sip/packet"
)

// level is what a session says for all of its media.
type level struct {
	addr      netip.Addr
	direction Direction
	encrypted bool
}

func sessionLevel(d *sdp.SessionDescription) level {
	l := level{direction: SendRecv}
	if c := d.ConnectionInformation; c != nil && c.Address != nil {
		l.addr = address(c.Address.Address)
	}
	for _, a := range d.Attributes {
		l.apply(a.Key)
	}
	return l
}

// apply applies an attribute that may stand at both levels.
func (l *level) apply(key string) {
	switch key {
	case "sendrecv":
		l.direction = SendRecv
	case "sendonly":
		l.direction = SendOnly
	case "recvonly":
		l.direction = RecvOnly
	case "inactive":
		l.direction = Inactive
	case "crypto", "fingerprint":
		l.encrypted = true
	}
}

// address returns the address of a c= or a=rtcp line, without TTL, count and
// zone. A host name gives none: nothing is resolved here.
func address(s string) netip.Addr {
	s, _, _ = strings.Cut(s, "/")
	s, _, _ = strings.Cut(s, "%")
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// media turns one m= line into a Media.
func (p *Parser) media(kind MediaKind, d *sdp.MediaDescription, l level) Media {
	if c := d.ConnectionInformation; c != nil && c.Address != nil {
		l.addr = address(c.Address.Address)
	}
	protos := d.MediaName.Protos
	isRTP := protos[0] == "RTP"
	l.encrypted = l.encrypted || isRTP && protos[1] == "SAVP"
	m := Media{Kind: kind}
	rtcp, mux := "", false
	for i := range d.Attributes {
		switch a := &d.Attributes[i]; a.Key {
		case "rtcp":
			rtcp = a.Value
		case "rtcp-mux":
			mux = true
		case "rtpmap":
		default:
			l.apply(a.Key)
		}
	}
	m.Direction, m.Encrypted = l.direction, l.encrypted
	m.Hold = l.addr.IsValid() && l.addr.IsUnspecified() || m.Direction == SendOnly || m.Direction == Inactive
	if !isRTP {
		return m
	}
	p.formats(&m, d)
	port := d.MediaName.Port.Value
	if port == 0 || !l.addr.IsValid() || l.addr.IsUnspecified() {
		return m
	}
	m.RTP = packet.EndpointFrom(netip.AddrPortFrom(l.addr, uint16(port)))
	m.RTCP = rtcpEndpoint(m.RTP, rtcp)
	if mux {
		m.RTCP = m.RTP
	}
	return m
}

// rtcpEndpoint returns where RTCP is wanted: the port and perhaps the address
// of an a=rtcp line (RFC 3605), else the port above that of RTP.
func rtcpEndpoint(rtp packet.Endpoint, line string) packet.Endpoint {
	e := rtp
	n, rest := leadingUint(line)
	if n == 0 || n > 65535 {
		if e.Port++; e.Port == 0 {
			return packet.Endpoint{}
		}
		return e
	}
	e.Port = uint16(n)
	if i := strings.LastIndexByte(rest, ' '); i >= 0 {
		if a := address(rest[i+1:]); a.IsValid() && !a.IsUnspecified() {
			return packet.EndpointFrom(netip.AddrPortFrom(a, e.Port))
		}
	}
	return e
}

// formats reads the payload types: events, redundancy, and the first format
// that is neither. A type whose rtpmap is there counts even if the m= line
// forgot it, for its sender will accept it.
func (p *Parser) formats(m *Media, d *sdp.MediaDescription) {
	first := true
	for _, f := range d.MediaName.Formats {
		pt, rest := leadingUint(f)
		if rest != "" || pt > 127 {
			continue
		}
		if name, _ := staticType(uint8(pt)); name != "" {
			m.Formats.Add(uint8(pt))
		}
		if !first {
			continue
		}
		name, hz := rtpmap(d, uint8(pt))
		if !fold(name, "telephone-event") && !fold(name, "red") && !fold(name, "cn") {
			m.Codec, m.ClockHz, first = p.codec(name), hz, false
		}
	}
	for i := range d.Attributes {
		if d.Attributes[i].Key != "rtpmap" {
			continue
		}
		pt, name, hz, ok := parseRTPMap(d.Attributes[i].Value)
		if !ok {
			continue
		}
		m.Formats.Add(pt)
		switch {
		case fold(name, "telephone-event"):
			m.Events.Add(pt)
			// Several clocks are offered with codecs of several clocks; the
			// one of the first codec is the likely one.
			if m.EventHz == 0 || hz == m.ClockHz {
				m.EventHz = hz
			}
		case fold(name, "red"):
			m.Redundant.Add(pt)
		}
	}
	if m.EventHz == 0 {
		m.EventHz = 8000
	}
}

// rtpmap returns name and clock of a payload type, from its a=rtpmap line or
// from the static table; "" and 0 when neither knows it.
func rtpmap(d *sdp.MediaDescription, pt uint8) (name string, hz uint32) {
	for i := range d.Attributes {
		if a := &d.Attributes[i]; a.Key == "rtpmap" {
			if n, name, hz, ok := parseRTPMap(a.Value); ok && n == pt {
				return name, hz
			}
		}
	}
	return staticType(pt)
}

// parseRTPMap reads "101 telephone-event/8000/1"; the clock is 8000 when it is
// missing or 0.
func parseRTPMap(s string) (pt uint8, name string, hz uint32, ok bool) {
	n, rest := leadingUint(s)
	name, clock, _ := strings.Cut(strings.TrimSpace(rest), "/")
	name = strings.TrimSpace(name)
	hz, _ = leadingUint(strings.TrimSpace(clock))
	if hz == 0 {
		hz = 8000
	}
	return uint8(n), name, hz, len(rest) < len(s) && n < 128 && name != ""
}

// codec returns the name of an encoding, as the registry writes it where it is
// a static one.
func (p *Parser) codec(name string) string {
	for i := range staticTypes {
		if t := &staticTypes[i]; len(t.name) == len(name) && strings.EqualFold(t.name, name) {
			return t.name
		}
	}
	return p.names.getString(name)
}

// staticType returns name and clock of a static payload type.
func staticType(pt uint8) (name string, hz uint32) {
	if int(pt) < len(staticTypes) {
		return staticTypes[pt].name, staticTypes[pt].hz
	}
	return "", 0
}

// staticTypes are the static payload types (RFC 3551 section 6).
var staticTypes = [...]struct {
	name string
	hz   uint32
}{
	0: {"PCMU", 8000}, 3: {"GSM", 8000}, 4: {"G723", 8000}, 5: {"DVI4", 8000}, 6: {"DVI4", 16000},
	7: {"LPC", 8000}, 8: {"PCMA", 8000}, 9: {"G722", 8000}, 10: {"L16", 44100}, 11: {"L16", 44100},
	12: {"QCELP", 8000}, 13: {"CN", 8000}, 14: {"MPA", 90000}, 15: {"G728", 8000}, 16: {"DVI4", 11025},
	17: {"DVI4", 22050}, 18: {"G729", 8000}, 25: {"CelB", 90000}, 26: {"JPEG", 90000}, 28: {"nv", 90000},
	31: {"H261", 90000}, 32: {"MPV", 90000}, 33: {"MP2T", 90000}, 34: {"H263", 90000},
}
