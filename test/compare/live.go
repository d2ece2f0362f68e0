package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/test/peers"
)

// The two ends of the cable.
const (
	senderSide = "out0"
	toolSide   = "in0"
)

// road is two hosts with a cable between them: one replays, tools watch the other.
type road struct {
	*peers.Lab
	options *options
	load    *load
	sender  *peers.Host
	watched *peers.Host
	runs    int
	pps     int
}

// newRoad lays the cable.
func newRoad(ctx context.Context, o *options, lab *peers.Lab) (r *road, err error) {
	r = &road{Lab: lab, options: o}
	if r.sender, err = lab.Host(ctx, "sender"); err != nil {
		return nil, err
	}
	if r.watched, err = lab.Host(ctx, "watched"); err != nil {
		return nil, err
	}
	return r, lab.Connect(ctx, peers.End{Host: r.sender, Interface: senderSide}, peers.End{Host: r.watched, Interface: toolSide})
}

// compare has every tool capture the same calls, in turns.
func (r *road) compare(ctx context.Context, l *load, pps int, out io.Writer) error {
	fmt.Fprintf(out, "\n## Live, %d packets a second: %v\n\n", pps, l)
	r.load, r.pps = l, pps
	tools := installed(live(r.options, l.plan.RTP))
	samples := make([][]sample, len(tools))
	for range r.options.rounds {
		for i := range tools {
			s, err := r.capture(ctx, &tools[i])
			if err != nil {
				return err
			}
			samples[i] = append(samples[i], s)
		}
	}
	liveTable(out, l, tools, samples)
	return nil
}

func (r *road) capture(ctx context.Context, t *tool) (sample, error) {
	r.runs++
	if t.filter != "" {
		return r.captureAgent(ctx, t)
	}
	return r.captureOther(ctx, t)
}

// captureAgent measures our own, with a record of each call on disk.
func (r *road) captureAgent(ctx context.Context, t *tool) (s sample, err error) {
	a := &peers.Agent{Host: r.watched, Program: t.program, Config: r.config(t.filter), Name: fmt.Sprintf("run%d", r.runs)}
	if err := a.Start(ctx); err != nil {
		return s, err
	}
	if err := r.measure(ctx, a.PID(), &s); err != nil {
		return s, err
	}
	status, err := a.Status(ctx)
	if err != nil {
		return s, err
	}
	s.found = []found{{calls, status.Calls.Answered}}
	if t.rtp {
		s.found = append(s.found, found{rtp, status.Calls.Packets.Caller + status.Calls.Packets.Callee})
	}
	if r.load.plan.RTP {
		s.found = append(s.found, found{digits, status.Calls.Digits.Caller + status.Calls.Digits.Callee})
	}
	return s, a.Stop(ctx)
}

func (r *road) captureOther(ctx context.Context, t *tool) (s sample, err error) {
	var hep *receiver
	if t.hep {
		if hep, err = r.receive(); err != nil {
			return s, err
		}
		defer hep.close()
	}
	args := t.fill(map[string]string{"DEVICE": toolSide, "LIMIT": limitOf(r.load)})
	p, err := r.watched.Start(fmt.Sprintf("run%d-%s", r.runs, t.program), t.program, args...)
	if err != nil {
		return s, err
	}
	defer os.Remove(p.Log) // sipgrep's is all that was sent
	if err := p.WaitCapture(ctx, t.program); err != nil {
		return s, err
	}
	if err := r.measure(ctx, p.PID(), &s); err != nil {
		return s, err
	}
	if err := p.Stop(ctx, syscall.SIGINT); err != nil {
		return s, err
	}
	if t.hep {
		s.found = []found{{messages, hep.messages()}}
	}
	if t.found != nil {
		output, err := os.ReadFile(p.Log)
		if err != nil {
			return s, fmt.Errorf("read what %s says: %w", t.program, err)
		}
		s.found = t.found(output)
	}
	return s, nil
}

// measure sends the capture past a tool and waits until it has nothing to do.
func (r *road) measure(ctx context.Context, pid int, s *sample) error {
	if err := r.rest(ctx, pid, s, time.Second); err != nil { // it has started up
		return err
	}
	s.idle = memory(pid, "VmRSS")
	peak := watchPeak(pid)
	before, err := cpuOf(pid)
	if err == nil {
		err = r.send(ctx)
	}
	if err == nil {
		// Our agent writes the record of a call some seconds after its end.
		err = r.rest(ctx, pid, s, 5*time.Second)
	}
	s.peak = peak()
	if err != nil {
		return err
	}
	after, err := cpuOf(pid)
	s.cpu = after - before
	return err
}

// rest waits until a tool has used less than a fiftieth of a processor for so long.
func (r *road) rest(ctx context.Context, pid int, s *sample, looks time.Duration) error {
	quiet := looks / 50
	ctx, cancel := context.WithTimeout(ctx, r.options.limit+looks)
	defer cancel()
	last := time.Duration(-1)
	for {
		now, err := cpuOf(pid)
		if err != nil {
			return fmt.Errorf("it ended: %w", err)
		}
		if last >= 0 && now-last <= quiet {
			return nil
		}
		last = now
		select {
		case <-ctx.Done():
			s.late = true
			return nil
		case <-time.After(looks):
		}
	}
}

var sent = regexp.MustCompile(`Actual: ([0-9]+) packets`)

// send replays the capture over the cable.
func (r *road) send(ctx context.Context) error {
	cmd := r.sender.Command(ctx, "tcpreplay", "--preload-pcap", "--quiet", "--intf1="+senderSide, fmt.Sprintf("--pps=%d", r.pps), r.load.file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("tcpreplay: %w: %s", err, out)
	}
	m := sent.FindSubmatch(out)
	if m == nil || string(m[1]) != strconv.Itoa(r.load.packets()) {
		return fmt.Errorf("tcpreplay was to send %d packets: %s", r.load.packets(), out)
	}
	return nil
}

// config is the agent's: everybody in the plan by name.
func (r *road) config(filter string) string {
	var b strings.Builder
	p := &r.load.plan
	fmt.Fprintf(&b, "node: compare\ncapture:\n  interfaces: [%s]\n  filter: %s\n  promiscuous: true\nlocal_addresses: [%s]\ncustomers:\n", toolSide, filter, p.SwitchIP)
	for i := range p.Customers {
		fmt.Fprintf(&b, "  - id: customer-%d\n    addresses: [%s]\n", i, p.CustomerAddr(i))
	}
	b.WriteString("carriers:\n")
	for i := range p.Carriers {
		fmt.Fprintf(&b, "  - id: carrier-%d\n    addresses: [%s]\n", i, p.CarrierAddr(i))
	}
	return b.String()
}

// receiver counts the datagrams that a tool sends as HEP.
type receiver struct {
	conn *net.UDPConn
	n    atomic.Int64
	done chan struct{}
}

func (r *road) receive() (*receiver, error) {
	conn, err := r.watched.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), hepPort))
	if err != nil {
		return nil, err
	}
	if err := roomy(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	h := &receiver{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		for buf := make([]byte, 1<<16); ; {
			if _, _, err := conn.ReadFromUDPAddrPort(buf); err != nil {
				return // closed
			}
			h.n.Add(1)
		}
	}()
	return h, nil
}

// roomy lets a socket hold all that a busy machine keeps its reader from, so that
// what a tool sent is not lost here.
func roomy(conn *net.UDPConn) error {
	const room = 64 << 20
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("receive HEP: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room)
	})
	return errors.Join(err, failed)
}

func (h *receiver) messages() int { return int(h.n.Load()) }

func (h *receiver) close() {
	_ = h.conn.Close()
	<-h.done
}
