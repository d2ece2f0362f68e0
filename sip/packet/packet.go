// Package packet takes captured frames apart: from any link type, through
// tunnels and fragments, to UDP datagrams and TCP segments, and from TCP
// streams to whole SIP messages. It is pure: no IO, no clock; a frame's own
// timestamp is the time.
package packet

import "net/netip"

// Endpoint is a transport address as a map key: no pointers, comparable,
// IPv4 held as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2). The zero value
// means "none".
type Endpoint struct {
	IP   [16]byte
	Port uint16
}

// EndpointFrom turns ap into an Endpoint; an IPv6 zone is dropped.
func EndpointFrom(ap netip.AddrPort) Endpoint {
	return Endpoint{IP: ap.Addr().As16(), Port: ap.Port()}
}

// Addr returns the address, IPv4-mapped addresses as plain IPv4.
func (e Endpoint) Addr() netip.Addr { return netip.AddrFrom16(e.IP).Unmap() }

// AddrPort returns the address and port, IPv4-mapped addresses as plain IPv4.
func (e Endpoint) AddrPort() netip.AddrPort { return netip.AddrPortFrom(e.Addr(), e.Port) }

// IsZero reports whether e is "none".
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// String prints ip:port, or [ip]:port for IPv6.
func (e Endpoint) String() string { return e.AddrPort().String() }

// Link says how a frame begins. Values below 1<<16 are those of the pcap
// LINKTYPE registry; those above are ours, for sources that are not files.
type Link uint32

// Link types that are decoded without allocation.
const (
	LinkNull     Link = 0
	LinkEthernet Link = 1
	LinkRaw      Link = 101
	LinkSLL      Link = 113
	LinkSLL2     Link = 276
)

// Link types of our own.
const (
	// LinkNetwork begins at the network layer; Frame.EtherType says which.
	// It is what a cooked AF_PACKET socket (SOCK_DGRAM) delivers.
	LinkNetwork Link = 1<<16 + iota
	// LinkHEP is one HEPv3 packet, as Homer capture agents send it.
	LinkHEP
)

// Frame is one captured frame as an edge hands it in. Data belongs to the
// caller and is only read during the call that takes the frame.
type Frame struct {
	Time      int64  // nanoseconds since the Unix epoch, from the capture
	Data      []byte // what was captured
	WireLen   int    // length on the wire in bytes; more than len(Data) when cut by a snap length
	Link      Link
	EtherType uint16 // LinkNetwork only
	Iface     uint32 // where it was seen; tells a packet captured twice from one sent twice
}

// Transport says what carried a payload.
type Transport uint8

// Transports; the zero value is invalid.
const (
	UDP Transport = iota + 1
	TCP
	TLS // seen in clear by the switch, which reported it by HEP
	SCTP
	WS
	WSS
	transportEnd
)

// Transports is the number of Transport values, for arrays indexed by one.
const Transports = int(transportEnd)

// String returns the lower-case name that SIP uses ("udp", "tcp", ...).
func (t Transport) String() string {
	switch t {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case SCTP:
		return "sctp"
	case WS:
		return "ws"
	case WSS:
		return "wss"
	}
	return "invalid"
}

// Packet is what a frame carried: a UDP datagram, a TCP segment, or a whole
// SIP message. The caller owns the struct; Payload aliases the frame or the
// decoder's own buffers and is valid until the decoder's next call.
type Packet struct {
	Time      int64 // nanoseconds since the Unix epoch
	Src, Dst  Endpoint
	Payload   []byte
	Seq       uint32 // TCP sequence number
	Iface     uint32
	IPID      uint16 // IPv4 identification; 0 for IPv6
	Flags     TCPFlags
	Transport Transport
	Whole     bool // Payload is one whole message whatever the transport: no reassembly
	Truncated bool // the snap length cut Payload
}

// TCPFlags are the TCP control bits (RFC 9293 section 3.1).
type TCPFlags uint8

// The control bits that matter to reassembly.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
)
