package media

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sipward/sipward/sip/packet"
)

// datagrams returns the UDP datagrams over IPv4 of an Ethernet capture.
func datagrams(t *testing.T, file string) (out []*packet.Packet) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("no capture to read: %v", err)
	}
	var source gopacket.PacketDataSource
	if bytes.HasPrefix(data, []byte{0x0A, 0x0D, 0x0D, 0x0A}) {
		source, err = pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.DefaultNgReaderOptions)
	} else {
		source, err = pcapgo.NewReader(bytes.NewReader(data))
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	for {
		frame, info, err := source.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		p := gopacket.NewPacket(frame, layers.LinkTypeEthernet, gopacket.Default)
		ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if ip == nil || udp == nil {
			continue
		}
		end := func(addr []byte, port layers.UDPPort) (e packet.Endpoint) {
			e.IP[10], e.IP[11], e.Port = 0xFF, 0xFF, uint16(port)
			copy(e.IP[12:], addr)
			return e
		}
		out = append(out, &packet.Packet{Time: info.Timestamp.UnixNano(), Src: end(ip.SrcIP.To4(), udp.SrcPort),
			Dst: end(ip.DstIP.To4(), udp.DstPort), Payload: udp.Payload, Transport: packet.UDP})
	}
}

// sippKeys are the captures of Debian's sip-tester package, a key each.
var sippKeys = []struct{ name, digit string }{
	{"0", "0"}, {"1", "1"}, {"2", "2"}, {"3", "3"}, {"4", "4"}, {"5", "5"}, {"6", "6"}, {"7", "7"},
	{"8", "8"}, {"9", "9"}, {"star", "*"}, {"pound", "#"},
}

func sippKey(name string) string { return "/usr/share/sip-tester/dtmf_2833_" + name + ".pcap" }

func TestKeysOfSIPp(t *testing.T) {
	for _, c := range sippKeys {
		t.Run(c.name, func(t *testing.T) {
			packets := datagrams(t, sippKey(c.name))
			learning := NewTable(Options{Learn: true, Digits: true})
			feed(learning, packets)
			for f := range learning.Learned() {
				if f.Digits() != c.digit {
					t.Errorf("learned %q", f.Digits())
				}
			}
			announced := NewTable(Options{Digits: true})
			open(t, announced, packets[0].Dst, spec(1, Callee))
			feed(announced, packets)
			f := only(t, announced, packets[0].Dst, 1)
			// The three end packets of each capture share a sequence number.
			if f.Digits() != c.digit || f.Lost != 0 || f.Packets != uint64(len(packets)) {
				t.Errorf("digits %q, lost %d, packets %d", f.Digits(), f.Lost, f.Packets)
			}
		})
	}
}

// TestAllKeysOfSIPpInOneCall plays them after one another, as a scenario does:
// one SSRC, sequence numbers and timestamps that jump back and forth.
func TestAllKeysOfSIPpInOneCall(t *testing.T) {
	table := NewTable(Options{Digits: true})
	var want string
	var to packet.Endpoint
	for _, c := range sippKeys {
		packets := datagrams(t, sippKey(c.name))
		if to.IsZero() {
			to = packets[0].Dst
			open(t, table, to, spec(1, Callee))
		}
		feed(table, packets)
		want += c.digit
	}
	if f := only(t, table, to, 1); f.Digits() != want {
		t.Errorf("digits %q, want %q", f.Digits(), want)
	}
}

// TestRealSender has the keys of a switch that repeats, and loses, packets. The
// figures are those of tshark.
func TestRealSender(t *testing.T) {
	folder := os.Getenv("SIPWARD_CAPTURES")
	if folder == "" {
		t.Skip("SIPWARD_CAPTURES names no folder of captures")
	}
	table := NewTable(Options{Learn: true, Digits: true})
	feed(table, datagrams(t, filepath.Join(folder, "rtp-dtmf.pcap")))
	type stream struct {
		src, digits string
		packets     uint64
		lost        uint64
	}
	var got []stream
	for f := range table.Learned() {
		got = append(got, stream{f.Src.String(), f.Digits(), f.Packets, f.Lost})
	}
	want := []stream{{"10.10.0.82:19438", "123456789*0#5", 151, 193}, {"10.10.0.84:56890", "54321#", 45, 50}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("streams %+v, want %+v", got, want)
	}
}
