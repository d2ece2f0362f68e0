package testkit

import (
	"encoding/binary"
	"fmt"
	"io"
)

// HEP is a Sink that sends each packet as one HEPv3 packet, as a switch's own
// tracing does. W gets one Write a packet: a UDP connection makes a datagram of
// each, a TCP or TLS connection a stream.
type HEP struct {
	W     io.Writer
	Node  uint32 // capture agent id
	Media bool   // send RTP too; without it only SIP

	buf []byte
}

// Chunk types of vendor 0 (HEP3 network protocol specification, rev. 12).
const (
	hepFamily    = 1
	hepProtocol  = 2
	hepSrc4      = 3
	hepDst4      = 4
	hepSrc6      = 5
	hepDst6      = 6
	hepSrcPort   = 7
	hepDstPort   = 8
	hepSeconds   = 9
	hepMicros    = 10
	hepType      = 11
	hepNode      = 12
	hepPayload   = 15
	hepTypeSIP   = 1
	hepTypeRTP   = 4
	hepHeaderLen = 6
)

// Send writes the packet unless it is media that was not asked for.
func (h *HEP) Send(p *Packet) error {
	kind := byte(hepTypeSIP)
	if p.Kind == RTP {
		if !h.Media {
			return nil
		}
		kind = hepTypeRTP
	}
	family, src, dst := byte(2), uint16(hepSrc4), uint16(hepDst4) // AF_INET
	if p.Src.Addr().Is6() {
		family, src, dst = 10, hepSrc6, hepDst6 // AF_INET6
	}
	proto := byte(protoUDP)
	if p.TCP {
		proto = protoTCP
	}
	b := append(h.buf[:0], "HEP3\x00\x00"...)
	b = chunk(b, hepFamily, family)
	b = chunk(b, hepProtocol, proto)
	b = chunk(b, src, p.Src.Addr().AsSlice()...)
	b = chunk(b, dst, p.Dst.Addr().AsSlice()...)
	b = chunk(b, hepSrcPort, binary.BigEndian.AppendUint16(nil, p.Src.Port())...)
	b = chunk(b, hepDstPort, binary.BigEndian.AppendUint16(nil, p.Dst.Port())...)
	b = chunk(b, hepSeconds, binary.BigEndian.AppendUint32(nil, uint32(p.At/1e9))...)
	b = chunk(b, hepMicros, binary.BigEndian.AppendUint32(nil, uint32(p.At%1e9/1e3))...)
	b = chunk(b, hepType, kind)
	b = chunk(b, hepNode, binary.BigEndian.AppendUint32(nil, h.Node)...)
	b = chunk(b, hepPayload, p.Payload...)
	if len(b) > 0xffff {
		return fmt.Errorf("send HEP: a message of %d bytes does not fit into a packet", len(p.Payload))
	}
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	h.buf = b
	if _, err := h.W.Write(b); err != nil {
		return fmt.Errorf("send HEP: %w", err)
	}
	return nil
}

func chunk(b []byte, kind uint16, data ...byte) []byte {
	b = append(b, 0, 0) // vendor
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(hepHeaderLen+len(data)))
	return append(b, data...)
}
