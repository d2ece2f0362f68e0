package guard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"os"
	"slices"
)

// A journal begins with its format and goes on with entries, each the newest
// word on its key:
//
//	kind(1), length of key(2), length of value(2), crc(4) of these, crc(4) of key and value, key, value
//
// Numbers are big-endian. The last entry may be torn: the host lost power, or
// the agent was killed. What is damaged in between costs that entry: the next is
// found by the checksum of its header.
const (
	journalFormat = "sipward bindings 1\n"
	journalName   = "sipward bindings " // of any version
	entryHeader   = 13
	entryPut      = 1
	entryGone     = 2

	// maxKey and maxValue bound what an entry holds, in bytes.
	maxKey   = 2 << 10
	maxValue = 8 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNewer is a journal of a program that came after this one.
var errNewer = errors.New("a newer version wrote it")

// appendEntry appends one entry. A nil value says that the key is gone.
func appendEntry(b []byte, key string, value []byte) []byte {
	kind := byte(entryPut)
	if value == nil {
		kind = entryGone
	}
	at := len(b)
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))   // fits, see fitsEntry
	b = binary.BigEndian.AppendUint16(b, uint16(len(value))) // as above
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
	b = append(append(append(b, 0, 0, 0, 0), key...), value...)
	binary.BigEndian.PutUint32(b[at+9:], crc32.Checksum(b[at+entryHeader:], castagnoli))
	return b
}

// fitsEntry reports whether an entry can hold these.
func fitsEntry(key string, value []byte) bool { return len(key) <= maxKey && len(value) <= maxValue }

// entry is what appendEntry wrote; it is valid until the next.
type entry struct {
	gone       bool
	key, value []byte
}

// entries reads a journal from its beginning.
type entries struct {
	r       *bufio.Reader
	buf     []byte
	damaged int // stretches that were no entries
}

// readEntries begins to read f.
func readEntries(f io.Reader) (*entries, error) {
	e := &entries{r: bufio.NewReaderSize(f, 1<<18)}
	head := make([]byte, len(journalFormat))
	if n, err := io.ReadFull(e.r, head); err != nil {
		if err == io.EOF {
			return e, nil // killed before its first byte
		}
		if short(err) {
			return nil, fmt.Errorf("it ends after %d bytes", n)
		}
		return nil, fmt.Errorf("reading: %w", err)
	}
	switch {
	case string(head) == journalFormat:
		return e, nil
	case string(head[:len(journalName)]) == journalName:
		return nil, errNewer
	}
	return nil, errors.New("it does not begin as a file of bindings")
}

func short(err error) bool { return err == io.ErrUnexpectedEOF || err == io.EOF } //nolint:errorlint // of io.ReadFull, never wrapped

// next returns the next entry whose checksums are right; io.EOF after the last one.
func (e *entries) next() (entry, error) {
	for {
		head, err := e.header()
		if err != nil {
			return entry{}, err
		}
		k, v := int(binary.BigEndian.Uint16(head[1:])), int(binary.BigEndian.Uint16(head[3:]))
		gone, sum := head[0] == entryGone, binary.BigEndian.Uint32(head[9:])
		e.buf = slices.Grow(e.buf[:0], k+v)[:k+v]
		_, _ = e.r.Discard(entryHeader) // they were peeked
		if _, err := io.ReadFull(e.r, e.buf); err != nil {
			return entry{}, end(err)
		}
		if crc32.Checksum(e.buf, castagnoli) != sum {
			e.damaged++
			continue
		}
		return entry{gone: gone, key: e.buf[:k:k], value: e.buf[k:]}, nil
	}
}

// header returns the next header, without taking it, and skips what is none.
func (e *entries) header() ([]byte, error) {
	for skipping := false; ; {
		b, err := e.r.Peek(entryHeader)
		if err != nil {
			return nil, end(err)
		}
		if isHeader(b) {
			return b, nil
		}
		if !skipping {
			skipping = true
			e.damaged++
		}
		_, _ = e.r.Discard(1) // it was peeked
	}
}

func isHeader(b []byte) bool {
	return (b[0] == entryPut || b[0] == entryGone) &&
		binary.BigEndian.Uint16(b[1:]) <= maxKey && binary.BigEndian.Uint16(b[3:]) <= maxValue &&
		binary.BigEndian.Uint32(b[5:]) == crc32.Checksum(b[:5], castagnoli)
}

// end is what an error of the reader means: a torn entry is where the journal ends.
func end(err error) error {
	if short(err) {
		return io.EOF
	}
	return fmt.Errorf("reading: %w", err)
}

// readJournal calls do for the newest value of each key that is not gone, in the
// order in which they were written, and returns how many entries were damaged. The
// file is read twice, so that memory holds no values.
func readJournal(f io.ReadSeeker, do func(key, value []byte)) (damaged int, err error) {
	seed := maphash.MakeSeed()
	newest := map[uint64]uint32{} // key to the number of its entry
	damaged, err = eachEntry(f, func(n uint32, e entry) {
		k := maphash.Bytes(seed, e.key)
		if e.gone {
			delete(newest, k)
			return
		}
		newest[k] = n
	})
	if err != nil {
		return damaged, err
	}
	_, err = eachEntry(f, func(n uint32, e entry) {
		if at, ok := newest[maphash.Bytes(seed, e.key)]; ok && at == n && !e.gone {
			do(e.key, e.value)
		}
	})
	return damaged, err
}

func eachEntry(f io.ReadSeeker, do func(n uint32, e entry)) (damaged int, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("reading: %w", err)
	}
	r, err := readEntries(f)
	if err != nil {
		return 0, err
	}
	for n := uint32(0); ; n++ {
		switch e, err := r.next(); {
		case err == io.EOF: //nolint:errorlint // of next, never wrapped
			return r.damaged, nil
		case err != nil:
			return r.damaged, err
		default:
			do(n, e)
		}
	}
}

// journal is a file that is being written. Every method that fails leaves it
// unfit for more: it has to be begun anew.
type journal struct {
	f    *os.File
	size int64
}

// createJournal begins a file at path.
func createJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the file of bindings: %w", err)
	}
	j := &journal{f: f}
	return j, j.write([]byte(journalFormat))
}

func (j *journal) write(b []byte) error {
	n, err := j.f.Write(b)
	j.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing bindings: %w", err)
	}
	return nil
}

func (j *journal) sync() error {
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("writing bindings to the disk: %w", err)
	}
	return nil
}
