package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/packet"
)

func TestFileAllocations(t *testing.T) {
	path, n := manyPackets(t, "pcap")
	ng, _ := manyPackets(t, "pcapng")
	for _, paths := range [][]string{{path}, {ng}, {path, ng}} {
		f, err := OpenFiles(paths)
		if err != nil {
			t.Fatal(err)
		}
		var fr packet.Frame
		if got := testing.AllocsPerRun(n/2, func() {
			if err := f.Next(&fr); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%v allocations a packet", got)
		}
		_ = f.Close()
	}
}

// manyPackets writes a file of G.711 size packets: 20 ms, 214 bytes.
func manyPackets(t testing.TB, kind string) (path string, n int) {
	n = race.Of(200_000, 20_000)
	data := strings.Repeat("\xd5", 214)
	if kind == "pcapng" {
		f := newNgFile(binary.LittleEndian).iface(1, 0)
		for i := range n {
			f.packet(0, uint64(i), len(data), data)
		}
		return write(t, kind, f.b), n
	}
	f := newPcapFile(binary.LittleEndian, pcapMicro, 1)
	for i := range n {
		f.add(uint32(i/1e6), uint32(i%1e6), len(data), data)
	}
	return write(t, kind, f.b), n
}

// cpuTime returns the processor time of this process in nanoseconds: what the
// wall clock says depends on who else uses the machine.
func cpuTime() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkFiles(b *testing.B) {
	pcap, n := manyPackets(b, "pcap")
	ng, _ := manyPackets(b, "pcapng")
	for _, bench := range []struct {
		name  string
		paths []string
	}{{"pcap", []string{pcap}}, {"pcapng", []string{ng}}, {"merge4", []string{pcap, ng, pcap, ng}}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			packets, start := 0, cpuTime()
			for b.Loop() {
				f, err := OpenFiles(bench.paths)
				if err != nil {
					b.Fatal(err)
				}
				var fr packet.Frame
				for f.Next(&fr) == nil {
					packets++
				}
				_ = f.Close()
			}
			if packets != b.N*n*len(bench.paths) {
				b.Fatalf("%d packets", packets)
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(packets), "cpu-ns/packet")
		})
	}
}

// BenchmarkPcapgo is what the readers here are measured against.
func BenchmarkPcapgo(b *testing.B) {
	for _, kind := range []string{"pcap", "pcapng"} {
		path, _ := manyPackets(b, kind)
		b.Run(kind, func(b *testing.B) {
			packets, start := 0, cpuTime()
			for b.Loop() {
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				if kind == "pcap" {
					r, err := pcapgo.NewReader(f)
					if err != nil {
						b.Fatal(err)
					}
					for err == nil {
						_, _, err = r.ZeroCopyReadPacketData()
						packets++
					}
				} else {
					r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
					if err != nil {
						b.Fatal(err)
					}
					for err == nil {
						_, _, err = r.ZeroCopyReadPacketData()
						packets++
					}
				}
				_ = f.Close()
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(packets), "cpu-ns/packet")
		})
	}
}

// fuzzReader reads b as a file and holds it to what must be so of any file.
func fuzzReader(t *testing.T, b []byte) {
	w := fileWindow{r: bytes.NewReader(b), buf: make([]byte, fileWindowSize)}
	r, _, err := fileFormat(&w)
	if err != nil {
		return
	}
	sum := 0
	for {
		var fr packet.Frame
		if err := r.next(&w, &fr); err != nil {
			var damage *fileDamage
			if !errors.Is(err, io.EOF) && !errors.Is(err, errFileCut) && !errors.As(err, &damage) {
				t.Fatalf("%v", err)
			}
			break
		}
		sum += len(fr.Data)
		if fr.WireLen < len(fr.Data) || len(fr.Data) > filePacketMax {
			t.Fatalf("%d bytes of %d", len(fr.Data), fr.WireLen)
		}
	}
	if b[0] != 0x1f && sum > len(b) {
		t.Fatalf("%d bytes out of %d", sum, len(b))
	}
}

func FuzzPcap(f *testing.F) {
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		for _, magic := range []uint32{pcapMicro, pcapNano, pcapModified} {
			b := newPcapFile(o, magic, 1).add(1, 2, 3, "abc").add(1, 2, 3, "").b
			f.Add(b)
			f.Add(zip(b))
		}
	}
	f.Fuzz(fuzzReader)
}

func FuzzPcapng(f *testing.F) {
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		n := newNgFile(o)
		n.iface(1, 0, n.option(pcapngTsresol, []byte{9}), n.option(pcapngTsoffset, make([]byte, 8)))
		b := n.packet(0, 1, 2, "ab").simple(3, "abc").block(pcapngOldPacket, make([]byte, 24)).section().b
		f.Add(b)
		f.Add(zip(b))
	}
	f.Fuzz(fuzzReader)
}
