package parse

import (
	"bytes"

	"github.com/pion/sdp/v3"
)

// Bounds of a session description.
const (
	maxMedia      = 32  // m= lines
	maxAttributes = 512 // a= lines that are read
	maxFormats    = 64  // formats of one m= line
)

// sdpHead stands for the lines that nothing here reads. pion demands them and
// is strict about them, where many devices are not.
const sdpHead = "v=0\r\no=- 0 0 IN IP4 -\r\ns=-\r\n"

// readSDP reads a session description; it returns nil, and counts, when there
// is nothing in it that could be read.
//
// pion parses it, but not as it came: mend first writes the lines that are
// read in the order that pion demands. That makes a description with missing,
// misplaced or unknown lines as good as any other, and spares pion the lines
// that nobody reads.
func (p *Parser) readSDP(body []byte) *SDP {
	text, ok := p.mend(body)
	if !ok {
		p.stats.SDPMalformed++
		return nil
	}
	p.desc = sdp.SessionDescription{}
	if err := p.desc.UnmarshalString(string(text)); err != nil || len(p.desc.MediaDescriptions) != len(p.kinds) {
		p.stats.SDPMalformed++
		return nil
	}
	session := sessionLevel(&p.desc)
	p.sdp.Media = p.sdp.Media[:0]
	for i, d := range p.desc.MediaDescriptions {
		p.sdp.Media = append(p.sdp.Media, p.media(p.kinds[i], d, session))
	}
	return &p.sdp
}

// mender writes the canonical form of a session description.
type mender struct {
	out        []byte
	kinds      []MediaKind
	connection bool // the c= line of this level is written
	attributes int
	head       bool // v= was seen
	mended     bool
	cut        bool
	session    []byte // attributes of the session, held back: c= and t= precede them
}

// mend returns the canonical form of body and leaves the kinds of its m= lines
// in p.kinds. ok is false when body has neither v= nor m=.
func (p *Parser) mend(body []byte) (text []byte, ok bool) {
	w := mender{
		out:     append(p.scratch[:0], sdpHead...),
		kinds:   p.kinds[:0],
		session: p.held[:0],
	}
	for len(body) > 0 && !w.cut {
		var line []byte
		line, body = cutSDPLine(body)
		line = trim(line)
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		switch line[0] {
		case 'v':
			w.head = true
		case 'c':
			w.writeConnection(line[2:])
		case 'a':
			w.writeAttribute(line[2:])
		case 'm':
			w.writeMedia(line[2:])
		}
	}
	if len(w.kinds) == 0 {
		w.endSession()
	}
	p.scratch, p.kinds, p.held = w.out, w.kinds, w.session
	if w.mended {
		p.stats.SDPMended++
	}
	if w.cut {
		p.stats.SDPCut++
	}
	return w.out, w.head || len(w.kinds) > 0
}

// cutSDPLine is cutLine for lines that a bare CR ends too, as it does for pion.
func cutSDPLine(b []byte) (line, rest []byte) {
	line, rest = cutLine(b)
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		return line[:i], b[i+1:]
	}
	return line, rest
}

func (w *mender) endSession() {
	w.out = append(w.out, "t=0 0\r\n"...)
	w.out = append(w.out, w.session...)
}

// writeConnection writes the first usable c= line of the session or the media.
// Other networks than IN (RFC 8866 section 5.7) have no RTP.
func (w *mender) writeConnection(s []byte) {
	network, s := nextField(s)
	family, s := nextField(s)
	addr, _ := nextField(s)
	if w.connection || len(addr) == 0 || !foldBytes(network, "in") ||
		!foldBytes(family, "ip4") && !foldBytes(family, "ip6") {
		w.mended = true
		return
	}
	w.connection = true
	// pion does not look at the address, nor do we at its family.
	w.out = append(append(append(w.out, "c=IN IP4 "...), addr...), "\r\n"...)
}

// writeMedia writes an m= line. pion knows few media types and protocols; the
// others are written as ones that it knows, and so keep their place. So does a
// line that cannot be read at all, with port 0.
func (w *mender) writeMedia(s []byte) {
	if len(w.kinds) == maxMedia {
		w.cut = true
		return
	}
	if len(w.kinds) == 0 {
		w.endSession()
	}
	w.connection = false
	media, s := nextField(s)
	port, s := nextField(s)
	proto, s := nextField(s)
	kind := mediaKind(media)
	w.kinds = append(w.kinds, kind)
	if len(proto) == 0 || !isPortRange(port) {
		w.mended = true
		w.out = append(w.out, "m=application 0 UDP -\r\n"...)
		return
	}
	name := "application "
	if kind == Audio || kind == Video {
		name = "audio "
	}
	w.out = append(append(append(w.out, "m="...), name...), port...)
	w.out = append(append(w.out, ' '), protocol(proto)...)
	for range maxFormats {
		var format []byte
		if format, s = nextField(s); len(format) == 0 {
			break
		}
		w.out = append(append(w.out, ' '), format...)
	}
	w.out = append(w.out, "\r\n"...)
}

// mediaKind returns the kind of a media type.
func mediaKind(name []byte) MediaKind {
	switch {
	case foldBytes(name, "audio"):
		return Audio
	case foldBytes(name, "video"):
		return Video
	case foldBytes(name, "image"):
		return Image
	}
	return OtherMedia
}

// isPortRange reports whether s is "port" or "port/count".
func isPortRange(s []byte) bool {
	port, count, ok := bytes.Cut(s, []byte("/"))
	return isNumber(port, 65535) && (!ok || isNumber(count, 65535))
}

func isNumber(s []byte, limit int) bool {
	n := 0
	for _, c := range s {
		if !isDigit(c) || n > limit {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return len(s) > 0 && n <= limit
}

// protocol returns the transport as pion knows it. The protocols that carry
// RTP are registered with its profile at the end (RFC 8866 section 8.2.3).
func protocol(s []byte) string {
	rtp := bytes.LastIndexByte(s, '/')
	if rtp < 3 || !foldBytes(s[rtp-3:rtp], "rtp") || rtp > 3 && s[rtp-4] != '/' {
		return "UDP"
	}
	switch profile := s[rtp+1:]; {
	case foldBytes(profile, "avp"), foldBytes(profile, "avpf"):
		return "RTP/AVP"
	case foldBytes(profile, "savp"), foldBytes(profile, "savpf"):
		return "RTP/SAVP"
	}
	return "UDP"
}

// attributes are the a= lines that are read, with a colon when they have a
// value that is read.
var attributes = [...]string{
	"rtpmap:", "rtcp:", "rtcp-mux", "sendrecv", "sendonly", "recvonly", "inactive", "crypto", "fingerprint",
}

// writeAttribute writes an a= line if it is read. Attributes of the session
// are held back, for c= may still follow.
func (w *mender) writeAttribute(s []byte) {
	name, val, _ := bytes.Cut(s, []byte(":"))
	name = trim(name)
	for _, known := range attributes {
		bare := known
		if known[len(known)-1] == ':' {
			bare = known[:len(known)-1]
		} else {
			val = nil
		}
		if !foldBytes(name, bare) {
			continue
		}
		if known == "rtpmap:" && isStatic(val) {
			return
		}
		if w.attributes == maxAttributes {
			w.cut = true
			return
		}
		w.attributes++
		out := &w.out
		if len(w.kinds) == 0 {
			out = &w.session
		}
		*out = append(append(*out, "a="...), known...)
		*out = append(append(*out, trim(val)...), "\r\n"...)
		return
	}
}

// isStatic reports whether an rtpmap is for a type of the static table, which
// needs none and cannot be bound to anything else (RFC 3551 section 6).
func isStatic(rtpmap []byte) bool {
	s := trim(rtpmap)
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n == 0 || n > 2 {
		return false
	}
	pt := s[0] - '0'
	if n == 2 {
		pt = pt*10 + s[1] - '0'
	}
	name, _ := staticType(pt)
	return name != ""
}

// nextField splits the first field off s; it is empty when there is none.
func nextField(s []byte) (field, rest []byte) {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for i, c := range s {
		if isBlank(c) {
			return s[:i], s[i:]
		}
	}
	return s, nil
}
