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
)

// A journal begins with its format and goes on with entries, each the newest
// word on its key:
//
//	crc(4) of what follows, kind(1), length of key(2), length of value(2), key, value
//
// Numbers are big-endian. The last entry may be torn: the host lost power, or
// the agent was killed. Nothing else needs to be whole for the rest to be read.
const (
	journalFormat = "sipward bindings 1\n"
	journalName   = "sipward bindings " // of any version
	entryHeader   = 9
	entryPut      = 1
	entryGone     = 2

	// maxKey and maxValue bound what an entry holds, in bytes: a length that is
	// damaged must not lead far.
	maxKey   = 2 << 10
	maxValue = 8 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNewer is a journal of a program that came after this one.
var errNewer = errors.New("a newer version wrote it")

// appendEntry appends one entry. A nil value says that the key is gone.
func appendEntry(b []byte, key string, value []byte) []byte {
	at := len(b)
	kind := byte(entryPut)
	if value == nil {
		kind = entryGone
	}
	b = append(b, 0, 0, 0, 0, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))   //nolint:gosec // fits, see fitsEntry
	b = binary.BigEndian.AppendUint16(b, uint16(len(value))) //nolint:gosec // as above
	b = append(append(b, key...), value...)
	binary.BigEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// fitsEntry reports whether an entry can hold these.
func fitsEntry(key string, value []byte) bool { return len(key) <= maxKey && len(value) <= maxValue }

// entry is what appendEntry wrote; it is valid until the next.
type entry struct {
	gone       bool
	key, value []byte
}

// entries reads a journal from its beginning. Damage is counted; what comes
// behind it is read where the length of the damaged entry still leads there.
type entries struct {
	r       *bufio.Reader
	buf     []byte
	damaged int
	torn    bool
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

// next returns the next entry whose checksum is right; io.EOF after the last one.
func (e *entries) next() (entry, error) {
	for {
		b, err := e.read()
		if err != nil {
			return entry{}, err
		}
		k := int(binary.BigEndian.Uint16(b[5:]))
		kind, rest := b[4], b[entryHeader:]
		if binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) || kind != entryPut && kind != entryGone {
			e.damaged++
			continue
		}
		return entry{gone: kind == entryGone, key: rest[:k], value: rest[k:]}, nil
	}
}

// read reads as many bytes as the next entry says it has.
func (e *entries) read() ([]byte, error) {
	if cap(e.buf) == 0 {
		e.buf = make([]byte, entryHeader+maxKey+maxValue)
	}
	b := e.buf[:entryHeader]
	if _, err := io.ReadFull(e.r, b); err != nil {
		return nil, e.end(err, err != io.EOF) //nolint:errorlint // as above
	}
	k, v := int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:]))
	if k > maxKey || v > maxValue {
		e.damaged++
		return nil, io.EOF // nothing says where the next one begins
	}
	b = e.buf[:entryHeader+k+v]
	if _, err := io.ReadFull(e.r, b[entryHeader:]); err != nil {
		return nil, e.end(err, true)
	}
	return b, nil
}

func (e *entries) end(err error, torn bool) error {
	if !short(err) {
		return fmt.Errorf("reading: %w", err)
	}
	e.torn = torn
	return io.EOF
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
