package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/sipward/sipward/sip/packet"
)

// The first four bytes of a pcap file (draft-ietf-opsawg-pcap), as its writer
// wrote them. The modified format is that of old Linux distributions; its
// packet headers carry eight bytes more.
const (
	pcapMicro    = 0xa1b2c3d4
	pcapNano     = 0xa1b23c4d
	pcapModified = 0xa1b2cd34
)

// pcapReader reads pcap files. pcapgo's reader is not used: it costs two
// io.ReadFull through an interface, a copy and a time.Time a packet, more than
// twice what this one costs (BenchmarkFiles, BenchmarkPcapgo), and it ends the
// file at a packet that is longer than its wire length says.
type pcapReader struct {
	swap bool   // big-endian
	mult uint32 // nanoseconds a unit of the fraction
	head int    // bytes of a packet header
	link packet.Link
	old  bool // before version 2.3 the two lengths were in the other order
}

// newPcapReader returns a reader for the magic number read in little-endian
// order, or nil if it is none of pcap's.
func newPcapReader(magic uint32) *pcapReader {
	for _, swap := range []bool{false, true} {
		r := &pcapReader{swap: swap, mult: 1000, head: 16}
		switch r.u32(magic) {
		case pcapMicro:
			return r
		case pcapNano:
			r.mult = 1
			return r
		case pcapModified:
			r.head = 24
			return r
		}
	}
	return nil
}

func (r *pcapReader) u32(v uint32) uint32 {
	if r.swap {
		return bits.ReverseBytes32(v)
	}
	return v
}

// header reads the 24 bytes at the start of the file.
func (r *pcapReader) header(w *fileWindow) error {
	if !w.fill(24) {
		return fmt.Errorf("it ends inside its header, after %d bytes of 24", w.end-w.pos)
	}
	b := w.buf[w.pos:]
	version := binary.LittleEndian.Uint32(b[4:])
	major, minor := version&0xffff, version>>16
	if r.swap {
		version = bits.ReverseBytes32(version)
		major, minor = version>>16, version&0xffff
	}
	if major != 2 {
		return w.damage("pcap version %d.%d, expected 2.4", major, minor)
	}
	r.old = minor < 3
	// The upper half tells of frame check sequences, which do no harm.
	r.link = fileLink(uint16(r.u32(binary.LittleEndian.Uint32(b[20:]))))
	w.pos += 24
	return nil
}

// fileLink maps what some systems write for raw IP to the number of the
// registry.
func fileLink(n uint16) packet.Link {
	const bsdRaw, openBSDRaw = 12, 14
	if n == bsdRaw || n == openBSDRaw {
		return packet.LinkRaw
	}
	return packet.Link(n)
}

func (r *pcapReader) skipped() uint64 { return 0 }

func (r *pcapReader) next(w *fileWindow, fr *packet.Frame) error {
	if !w.fill(r.head) {
		return w.over(false)
	}
	b := w.buf[w.pos : w.pos+16]
	sec := r.u32(binary.LittleEndian.Uint32(b))
	fraction := r.u32(binary.LittleEndian.Uint32(b[4:]))
	n := r.u32(binary.LittleEndian.Uint32(b[8:]))
	wire := r.u32(binary.LittleEndian.Uint32(b[12:]))
	if r.old {
		n, wire = wire, n
	}
	if n > filePacketMax {
		return w.damage("a packet of %d bytes, more than %d", n, filePacketMax)
	}
	size := r.head + int(n)
	if !w.fill(size) {
		return w.over(true)
	}
	fr.Time = int64(sec)*1e9 + int64(fraction)*int64(r.mult)
	fr.Data = w.buf[w.pos+r.head : w.pos+size : w.pos+size]
	fr.WireLen = int(max(wire, n))
	fr.Link = r.link
	fr.EtherType = 0
	fr.Iface = 0
	w.pos += size
	return nil
}
