package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/sipward/sipward/sip/packet"
)

// order is both halves of binary.ByteOrder.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapFile writes a pcap file by hand.
type pcapFile struct {
	order    order
	magic    uint32
	version  [2]uint16
	link     uint32
	modified bool
	b        []byte
}

func newPcapFile(o order, magic uint32, link uint32) *pcapFile {
	f := &pcapFile{order: o, magic: magic, link: link, version: [2]uint16{2, 4}, modified: magic == pcapModified}
	f.header()
	return f
}

func (f *pcapFile) header() {
	f.b = f.order.AppendUint32(nil, f.magic)
	f.b = f.order.AppendUint16(f.b, f.version[0])
	f.b = f.order.AppendUint16(f.b, f.version[1])
	f.b = append(f.b, make([]byte, 8)...)
	f.b = f.order.AppendUint32(f.b, 65535)
	f.b = f.order.AppendUint32(f.b, f.link)
}

func (f *pcapFile) add(sec, fraction uint32, wire int, data string) *pcapFile {
	for _, v := range []uint32{sec, fraction, uint32(len(data)), uint32(wire)} {
		f.b = f.order.AppendUint32(f.b, v)
	}
	if f.modified {
		f.b = append(f.b, make([]byte, 8)...)
	}
	f.b = append(f.b, data...)
	return f
}

// ngFile writes a pcapng file by hand.
type ngFile struct {
	order order
	b     []byte
}

func newNgFile(o order) *ngFile { return (&ngFile{order: o}).section() }

func (f *ngFile) section() *ngFile {
	body := f.order.AppendUint32(nil, pcapngOrder)
	body = f.order.AppendUint16(body, 1)
	body = f.order.AppendUint16(body, 0)
	return f.block(pcapngSection, f.order.AppendUint64(body, ^uint64(0)))
}

func (f *ngFile) block(kind uint32, body []byte) *ngFile {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	f.b = f.order.AppendUint32(f.b, kind)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	f.b = append(f.b, body...)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	return f
}

func (f *ngFile) iface(link uint16, snaplen uint32, options ...[]byte) *ngFile {
	body := f.order.AppendUint16(nil, link)
	body = append(body, 0, 0)
	body = f.order.AppendUint32(body, snaplen)
	for _, option := range options {
		body = append(body, option...)
	}
	return f.block(pcapngInterface, body)
}

func (f *ngFile) option(code uint16, value []byte) []byte {
	b := f.order.AppendUint16(nil, code)
	b = f.order.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (f *ngFile) packet(iface uint32, ticks uint64, wire int, data string) *ngFile {
	body := f.order.AppendUint32(nil, iface)
	for _, v := range []uint32{uint32(ticks >> 32), uint32(ticks), uint32(len(data)), uint32(wire)} {
		body = f.order.AppendUint32(body, v)
	}
	return f.block(pcapngEnhanced, append(body, data...))
}

func (f *ngFile) simple(wire int, data string) *ngFile {
	return f.block(pcapngSimple, append(f.order.AppendUint32(nil, uint32(wire)), data...))
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// frameText is a frame in a form that is easy to compare.
func frameText(fr *packet.Frame) string {
	return fmt.Sprintf("%d link %d iface %d wire %d %q", fr.Time, fr.Link, fr.Iface, fr.WireLen, fr.Data)
}

func readAll(t testing.TB, paths ...string) ([]string, *Files) {
	t.Helper()
	f, err := OpenFiles(paths)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	var got []string
	for {
		fr := packet.Frame{EtherType: 7, Iface: 7, Link: 7}
		if err := f.Next(&fr); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		if fr.EtherType != 0 {
			t.Errorf("EtherType %d left over", fr.EtherType)
		}
		got = append(got, frameText(&fr))
	}
	if err := f.Next(&packet.Frame{}); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	return got, f
}

func TestFileKinds(t *testing.T) {
	const second = 1_700_000_000
	long := strings.Repeat("x", filePacketMax+1)
	tests := []struct {
		name   string
		data   func(order) []byte
		want   []string
		format string
		info   FileInfo
	}{
		{
			name: "pcap",
			data: func(o order) []byte {
				return newPcapFile(o, pcapMicro, 1).add(second, 5, 100, "ab").add(second, 6, 0, "cde").b
			},
			want:   []string{`1700000000000005000 link 1 iface 0 wire 100 "ab"`, `1700000000000006000 link 1 iface 0 wire 3 "cde"`},
			format: "pcap",
		},
		{
			name:   "pcap, nanoseconds",
			data:   func(o order) []byte { return newPcapFile(o, pcapNano, 0x10000071).add(second, 5, 2, "ab").b },
			want:   []string{`1700000000000000005 link 113 iface 0 wire 2 "ab"`},
			format: "pcap",
		},
		{
			name: "pcap, modified",
			data: func(o order) []byte {
				return newPcapFile(o, pcapModified, 12).add(second, 5, 2, "ab").add(1, 0, 0, "").b
			},
			want:   []string{`1700000000000005000 link 101 iface 0 wire 2 "ab"`, `1000000000 link 101 iface 0 wire 0 ""`},
			format: "pcap",
		},
		{
			name: "pcap, lengths swapped before 2.3",
			data: func(o order) []byte {
				f := newPcapFile(o, pcapMicro, 1)
				f.version = [2]uint16{2, 2}
				f.header()
				for _, v := range []uint32{1, 0, 60, 2} {
					f.b = f.order.AppendUint32(f.b, v)
				}
				f.b = append(f.b, "ab"...)
				return f.b
			},
			want: []string{`1000000000 link 1 iface 0 wire 60 "ab"`}, format: "pcap",
		},
		{name: "pcap without packets", data: func(o order) []byte { return newPcapFile(o, pcapMicro, 1).b }, format: "pcap"},
		{
			name: "pcap cut in a packet",
			data: func(o order) []byte {
				b := newPcapFile(o, pcapMicro, 1).add(1, 0, 2, "ab").add(2, 0, 2, "cd").b
				return b[:len(b)-1]
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcap", info: FileInfo{Cut: true},
		},
		{
			name: "pcap cut in a header",
			data: func(o order) []byte {
				return append(newPcapFile(o, pcapMicro, 1).add(1, 0, 2, "ab").b, 1)
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcap", info: FileInfo{Cut: true},
		},
		{
			name: "pcap with an insane length",
			data: func(o order) []byte {
				b := newPcapFile(o, pcapMicro, 1).add(1, 0, 2, "ab").add(2, 0, 2, "cd").b
				o.PutUint32(b[24+18+8:], 0xfffffff0)
				return b
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcap",
			info: FileInfo{Damage: &fileDamage{offset: 42, what: "a packet of 4294967280 bytes, more than 262144"}},
		},
		{
			name: "pcap with the longest packet",
			data: func(o order) []byte {
				return newPcapFile(o, pcapMicro, 1).add(1, 0, 2, "ab").add(1, 0, 0, long[1:]).add(3, 0, 2, "cd").b
			},
			want: []string{
				`1000000000 link 1 iface 0 wire 2 "ab"`, fmt.Sprintf(`1000000000 link 1 iface 0 wire 262144 "%s"`, long[1:]),
				`3000000000 link 1 iface 0 wire 2 "cd"`,
			},
			format: "pcap",
		},
		{
			name: "pcapng, interfaces of several kinds",
			data: func(o order) []byte {
				f := newNgFile(o)
				f.iface(1, 0, f.option(2, []byte("eth0"))).iface(113, 0, f.option(pcapngTsresol, []byte{9}), f.option(0, nil))
				f.iface(276, 0, f.option(pcapngTsresol, []byte{0x80 | 10}), f.option(pcapngTsoffset, o.AppendUint64(nil, 1000)))
				f.iface(1, 0, f.option(pcapngTsresol, []byte{12})).iface(1, 0, f.option(pcapngTsresol, []byte{0}))
				f.packet(0, second*1e6+5, 100, "ab").block(5, make([]byte, 40)).packet(1, second*1e9+5, 3, "abc")
				f.packet(2, 3<<10+512, 1, "z").packet(3, 7_000_000_001_999, 0, "").packet(4, second, 4, "wxyz")
				return f.b
			},
			want: []string{
				`1700000000000005000 link 1 iface 0 wire 100 "ab"`, `1700000000000000005 link 113 iface 1 wire 3 "abc"`,
				`1003500000000 link 276 iface 2 wire 1 "z"`, `7000000001 link 1 iface 3 wire 0 ""`, `1700000000000000000 link 1 iface 4 wire 4 "wxyz"`,
			},
			format: "pcapng",
		},
		{
			name: "pcapng, sections of either order, simple and obsolete packets",
			data: func(o order) []byte {
				f := newNgFile(o).iface(1, 3).packet(0, 1e6, 2, "ab").simple(100, "abc\x00").simple(2, "xy")
				f.order = binary.BigEndian
				f.section().iface(101, 0).packet(0, 2e6, 2, "cd")
				body := []byte{0, 0, 0, 9}
				for _, v := range []uint32{0, 3e6, 1, 50} {
					body = f.order.AppendUint32(body, v)
				}
				return f.block(pcapngOldPacket, append(body, 'o')).b
			},
			want: []string{
				`1000000000 link 1 iface 0 wire 2 "ab"`, `1000000000 link 1 iface 0 wire 100 "abc"`, `1000000000 link 1 iface 0 wire 2 "xy"`,
				`2000000000 link 101 iface 0 wire 2 "cd"`, `3000000000 link 101 iface 0 wire 50 "o"`,
			},
			format: "pcapng",
		},
		{
			name: "pcapng, packets that cannot be",
			data: func(o order) []byte {
				f := newNgFile(o).simple(4, "none").iface(1, 0).packet(1, 1e6, 2, "no").packet(0, 1e6, 2, "ab")
				bad := len(f.b) + 8 + 12
				f.packet(0, 2e6, 2, "cd")
				o.PutUint32(f.b[bad:], 0xffffffff)
				return f.packet(0, 3e6, filePacketMax+1, long).block(pcapngEnhanced, nil).block(99, make([]byte, 2<<20)).packet(0, 4e6, 2, "ef").b
			},
			want:   []string{`1000000000 link 1 iface 0 wire 2 "ab"`, `4000000000 link 1 iface 0 wire 2 "ef"`},
			format: "pcapng", info: FileInfo{Skipped: 5},
		},
		{
			name: "pcapng cut in a packet",
			data: func(o order) []byte {
				b := newNgFile(o).iface(1, 0).packet(0, 1e6, 2, "ab").packet(0, 1e6, 2, "ab").b
				return b[:len(b)-1]
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcapng", info: FileInfo{Cut: true},
		},
		{
			name: "pcapng cut in a block that is skipped",
			data: func(o order) []byte {
				b := newNgFile(o).iface(1, 0).packet(0, 1e6, 2, "ab").block(5, make([]byte, 100)).b
				return b[:len(b)-50]
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcapng", info: FileInfo{Cut: true},
		},
		{
			name: "pcapng with an insane length",
			data: func(o order) []byte {
				f := newNgFile(o).iface(1, 0).packet(0, 1e6, 2, "ab")
				at := len(f.b) + 4
				f.packet(0, 1e6, 2, "ab")
				o.PutUint32(f.b[at:], 0xfffffff0)
				return f.b
			},
			want: []string{`1000000000 link 1 iface 0 wire 2 "ab"`}, format: "pcapng",
			info: FileInfo{Damage: &fileDamage{offset: 28 + 20 + 36, what: "a block of 4294967280 bytes"}},
		},
		{
			name: "pcapng whose lengths differ",
			data: func(o order) []byte {
				f := newNgFile(o).iface(1, 0).packet(0, 1e6, 2, "ab")
				o.PutUint32(f.b[len(f.b)-4:], 40)
				return f.b
			},
			format: "pcapng",
			info:   FileInfo{Damage: &fileDamage{offset: 28 + 20, what: "a block of 36 bytes that says 40 at its end"}},
		},
	}
	for _, test := range tests {
		for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
			for _, gz := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/gzip=%v", test.name, o, gz), func(t *testing.T) {
					data, format := test.data(o), test.format
					if gz {
						data, format = zip(data), format+".gz"
					}
					path := write(t, "any.name", data)
					got, f := readAll(t, path)
					if diff := cmp.Diff(test.want, got); diff != "" {
						t.Errorf("packets (-want +got):\n%s", diff)
					}
					want := test.info
					want.Path, want.Format, want.Packets = path, format, uint64(len(test.want))
					if diff := cmp.Diff([]FileInfo{want}, f.Info(), cmp.AllowUnexported(fileDamage{})); diff != "" {
						t.Errorf("info (-want +got):\n%s", diff)
					}
					truncated := 0
					if want.Cut || want.Damage != nil {
						truncated = 1
					}
					if f.Truncated() != truncated {
						t.Errorf("Truncated() = %d, want %d", f.Truncated(), truncated)
					}
					if read, total := f.Progress(); total != int64(len(data)) || want.Damage == nil && read != total {
						t.Errorf("progress %d of %d, file has %d", read, total, len(data))
					}
				})
			}
		}
	}
}

// A gzip file that ends early or is damaged gives what was unpacked before.
func TestFileGzipDamage(t *testing.T) {
	f := newPcapFile(binary.LittleEndian, pcapMicro, 1)
	for i := range uint32(20000) {
		f.add(i, i*7919%1000000, 0, fmt.Sprintf("packet %d", i*2654435761))
	}
	packed := zip(f.b)
	cut, info := readAll(t, write(t, "cut", packed[:len(packed)/2]))
	if len(cut) < 1000 || len(cut) > 19000 || !info.Info()[0].Cut || info.Truncated() != 1 {
		t.Errorf("%d packets of half a file, %+v", len(cut), info.Info())
	}
	packed[len(packed)-6] ^= 1 // the checksum
	all, info := readAll(t, write(t, "checksum", packed))
	if len(all) != 20000 || info.Info()[0].Damage == nil {
		t.Errorf("%d packets, %+v", len(all), info.Info())
	}
	two := append(zip(f.b[:len(f.b)/2]), zip(f.b[len(f.b)/2:])...)
	if all, info := readAll(t, write(t, "members", two)); len(all) != 20000 || info.Truncated() != 0 {
		t.Errorf("%d packets of two members, %+v", len(all), info.Info())
	}
}

func TestFileMistakes(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name, data, want string
	}{
		{"empty", "", "it is empty"},
		{"three bytes", "abc", "it has only 3 bytes"},
		{"text", "No.  Time  Source\n", "it is text; captures are written with tcpdump -w"},
		{"snoop", "snoop\x00\x00\x00\x00\x00\x00\x02", "Solaris snoop"},
		{"HEP", "HEP3\x00\x10", "HEP listener"},
		{"zstd", "\x28\xb5\x2f\xfd\x04\x00", "zstd -dc FILE"},
		{"xz", "\xfd7zXZ\x00\x00", "xz -dc FILE"},
		{"bzip2", "BZh91AY", "bzip2 -dc FILE"},
		{"zip", "PK\x03\x04\x14", "unzip -p"},
		{"binary", "\x00\x01\x02\x03\x04\x05\x06\x07\x08", "it begins with 00 01 02 03 04 05 06 07: expected pcap"},
		{"gzip of text", string(zip([]byte("hello world"))), "it is text"},
		{"gzip of nothing", string(zip(nil)), "it is empty"},
		{"broken gzip", "\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff", "begins like a gzip file and is none"},
		{"header cut", "\xd4\xc3\xb2\xa1\x02\x00", "ends inside its header, after 6 bytes of 24"},
		{"version", "\xd4\xc3\xb2\xa1\x07\x00\x04\x00" + strings.Repeat("\x00", 16), "pcap version 7.4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.name)
			if err := os.WriteFile(path, []byte(test.data), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenFiles([]string{path})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the path", err, test.want)
			}
		})
	}
	if _, err := OpenFiles([]string{dir}); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("folder: %v", err)
	}
	if _, err := OpenFiles([]string{filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := OpenFiles([]string{"-", "-"}); err == nil || !strings.Contains(err.Error(), "named twice") {
		t.Errorf("standard input twice: %v", err)
	}
}

// Many files, more than are kept open, come out in the order of time; files
// without packets and equal times do no harm.
func TestFilesMerged(t *testing.T) {
	for _, n := range []int{1, 2, 5, fileAwake + 20} {
		var paths []string
		total := 0
		for i := range n {
			f := newPcapFile(binary.LittleEndian, pcapMicro, 1)
			for j := range uint32(50) {
				f.add(uint32(i)*20+j, 0, 0, fmt.Sprintf("%d/%d", i, j))
				total++
			}
			if i == 3 {
				f, total = newPcapFile(binary.LittleEndian, pcapMicro, 1), total-50
			}
			b := f.b
			if i%2 == 1 {
				b = zip(b)
			}
			paths = append(paths, write(t, "f", b))
		}
		f, err := OpenFiles(paths)
		if err != nil {
			t.Fatal(err)
		}
		last, count, next := int64(0), 0, make([]int, n)
		for {
			var fr packet.Frame
			if err := f.Next(&fr); err != nil {
				break
			}
			if want := fmt.Sprintf("%d/%d", fr.Iface>>16, next[fr.Iface>>16]); string(fr.Data) != want {
				t.Fatalf("%d files: got %q, want %q", n, fr.Data, want)
			}
			next[fr.Iface>>16]++
			if fr.Time < last {
				t.Fatalf("%d files: time goes back from %d to %d", n, last, fr.Time)
			}
			last = fr.Time
			count++
		}
		if count != total {
			t.Errorf("%d files: %d packets of %d", n, count, total)
		}
		if read, all := f.Progress(); read != all || all == 0 {
			t.Errorf("%d files: progress %d of %d", n, read, all)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileStdin(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	go func() {
		_, _ = w.Write(newPcapFile(binary.BigEndian, pcapNano, 1).add(1, 2, 0, "ab").b)
		_ = w.Close()
	}()
	got, f := readAll(t, "-")
	if diff := cmp.Diff([]string{`1000000002 link 1 iface 0 wire 2 "ab"`}, got); diff != "" {
		t.Error(diff)
	}
	if read, total := f.Progress(); read != 42 || total != 0 {
		t.Errorf("progress %d of %d", read, total)
	}
	_ = r.Close()
}
