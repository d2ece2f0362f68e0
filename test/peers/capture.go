package peers

import (
	"context"
	"os"
	"syscall"
	"time"
)

// Capture is dumpcap writing a file.
type Capture struct {
	*Proc
	file string
}

// Record starts a capture on the interfaces of the host. One interface makes a
// pcap file, several a pcapng file. linktype is as dumpcap -y takes it, or "".
func (h *Host) Record(ctx context.Context, file, linktype string, interfaces ...string) (*Capture, error) {
	args := []string{"-q", "-w", file, "-s", "0"}
	if len(interfaces) == 1 {
		args = append(args, "-P")
	}
	for _, i := range interfaces {
		args = append(args, "-i", i)
		if linktype != "" {
			args = append(args, "-y", linktype)
		}
	}
	p, err := h.Start("capture", "dumpcap", args...)
	if err != nil {
		return nil, err
	}
	return &Capture{Proc: p, file: file}, p.WaitLog(ctx, "File: ")
}

// End stops the capture when nothing new has reached the file for a second:
// dumpcap hands packets on in blocks.
func (c *Capture) End(ctx context.Context) error {
	var size int64
	since := time.Now()
	err := Poll(ctx, readyTimeout, "the end of traffic", func() (bool, error) {
		i, err := os.Stat(c.file)
		if err != nil {
			return false, err
		}
		if i.Size() != size {
			size, since = i.Size(), time.Now()
		}
		return time.Since(since) > time.Second, nil
	})
	if err != nil {
		return err
	}
	return c.Stop(ctx, syscall.SIGINT)
}
