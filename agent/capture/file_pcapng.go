package capture

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/sipward/sipward/sip/packet"
)

// Block types (draft-ietf-opsawg-pcapng section 11.1).
const (
	pcapngSection   = 0x0a0d0d0a
	pcapngInterface = 1
	pcapngOldPacket = 2
	pcapngSimple    = 3
	pcapngEnhanced  = 6
)

const (
	pcapngOrder    = 0x1a2b3c4d // byte-order magic
	pcapngTsresol  = 9          // options of an interface (section 4.2)
	pcapngTsoffset = 14
	// pcapngPacketMax is the longest block with a packet: the packet, its
	// header and its options.
	pcapngPacketMax = filePacketMax + 64<<10
	// pcapngBlockMax is the longest block that is skipped; decryption secrets
	// and name resolution can be long, more is damage.
	pcapngBlockMax = 256 << 20
	// pcapngInterfaces bounds the interfaces of a section.
	pcapngInterfaces = 1 << 12
)

// pcapngReader reads pcapng files: several sections in either byte order,
// several interfaces, enhanced, simple and the obsolete packet blocks. Other
// blocks are skipped.
//
// pcapgo's reader is not used: its zero-copy call costs four times as much a
// packet, and it ends a file at blocks that can be skipped.
type pcapngReader struct {
	swap   bool
	ifaces []pcapngIface
	last   int64 // time of the packet before: simple packets have none
	lost   uint64
}

type pcapngIface struct {
	link    packet.Link
	snaplen uint32
	offset  int64 // nanoseconds added
	mult    uint64
	div     uint64
	shift   uint8 // for resolutions that are a power of two; 255: not one
}

func (r *pcapngReader) skipped() uint64 { return r.lost }

func (r *pcapngReader) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if r.swap {
		return bits.ReverseBytes16(v)
	}
	return v
}

func (r *pcapngReader) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if r.swap {
		return bits.ReverseBytes32(v)
	}
	return v
}

func (r *pcapngReader) next(w *fileWindow, fr *packet.Frame) error {
	for {
		if !w.fill(12) {
			return w.over(false)
		}
		b := w.buf[w.pos:w.end]
		kind := r.u32(b)
		if kind == pcapngSection {
			if err := r.order(w, binary.LittleEndian.Uint32(b[8:])); err != nil {
				return err
			}
		}
		// Lengths that are no multiple of four come from careless writers; the
		// padding is there all the same.
		size := (uint64(r.u32(b[4:])) + 3) &^ 3
		if size < 12 || size > pcapngBlockMax {
			return w.damage("a block of %d bytes", size)
		}
		found, err := r.block(w, kind, int(size), fr)
		if err != nil || found {
			return err
		}
	}
}

// order begins a section: it may have another byte order, and describes its
// interfaces anew.
func (r *pcapngReader) order(w *fileWindow, magic uint32) error {
	switch magic {
	case pcapngOrder:
		r.swap = false
	case bits.ReverseBytes32(pcapngOrder):
		r.swap = true
	default:
		return w.damage("a section with byte-order magic %08x, expected %08x", magic, pcapngOrder)
	}
	r.ifaces = r.ifaces[:0]
	return nil
}

// block takes one block of size bytes off w, and reports whether it had a
// packet, now in fr.
func (r *pcapngReader) block(w *fileWindow, kind uint32, size int, fr *packet.Frame) (bool, error) {
	isPacket := kind == pcapngEnhanced || kind == pcapngSimple || kind == pcapngOldPacket
	switch {
	case isPacket && size <= pcapngPacketMax, kind == pcapngInterface && size <= fileWindowSize:
	default:
		if isPacket {
			r.lost++
		}
		if !w.discard(size) {
			return false, w.over(true)
		}
		return false, nil
	}
	if !w.fill(size) {
		return false, w.over(true)
	}
	b := w.buf[w.pos : w.pos+size]
	if tail := (uint64(r.u32(b[size-4:])) + 3) &^ 3; tail != uint64(size) {
		return false, w.damage("a block of %d bytes that says %d at its end", size, tail)
	}
	w.pos += size
	b = b[8 : size-4]
	if kind == pcapngInterface {
		if len(b) < 8 || len(r.ifaces) >= pcapngInterfaces {
			return false, w.damage("an interface of %d bytes after %d others", len(b), len(r.ifaces))
		}
		r.ifaces = append(r.ifaces, r.iface(b))
		return false, nil
	}
	if !r.packet(kind, b, fr) {
		r.lost++
		return false, nil
	}
	return true, nil
}

// packet reads the body of a packet block. It reports false for one that
// contradicts itself or names an interface that is not there.
func (r *pcapngReader) packet(kind uint32, b []byte, fr *packet.Frame) bool {
	var id, n, wire uint32
	head := 20
	switch {
	case kind == pcapngSimple && len(b) >= 4 && len(r.ifaces) > 0:
		head = 4
		wire = r.u32(b)
		n = min(wire, uint32(len(b)-4))
		if snap := r.ifaces[0].snaplen; snap != 0 {
			n = min(n, snap)
		}
	case kind == pcapngSimple || len(b) < 20:
		return false
	default:
		id = r.u32(b)
		if kind == pcapngOldPacket {
			id = uint32(r.u16(b)) // the other half counts drops
		}
		n, wire = r.u32(b[12:]), r.u32(b[16:])
	}
	if uint64(id) >= uint64(len(r.ifaces)) || uint64(n) > uint64(len(b)-head) || n > filePacketMax {
		return false
	}
	i := &r.ifaces[id]
	if kind != pcapngSimple {
		r.last = i.time(uint64(r.u32(b[4:]))<<32 | uint64(r.u32(b[8:])))
	}
	fr.Time = r.last
	fr.Data = b[head : head+int(n) : head+int(n)]
	fr.WireLen = int(max(wire, n))
	fr.Link = i.link
	fr.EtherType = 0
	fr.Iface = id
	return true
}

// iface reads the body of an interface description.
func (r *pcapngReader) iface(b []byte) pcapngIface {
	i := pcapngIface{link: fileLink(r.u16(b)), snaplen: r.u32(b[4:])}
	i.resolution(6)
	for b = b[8:]; len(b) >= 4; {
		code, n := r.u16(b), int(r.u16(b[2:]))
		padded := 4 + (n+3)&^3
		if code == 0 || padded > len(b) {
			break
		}
		switch value := b[4 : 4+n]; {
		case code == pcapngTsresol && n >= 1:
			i.resolution(value[0])
		case code == pcapngTsoffset && n >= 8:
			v := binary.LittleEndian.Uint64(value)
			if r.swap {
				v = bits.ReverseBytes64(v)
			}
			i.offset = int64(v) * 1e9 // a nonsense offset wraps, and does no other harm
		}
		b = b[padded:]
	}
	return i
}

// resolution sets how ticks become nanoseconds: v is the negative power of
// ten, or with the top bit set of two, of a second (section 4.2, if_tsresol).
func (i *pcapngIface) resolution(v byte) {
	i.mult, i.div, i.shift = 1, 1, 255
	if v&0x80 != 0 {
		i.shift = v & 0x7f
		return
	}
	for ; v < 9; v++ {
		i.mult *= 10
	}
	for ; v > 9 && i.div < math.MaxUint64/10; v-- {
		i.div *= 10
	}
}

// time turns ticks since 1970 into nanoseconds.
func (i *pcapngIface) time(ticks uint64) int64 {
	switch {
	case i.shift == 255:
		if i.div > 1 {
			ticks /= i.div
		}
		return int64(ticks*i.mult) + i.offset
	case i.shift >= 64:
		return i.offset
	}
	sec := ticks >> i.shift
	hi, lo := bits.Mul64(ticks&(1<<i.shift-1), 1e9)
	fraction := lo >> i.shift
	if i.shift > 0 {
		fraction |= hi << (64 - i.shift)
	}
	return int64(sec*1e9+fraction) + i.offset
}
