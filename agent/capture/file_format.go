package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// fileMistakes are files that are taken for captures, by their first bytes.
var fileMistakes = []struct{ magic, what string }{
	{"snoop\x00\x00\x00", "a Solaris snoop file: convert it with editcap -F pcapng IN OUT"},
	{"HEP3", "a dump of HEP packets: send them to the agent's HEP listener"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd: zstd -dc FILE | sipward-agent replay -"},
	{"\xfd7zXZ\x00", "compressed with xz: xz -dc FILE | sipward-agent replay -"},
	{"BZh", "compressed with bzip2: bzip2 -dc FILE | sipward-agent replay -"},
	{"\x04\x22\x4d\x18", "compressed with lz4: lz4 -dc FILE | sipward-agent replay -"},
	{"\x1f\x9d", "compressed with compress: zcat FILE | sipward-agent replay -"},
	{"PK\x03\x04", "a zip archive: unzip -p FILE | sipward-agent replay -"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"},
	{"GMBU", "a Microsoft Network Monitor file: convert it with editcap -F pcapng IN OUT"},
	{"\x7fELF", "a program"},
	{"RIFF", "an audio file"},
	{"#!rtpplay", "an rtpdump file, which has no SIP in it"},
}

// fileFormat recognises the format of the file in w and reads its header.
func fileFormat(w *fileWindow) (fileReader, string, error) {
	suffix := ""
	if w.fill(2) && w.buf[0] == 0x1f && w.buf[1] == 0x8b {
		suffix = ".gz"
		if err := fileUnzip(w); err != nil {
			return nil, "", err
		}
	}
	w.fill(16)
	head := w.buf[w.pos:w.end]
	if len(head) >= 4 {
		switch magic := binary.LittleEndian.Uint32(head); magic {
		case pcapngSection:
			return &pcapngReader{}, "pcapng" + suffix, nil
		default:
			if r := newPcapReader(magic); r != nil {
				return r, "pcap" + suffix, r.header(w)
			}
		}
	}
	if w.err != nil && !errors.Is(w.err, io.EOF) && !errors.Is(w.err, io.ErrUnexpectedEOF) {
		return nil, "", w.err
	}
	return nil, "", fileUnknown(head)
}

// fileUnzip makes w go on with what the gzip file in it contains. The file may
// consist of several members, as after cat a.gz b.gz (RFC 1952 section 2.2).
func fileUnzip(w *fileWindow) error {
	rest := io.MultiReader(bytes.NewReader(bytes.Clone(w.buf[w.pos:w.end])), w.r)
	z, err := gzip.NewReader(bufio.NewReaderSize(rest, 64<<10))
	if err != nil {
		return fmt.Errorf("it begins like a gzip file and is none: %w", err)
	}
	*w = fileWindow{r: &fileGzip{z: z}, buf: w.buf}
	return nil
}

// fileGzip turns a damaged gzip file into one that ends early: what was
// unpacked before the damage is good.
type fileGzip struct {
	z *gzip.Reader
	n int64
}

func (g *fileGzip) Read(b []byte) (int, error) {
	n, err := g.z.Read(b)
	g.n += int64(n)
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) {
		err = &fileDamage{offset: g.n, what: "the gzip compression: " + err.Error()}
	}
	return n, err
}

// fileUnknown says what a file that is no capture file seems to be.
func fileUnknown(head []byte) error {
	const want = "expected pcap (a1b2c3d4, a1b23c4d or a1b2cd34 in either byte order) or pcapng (0a0d0d0a), plain or gzip"
	switch {
	case len(head) == 0:
		return errors.New("it is empty: " + want)
	case len(head) < 4:
		return fmt.Errorf("it has only %d bytes: %s", len(head), want)
	}
	for _, m := range fileMistakes {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return errors.New("it is " + m.what + "; " + want)
		}
	}
	if fileText(head) {
		return errors.New("it is text; captures are written with tcpdump -w FILE; " + want)
	}
	return fmt.Errorf("it begins with % x: %s", head[:min(len(head), 8)], want)
}

func fileText(b []byte) bool {
	for _, c := range b[:min(len(b), 64)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}
