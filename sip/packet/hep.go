package packet

import "encoding/binary"

// HEP is one packet of the Homer Encapsulation Protocol, versions 1 to 3. Its
// byte slices alias what was parsed.
type HEP struct {
	Src, Dst    Endpoint
	Time        int64 // nanoseconds since the Unix epoch; 0 when the agent sent none
	AuthKey     []byte
	Node        []byte // name of the capture agent; nil when absent
	Correlation []byte // mostly the Call-ID of what an RTCP report is about
	Payload     []byte
	AgentID     uint32 // capture agent, a number of the operator's choice
	Version     uint8  // 1, 2 or 3
	Proto       uint8  // IP protocol, or what agents put there instead
	Type        HEPType
	Compressed  bool // Payload is zlib or gzip data
}

// HEPType is the protocol type of a HEPv3 packet.
type HEPType uint8

// Protocol types that can lead to a packet. The others (reports, logs, CDRs,
// other signalling) do not.
const (
	HEPUnknown HEPType = 0 // reserved by the specification; taken for SIP
	HEPSIP     HEPType = 1
	HEPRTP     HEPType = 4
	HEPRTCP    HEPType = 5 // raw from some agents, JSON from most
)

// Chunk types of vendor 0 (HEP3 specification, section 5).
const (
	chunkProto       = 0x02
	chunkSrc4        = 0x03
	chunkDst4        = 0x04
	chunkSrc6        = 0x05
	chunkDst6        = 0x06
	chunkSrcPort     = 0x07
	chunkDstPort     = 0x08
	chunkSeconds     = 0x09
	chunkMicros      = 0x0a
	chunkType        = 0x0b
	chunkAgent       = 0x0c
	chunkAuthKey     = 0x0e
	chunkPayload     = 0x0f
	chunkCompressed  = 0x10
	chunkCorrelation = 0x11
	chunkNode        = 0x13
	hepHeader        = 6
	chunkHeader      = 6
)

const hepMagic = "HEP3"

// HEPLength returns the length in bytes of the HEPv3 packet at the start of b,
// for framing a TCP or TLS stream: 0 when b is too short to say, -1 when no
// HEPv3 packet begins there. Versions 1 and 2 have no length and go over UDP
// alone.
func HEPLength(b []byte) int {
	n := min(len(b), len(hepMagic))
	if string(b[:n]) != hepMagic[:n] {
		return -1
	}
	if len(b) < hepHeader {
		return 0
	}
	length := int(be16(b[4:]))
	if length < hepHeader {
		return -1
	}
	return length
}

// Parse fills h from the HEP packet b and reports whether b is one. Whether
// the agent may send it (AuthKey) is for the caller to say.
func (h *HEP) Parse(b []byte) bool {
	*h = HEP{}
	switch length := HEPLength(b); {
	case length > 0:
		return length <= len(b) && h.parse3(b[hepHeader:length])
	case len(b) > 0 && (b[0] == 1 || b[0] == 2):
		return h.parse12(b)
	}
	return false
}

// parse3 reads the chunks. Chunks of other vendors and unknown types are
// skipped; a chunk shorter than its type needs makes the packet malformed.
func (h *HEP) parse3(b []byte) bool {
	h.Version = 3
	var micros uint32
	for len(b) > 0 {
		if len(b) < chunkHeader {
			return false
		}
		vendor, kind, size := be16(b), be16(b[2:]), int(be16(b[4:]))
		if size < chunkHeader || size > len(b) {
			return false
		}
		v := b[chunkHeader:size:size]
		b = b[size:]
		if vendor != 0 {
			continue
		}
		if len(v) < chunkMinimum(kind) {
			return false
		}
		if kind == chunkMicros {
			micros = be32(v)
			continue
		}
		h.chunk(kind, v)
	}
	// An agent that has no clock sends seconds of 0; one that has a broken
	// one sends more than a second of microseconds.
	if h.Time != 0 && micros < 1e6 {
		h.Time += int64(micros) * 1e3
	}
	return true
}

func chunkMinimum(kind uint16) int {
	switch kind {
	case chunkProto, chunkType:
		return 1
	case chunkSrcPort, chunkDstPort:
		return 2
	case chunkSrc4, chunkDst4, chunkSeconds, chunkMicros, chunkAgent:
		return 4
	case chunkSrc6, chunkDst6:
		return 16
	}
	return 0
}

// chunk takes in one chunk. The address family (type 1) is not needed: the
// type of the address chunks says it, and some agents get the family wrong.
func (h *HEP) chunk(kind uint16, v []byte) {
	switch kind {
	case chunkProto:
		h.Proto = v[0]
	case chunkSrc4:
		mapIPv4(&h.Src.IP, v)
	case chunkDst4:
		mapIPv4(&h.Dst.IP, v)
	case chunkSrc6:
		h.Src.IP = [16]byte(v)
	case chunkDst6:
		h.Dst.IP = [16]byte(v)
	case chunkSrcPort:
		h.Src.Port = be16(v)
	case chunkDstPort:
		h.Dst.Port = be16(v)
	case chunkSeconds:
		h.Time = int64(be32(v)) * 1e9
	case chunkType:
		h.Type = HEPType(v[0])
	case chunkAgent:
		h.AgentID = be32(v)
	case chunkAuthKey:
		h.AuthKey = v
	case chunkPayload:
		h.Payload, h.Compressed = v, false
	case chunkCompressed:
		h.Payload, h.Compressed = v, true
	case chunkCorrelation:
		h.Correlation = v
	case chunkNode:
		h.Node = v
	}
}

// parse12 reads the fixed header of versions 1 and 2: version, length, family,
// protocol, ports, addresses, and in version 2 seconds, microseconds and agent
// in little-endian order, padded to 12 bytes. The length leaves the time out,
// but for agents that count it in; sngrep sends the high byte of the whole
// packet's. So a wrong one is forgiven when SIP follows the header.
func (h *HEP) parse12(b []byte) bool {
	const fixed, timeSize = 8, 12
	if len(b) < fixed {
		return false
	}
	h.Version, h.Proto, h.Type = b[0], b[3], HEPSIP
	h.Src.Port, h.Dst.Port = be16(b[4:]), be16(b[6:])
	addr := 4
	if b[2] != 2 { // AF_INET is 2 everywhere, AF_INET6 10, 24, 28 or 30
		addr = 16
	}
	n := fixed + 2*addr
	if len(b) < n {
		return false
	}
	length := int(b[1])
	right := length == n || b[0] == 2 && length == n+timeSize
	if addr == 4 {
		mapIPv4(&h.Src.IP, b[fixed:])
		mapIPv4(&h.Dst.IP, b[fixed+4:])
	} else {
		h.Src.IP, h.Dst.IP = [16]byte(b[fixed:fixed+16]), [16]byte(b[fixed+16:fixed+32])
	}
	b = b[n:]
	if h.Version == 2 {
		if len(b) < timeSize {
			return false
		}
		seconds, micros := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if seconds != 0 && micros < 1e6 {
			h.Time = int64(seconds)*1e9 + int64(micros)*1e3
		}
		h.AgentID = uint32(binary.LittleEndian.Uint16(b[8:]))
		b = b[timeSize:]
	}
	h.Payload = b
	return right || sipStart(b) == sipYes
}

// Transport says what carried the payload to the agent. The specification
// wants an IP protocol number and has none for TLS and WebSocket: Kamailio and
// FreeSWITCH send 22 (XNS IDP) for TLS, Kamailio for WebSocket too; 50 (ESP)
// stands for WebSocket elsewhere. Without a number it is UDP, the default of
// every agent; an unknown one is taken for TCP, since only stream transports
// need to invent one, and losing the message would be worse than its label.
func (h *HEP) Transport() Transport {
	const idp, esp = 22, 50
	switch h.Proto {
	case 0, protoUDP:
		return UDP
	case protoSCTP:
		return SCTP
	case idp:
		return TLS
	case esp:
		return WS
	}
	return TCP
}
