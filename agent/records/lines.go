package records

import "bytes"

// bufferSize is how many bytes of lines are written at once; one longer line
// is written by itself.
const bufferSize = 64 << 10

var newline = []byte{'\n'}

// lines collects JSON lines and writes many at once. It knows how many of them
// a failed write took, and never glues a line to the rest of a torn one.
type lines struct {
	file
	buf   []byte
	count uint64 // lines in buf
}

// to goes on in another file. The buffer must have been flushed.
func (l *lines) to(f file) { l.file = f }

// fits reports whether n more bytes fit the buffer, or it is empty.
func (l *lines) fits(n int) bool { return len(l.buf) == 0 || len(l.buf)+n <= bufferSize }

func (l *lines) add(line []byte) {
	l.buf = append(append(l.buf, line...), '\n')
	l.count++
}

// flush writes the buffer, and empties it whether or not that worked: a disk
// that stays full must not hold up what comes next. Each line is in written or
// in failed.
func (l *lines) flush() (written, failed uint64, err error) {
	if l.count == 0 {
		return 0, 0, nil
	}
	defer func() {
		l.buf, l.count = l.buf[:0], 0
	}()
	if l.torn {
		if _, err := l.file.Write(newline); err != nil {
			return 0, l.count, err
		}
		l.torn = false
	}
	n, err := l.file.Write(l.buf)
	if err == nil {
		return l.count, 0, nil
	}
	n = min(max(n, 0), len(l.buf))
	l.torn = n > 0 && l.buf[n-1] != '\n'
	written = uint64(bytes.Count(l.buf[:n], newline)) // a count of bytes
	return written, l.count - written, err
}
