package testkit

import (
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sipward/sipward/sip/packet"
)

// Pcap writes Ethernet frames as a pcapng file with nanoseconds.
type Pcap struct{ w *pcapgo.NgWriter }

// NewPcap writes the file's header to w.
func NewPcap(w io.Writer) (*Pcap, error) {
	ng, err := pcapgo.NewNgWriter(w, layers.LinkTypeEthernet)
	if err != nil {
		return nil, fmt.Errorf("begin a capture file: %w", err)
	}
	return &Pcap{ng}, nil
}

// WriteFrame appends one frame.
func (p *Pcap) WriteFrame(f *packet.Frame) error {
	info := gopacket.CaptureInfo{Timestamp: time.Unix(0, f.Time).UTC(), CaptureLength: len(f.Data), Length: f.WireLen}
	if err := p.w.WritePacket(info, f.Data); err != nil {
		return fmt.Errorf("write a frame to a capture file: %w", err)
	}
	return nil
}

// Flush writes out what is buffered; call it once at the end.
func (p *Pcap) Flush() error { return p.w.Flush() }
