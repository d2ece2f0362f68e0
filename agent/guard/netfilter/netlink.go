package netfilter

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Messages and attributes of nfnetlink_queue (linux/netfilter/nfnetlink_queue.h).
const (
	msgPacket  = unix.NFNL_SUBSYS_QUEUE << 8
	msgVerdict = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	msgConfig  = unix.NFNL_SUBSYS_QUEUE<<8 | 2

	attrPacketHeader  = 1
	attrVerdictHeader = 2
	attrInterface     = 5 // that the packet came in by
	attrPayload       = 10

	configCommand = 1
	configParams  = 2
	configLength  = 3
	configMask    = 4
	configFlags   = 5

	commandBind  = 1
	copyPacket   = 2
	flagFailOpen = 1
)

// Verdicts of netfilter.
const (
	verdictDrop   = 0
	verdictAccept = 1
)

const (
	headerBytes  = unix.SizeofNlMsghdr + 4 // with nfgenmsg
	verdictBytes = headerBytes + 4 + 8
	// attrTypeMask takes the flags off a type.
	attrTypeMask = 0x3fff
)

func appendAttr(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value))) // a few bytes
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// cutMessage splits the first netlink message off b.
func cutMessage(b []byte) (kind uint16, body, rest []byte, ok bool) {
	if len(b) < unix.SizeofNlMsghdr {
		return 0, nil, nil, false
	}
	length := int(binary.NativeEndian.Uint32(b))
	if length < unix.SizeofNlMsghdr || length > len(b) {
		return 0, nil, nil, false
	}
	return binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:length], b[min((length+3)&^3, len(b)):], true
}

// queued is a packet of the queue, from its network header on.
type queued struct {
	id, iface uint32
	data      []byte
}

// readPacket reads a packet message. Without an id there is nothing to give a
// verdict on; without a packet data is empty.
func readPacket(body []byte) (p queued, ok bool) {
	if len(body) < 4 {
		return p, false
	}
	for b := body[4:]; len(b) >= 4; {
		length := int(binary.NativeEndian.Uint16(b))
		if length < 4 || length > len(b) {
			return p, false
		}
		value := b[4:length]
		switch kind := binary.NativeEndian.Uint16(b[2:]) & attrTypeMask; {
		case kind == attrPayload:
			p.data = value
		case len(value) < 4:
			if kind == attrPacketHeader {
				return p, false
			}
		case kind == attrPacketHeader:
			p.id, ok = binary.BigEndian.Uint32(value), true
		case kind == attrInterface:
			p.iface = binary.BigEndian.Uint32(value)
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return p, ok
}
