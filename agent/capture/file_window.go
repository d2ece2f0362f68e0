package capture

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

const (
	// filePacketMax is the longest packet that is read; libpcap and Wireshark
	// have the same bound. Longer lengths are damage, or of no use to us.
	filePacketMax = 256 << 10
	// fileWindowSize must hold a packet of filePacketMax with its header. More
	// is slower: the window should stay in the processor's cache.
	fileWindowSize = 320 << 10
)

// errFileCut means that the file ends inside a packet.
var errFileCut = errors.New("the file ends inside a packet")

// fileDamage is a place in a file beyond which it cannot be read.
type fileDamage struct {
	offset int64 // bytes from the start, uncompressed
	what   string
}

func (e *fileDamage) Error() string {
	return fmt.Sprintf("damaged at byte %d: %s", e.offset, e.what)
}

// fileWindow is a sliding view of a file. Packets alias it.
type fileWindow struct {
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // offset in the file of buf[0]
	err      error // why r gives no more
}

// offset returns where in the uncompressed file the window stands.
func (w *fileWindow) offset() int64 { return w.base + int64(w.pos) }

// fill makes at least n bytes available at pos, unless the file ends before,
// and reports whether it did. n is at most fileWindowSize. Bytes handed out
// before are overwritten.
func (w *fileWindow) fill(n int) bool {
	if w.end-w.pos >= n {
		return true
	}
	copy(w.buf, w.buf[w.pos:w.end])
	w.base += int64(w.pos)
	w.pos, w.end = 0, w.end-w.pos
	for w.end < n && w.err == nil {
		var got int
		got, w.err = w.r.Read(w.buf[w.end:])
		w.end += got
	}
	return w.end >= n
}

// discard moves on by n bytes and reports whether the file has so many.
func (w *fileWindow) discard(n int) bool {
	for n > 0 {
		if w.pos == w.end && !w.fill(1) {
			return false
		}
		step := min(n, w.end-w.pos)
		w.pos += step
		n -= step
	}
	return true
}

// over returns why there is no more: io.EOF between records, errFileCut inside
// one, or the error of reading.
func (w *fileWindow) over(inside bool) error {
	switch {
	case errors.Is(w.err, io.ErrUnexpectedEOF): // a compressed file that ends early
		return errFileCut
	case !errors.Is(w.err, io.EOF):
		return w.err
	case inside || w.pos < w.end:
		return errFileCut
	}
	return io.EOF
}

func (w *fileWindow) damage(format string, args ...any) error {
	return &fileDamage{offset: w.offset(), what: fmt.Sprintf(format, args...)}
}

// fileCounter counts what is read, for a progress bar in another goroutine.
type fileCounter struct {
	r    io.Reader
	read *atomic.Int64
	n    int64
}

func (c *fileCounter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.read.Add(int64(n))
	return n, err
}
