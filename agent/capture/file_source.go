package capture

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sipward/sipward/sip/packet"
)

// fileSource is one file and its next packet.
type fileSource struct {
	files   *Files
	info    FileInfo
	stdin   bool
	asleep  bool   // closed again; head has a time and nothing else
	iface   uint32 // added to each packet's
	size    int64
	file    *os.File
	counter *fileCounter
	window  fileWindow
	reader  fileReader
	head    packet.Frame
}

// fileReader reads one packet. Its errors are io.EOF, errFileCut, a
// fileDamage, or what reading the file gave.
type fileReader interface {
	next(w *fileWindow, fr *packet.Frame) error
	skipped() uint64
}

// open opens the file and reads as far as its first packet.
func (src *fileSource) open() error {
	if src.stdin {
		src.file = os.Stdin
	} else {
		file, err := os.Open(src.info.Path)
		if err != nil {
			return errors.Unwrap(err) // the path is in the caller's message
		}
		src.file = file
	}
	if st, err := src.file.Stat(); err == nil {
		if st.IsDir() {
			return errors.New("it is a folder: name the files in it")
		}
		if st.Mode().IsRegular() {
			src.size = st.Size()
		}
	}
	src.counter = &fileCounter{r: src.file, read: &src.files.read}
	src.window = fileWindow{r: src.counter, buf: src.files.buffer()}
	var err error
	src.reader, src.info.Format, err = fileFormat(&src.window)
	return err
}

// advance reads the next packet into fr and reports whether there was one.
func (src *fileSource) advance(fr *packet.Frame) (bool, error) {
	if err := src.reader.next(&src.window, fr); err != nil {
		return false, src.end(err)
	}
	fr.Iface += src.iface
	return true, nil
}

// end closes the file after err. What cut or damaged it is noted; what is
// returned is a failure to read it.
func (src *fileSource) end(err error) error {
	src.info.Skipped = src.reader.skipped()
	var damage *fileDamage
	switch {
	case errors.Is(err, errFileCut):
		src.info.Cut, err = true, nil
	case errors.As(err, &damage):
		src.info.Damage, err = damage, nil
	case errors.Is(err, io.EOF):
		err = nil
	default:
		err = fmt.Errorf("read capture file %s at byte %d: %w", src.info.Path, src.window.offset(), err)
	}
	return errors.Join(err, src.close())
}

// sleep closes the file until its turn comes; only the time of its first
// packet is kept.
func (src *fileSource) sleep() {
	src.asleep = true
	src.files.read.Add(-src.counter.n)
	_ = src.close() // it was only read from
	src.head = packet.Frame{Time: src.head.Time}
}

// wake undoes sleep.
func (src *fileSource) wake() error {
	if !src.asleep {
		return nil
	}
	src.asleep = false
	if err := src.open(); err != nil {
		return err
	}
	ok, err := src.advance(&src.head)
	if err == nil && !ok {
		err = errors.New("it has changed since it was opened")
	}
	return err
}

func (src *fileSource) close() error {
	if src.window.buf != nil {
		src.files.spare = append(src.files.spare, src.window.buf)
	}
	src.window = fileWindow{}
	file := src.file
	src.file = nil
	if file == nil || src.stdin {
		return nil
	}
	return file.Close()
}

// buffer returns memory for one file's window.
func (f *Files) buffer() []byte {
	if n := len(f.spare); n > 0 {
		b := f.spare[n-1]
		f.spare = f.spare[:n-1]
		return b
	}
	return make([]byte, fileWindowSize)
}
