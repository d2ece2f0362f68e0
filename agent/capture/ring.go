package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A block goes to user space when it is full or this old. It bounds how often
// the reader wakes up, and delays a message by as much.
const blockMillis = 8

// Blocks are small, so that a reader that stalls while little arrives does not
// run out of them: each block that is handed over holds at least one frame. A
// block still holds the largest packet, 64 KiB.
const (
	blockBytes = 1 << 17
	minBlocks  = 8
	frameBytes = 1 << 11 // a unit of accounting only: frames have their own length
)

// frame is one packet in a ring.
type frame struct {
	time      int64 // Unix nanoseconds
	data      []byte
	wireLen   int
	ifindex   uint32
	etherType uint16
}

// ring is a packet socket and its memory. It is not safe for concurrent use.
type ring struct {
	fd     int
	mem    []byte
	blocks int
	next   int // the block that the kernel hands over next
}

// attachment is the filter of a socket: an eBPF program, or classic BPF.
type attachment struct {
	program int // its file descriptor; used if classic is empty
	classic []unix.SockFilter
}

// openRing opens a socket for no protocol, attaches the filter, sets up the
// ring, and only then binds it to the interface; 0 is all interfaces.
func openRing(ifindex int, bytes int, promiscuous bool, filter attachment) (*ring, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket(AF_PACKET)", err)
	}
	r := &ring{fd: fd}
	if err := r.setUp(ifindex, bytes, promiscuous, filter); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *ring) setUp(ifindex, bytes int, promiscuous bool, filter attachment) error {
	if err := r.attach(filter); err != nil {
		return err
	}
	if err := r.allocate(bytes); err != nil {
		return err
	}
	if ifindex == loopbackIndex {
		// The filter drops these copies as well; the kernel of 4.20 and
		// later need not even make them.
		_ = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if promiscuous && ifindex != 0 {
		m := unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return os.NewSyscallError("setsockopt(PACKET_MR_PROMISC)", err)
		}
	}
	to := unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: ifindex}
	return os.NewSyscallError("bind", unix.Bind(r.fd, &to))
}

func (r *ring) attach(filter attachment) error {
	if len(filter.classic) == 0 {
		err := unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, filter.program)
		return os.NewSyscallError("setsockopt(SO_ATTACH_BPF)", err)
	}
	p := unix.SockFprog{Len: uint16(len(filter.classic)), Filter: &filter.classic[0]}
	err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &p)
	return os.NewSyscallError("setsockopt(SO_ATTACH_FILTER)", err)
}

func (r *ring) allocate(bytes int) error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return os.NewSyscallError("setsockopt(TPACKET_V3)", err)
	}
	r.blocks = max(bytes/blockBytes, minBlocks)
	request := unix.TpacketReq3{
		Block_size:     blockBytes,
		Block_nr:       uint32(r.blocks),
		Frame_size:     frameBytes,
		Frame_nr:       uint32(r.blocks * (blockBytes / frameBytes)),
		Retire_blk_tov: blockMillis,
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("allocating a ring of %d KiB: %w", r.blocks*blockBytes>>10, err)
	}
	mem, err := unix.Mmap(r.fd, 0, r.blocks*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	r.mem = mem
	return nil
}

func (r *ring) close() error {
	var err error
	if r.mem != nil {
		err = os.NewSyscallError("munmap", unix.Munmap(r.mem))
		r.mem = nil
	}
	return errors.Join(err, os.NewSyscallError("close", unix.Close(r.fd)))
}

// status is the word by which kernel and user space hand a block to each other.
func (r *ring) status(block []byte) *uint32 {
	return (*uint32)(unsafe.Pointer(&block[unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)]))
}

// read calls take for each frame of one block and gives the block back. It
// reports false if the kernel has handed over none. The frame and its data are
// valid during the call only.
func (r *ring) read(take func(*frame)) bool {
	block := r.mem[r.next*blockBytes : (r.next+1)*blockBytes]
	status := r.status(block)
	if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
		return false
	}
	head := (*unix.TpacketHdrV1)(unsafe.Pointer(status))
	at := head.Offset_to_first_pkt
	var f frame
	for range head.Num_pkts {
		h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[at]))
		readFrame(&f, block[at:], h)
		take(&f)
		at += h.Next_offset
	}
	atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
	r.next = (r.next + 1) % r.blocks
	return true
}

func readFrame(f *frame, b []byte, h *unix.Tpacket3Hdr) {
	from := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[unix.SizeofTpacket3Hdr]))
	f.time = int64(h.Sec)*1e9 + int64(h.Nsec)
	f.data = b[h.Net : uint32(h.Net)+h.Snaplen : uint32(h.Net)+h.Snaplen]
	f.wireLen = int(h.Len)
	f.ifindex = uint32(from.Ifindex)
	f.etherType = networkOrder(from.Protocol)
	skipTags(f)
}

// drops returns what the kernel has dropped since the last call because the
// ring was full, and how often it found the ring full.
func (r *ring) drops() (dropped, frozen uint64, err error) {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, 0, os.NewSyscallError("getsockopt(PACKET_STATISTICS)", err)
	}
	return uint64(s.Drops), uint64(s.Freeze_q_cnt), nil
}

// clearError returns the error that is pending on the socket, and clears it.
func (r *ring) clearError() error {
	n, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt(SO_ERROR)", err)
	}
	if n == 0 {
		return nil
	}
	return unix.Errno(n)
}

// networkOrder swaps a 16-bit value between host and network order.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
