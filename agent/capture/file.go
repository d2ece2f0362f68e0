package capture

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/sipward/sipward/sip/packet"
)

// fileAwake is how many capture files are kept open before they are needed. A
// folder of rotated files can hold thousands; of those only the time of the
// first packet is remembered until their turn comes.
const fileAwake = 16

// FileInfo says what was found in one capture file so far.
type FileInfo struct {
	Path    string
	Format  string // "pcap" or "pcapng", with ".gz" when compressed
	Packets uint64 // delivered
	Skipped uint64 // longer than 256 KiB, or of an interface that the file does not describe
	// Cut means that the file ends inside a packet, as after a full disk or a
	// kill: all whole packets were delivered.
	Cut bool
	// Damage is what made the rest of the file unreadable; nil if nothing did.
	Damage error
}

// Files reads the packets of capture files: pcap and pcapng, plain or gzip
// (told by their first bytes, not their names), many files merged in the order
// of their packets' time. Within a file packets keep their order. Only
// Progress is safe for concurrent use.
type Files struct {
	sources []*fileSource
	queue   fileHeap
	used    bool // the packet at the front of the queue was delivered, and its bytes are in use
	read    atomic.Int64
	total   int64
	spare   [][]byte // windows of files that have ended
}

// OpenFiles opens the capture files paths; "-" is standard input. The error
// names the file, what is wrong with it and what to do.
func OpenFiles(paths []string) (*Files, error) {
	f := &Files{}
	if at := slices.Index(paths, "-"); at >= 0 && slices.Contains(paths[at+1:], "-") {
		return nil, errors.New("standard input (-) is named twice: name it once")
	}
	for i, path := range paths {
		src := &fileSource{files: f, stdin: path == "-", iface: uint32(i) << 16}
		src.info.Path = path
		f.sources = append(f.sources, src)
		if err := src.open(); err != nil {
			return nil, errors.Join(fmt.Errorf("open capture file %s: %w", path, err), f.Close())
		}
		f.total += src.size
		ok, err := src.advance(&src.head)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if ok {
			heap.Push(&f.queue, src)
		}
		if ok && len(paths) > fileAwake && !src.stdin {
			src.sleep()
		}
	}
	return f, nil
}

// Next reads the next packet into fr, and returns io.EOF after the last one of
// all files. fr.Data is valid until the following call. fr.Iface is the number
// of the file shifted left by 16, plus the pcapng interface id. A file that is
// cut or damaged is no error: its whole packets are delivered, and Info says
// what happened.
func (f *Files) Next(fr *packet.Frame) error {
	if f.used {
		if len(f.queue) == 1 { // nothing to compare with
			return f.last(fr)
		}
		f.used = false
		ok, err := f.queue[0].advance(&f.queue[0].head)
		if ok {
			heap.Fix(&f.queue, 0)
		} else {
			heap.Pop(&f.queue)
		}
		if err != nil {
			return err
		}
	}
	if len(f.queue) == 0 {
		return io.EOF
	}
	src := f.queue[0]
	if err := src.wake(); err != nil {
		return fmt.Errorf("read capture file %s again: %w", src.info.Path, err)
	}
	*fr = src.head
	src.info.Packets++
	f.used = true
	return nil
}

// last reads on in the only file that is left.
func (f *Files) last(fr *packet.Frame) error {
	src := f.queue[0]
	ok, err := src.advance(fr)
	if ok {
		src.info.Packets++
		return nil
	}
	f.queue, f.used = nil, false
	if err == nil {
		err = io.EOF
	}
	return err
}

// Progress returns how many bytes of the files were read, compressed ones as
// they are stored, and how many there are; total is 0 when that is not known,
// as for a pipe.
func (f *Files) Progress() (read, total int64) {
	read = f.read.Load()
	if f.total == 0 {
		return read, 0
	}
	return min(read, f.total), f.total
}

// Info returns what was found in each file, in the order of OpenFiles' paths.
func (f *Files) Info() []FileInfo {
	out := make([]FileInfo, len(f.sources))
	for i, src := range f.sources {
		out[i] = src.info
	}
	return out
}

// Truncated returns how many files ended inside a packet or were damaged.
func (f *Files) Truncated() int {
	n := 0
	for _, src := range f.sources {
		if src.info.Cut || src.info.Damage != nil {
			n++
		}
	}
	return n
}

// Close closes every file. Data of the last packet is no longer valid.
func (f *Files) Close() error {
	var errs []error
	for _, src := range f.sources {
		errs = append(errs, src.close())
	}
	f.queue, f.used, f.spare = nil, false, nil
	return errors.Join(errs...)
}

// fileHeap orders sources by the time of their next packet, then by the order
// in which the files were named.
type fileHeap []*fileSource

func (h fileHeap) Len() int { return len(h) }
func (h fileHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return a.head.Time < b.head.Time || a.head.Time == b.head.Time && a.iface < b.iface
}
func (h fileHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *fileHeap) Push(x any)   { *h = append(*h, x.(*fileSource)) }
func (h *fileHeap) Pop() any {
	old := *h
	src := old[len(old)-1]
	*h = old[:len(old)-1]
	return src
}
