package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// queueLength is how many packets wait in the kernel for their verdict: at
	// 20 us each a tenth of a second.
	queueLength = 4096
	// socketBytes is room for twice as many packets of one kilobyte, as the
	// kernel counts them. What does not fit is not judged.
	socketBytes = 16 << 20
	// burst is how many packets are read before their verdicts are sent: a phone
	// waits for those before it.
	burst = 32
	// readBytes holds the longest packet with its attributes.
	readBytes = 1<<16 + 4096
)

// queue is one netfilter queue, and belongs to one goroutine.
type queue struct {
	number uint16
	file   *os.File
	raw    syscall.RawConn
	in     []byte
	out    []byte // verdicts to be sent
	bound  error  // errNotBound until the kernel has agreed
	counts *counts
}

// judgeFn returns the verdict on what came in by an interface.
type judgeFn func(packet []byte, iface uint32, now int64) uint32

var errNotBound = errors.New("the kernel has not answered")

// openQueue opens a queue. The kernel sends packets from then on.
func openQueue(number uint16, closed bool, c *counts) (*queue, error) {
	q := &queue{number: number, in: make([]byte, readBytes), out: make([]byte, 0, burst*verdictBytes), bound: errNotBound, counts: c}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("opening a netfilter socket: %w", err)
	}
	q.file = os.NewFile(uintptr(fd), "netfilter queue")
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err == nil && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBytes) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBytes) // less is no reason to stop: what is lost is counted
	}
	if err == nil {
		q.raw, err = q.file.SyscallConn()
	}
	if err == nil {
		_, err = unix.Write(fd, q.config(closed))
	}
	if err != nil {
		_ = q.file.Close()
		return nil, fmt.Errorf("opening netfilter queue %d: %w", number, err)
	}
	return q, nil
}

// config is all that the kernel is told of the queue, in one message: the first
// packet comes right behind its answer, or before it.
func (q *queue) config(closed bool) []byte {
	b := q.begin(nil, msgConfig, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = appendAttr(b, configCommand, []byte{commandBind, 0, 0, 0})
	b = appendAttr(b, configParams, append(binary.BigEndian.AppendUint32(nil, 0xffff), copyPacket))
	b = appendAttr(b, configLength, binary.BigEndian.AppendUint32(nil, queueLength))
	if !closed {
		// Full: packets pass.
		flag := binary.BigEndian.AppendUint32(nil, flagFailOpen)
		b = appendAttr(b, configMask, flag)
		b = appendAttr(b, configFlags, flag)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b))) // about a hundred bytes
	return b
}

// begin appends a message's headers without its length.
func (q *queue) begin(b []byte, kind, flags uint16) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // sequence, port: the kernel fills in
	b = append(b, unix.AF_UNSPEC, unix.NFNETLINK_V0)
	return binary.BigEndian.AppendUint16(b, q.number)
}

// verdict notes a verdict to be sent.
func (q *queue) verdict(id, verdict uint32) {
	at := len(q.out)
	b := q.begin(q.out, msgVerdict, unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint16(b, 4+8)
	b = binary.NativeEndian.AppendUint16(b, attrVerdictHeader)
	b = binary.BigEndian.AppendUint32(b, verdict)
	b = binary.BigEndian.AppendUint32(b, id)
	binary.NativeEndian.PutUint32(b[at:], verdictBytes)
	q.out = b
}

// flush sends the verdicts that were noted, in one system call. Those of packets
// that the kernel has forgotten come back as errors, and are counted then.
func (q *queue) flush(fd int) error {
	if len(q.out) == 0 {
		return nil
	}
	defer func() { q.out = q.out[:0] }()
	for {
		_, err := unix.Write(fd, q.out)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EAGAIN):
			// An error message for us did not fit; the verdicts were taken.
			q.counts.overruns.Add(1)
			return nil
		default:
			return fmt.Errorf("sending verdicts to netfilter queue %d: %w", q.number, err)
		}
	}
}

// read waits for packets, hands each to judge and sends what it returns. It
// returns after one burst, and with os.ErrDeadlineExceeded after interrupt.
func (q *queue) read(judge judgeFn) error {
	var failed error
	err := q.raw.Read(func(fd uintptr) bool {
		var n int
		n, failed = q.burst(int(fd), judge)
		return n > 0 || failed != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// interrupt ends a read that waits, now and later.
func (q *queue) interrupt() error { return q.file.SetReadDeadline(time.Unix(1, 0)) }

// drain deals with what is there, without waiting.
func (q *queue) drain(judge judgeFn) error {
	var failed error
	err := q.raw.Control(func(fd uintptr) {
		for n := 1; n > 0 && failed == nil; {
			n, failed = q.burst(int(fd), judge)
		}
	})
	return errors.Join(failed, err)
}

// burst reads up to so many messages, and returns how many it read.
func (q *queue) burst(fd int, judge judgeFn) (n int, err error) {
	var now int64
	for n < burst {
		size, err := unix.Read(fd, q.in)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return n, q.flush(fd)
		case errors.Is(err, unix.ENOBUFS):
			// Packets that did not fit went as fail says, and the kernel counts them.
			q.counts.overruns.Add(1)
			n++
			continue
		case err != nil:
			return n, fmt.Errorf("reading netfilter queue %d: %w", q.number, err)
		case size == 0:
			return n, fmt.Errorf("reading netfilter queue %d: the kernel closed it", q.number)
		}
		if n == 0 {
			now = time.Now().UnixNano() // a burst is a fraction of a millisecond
		}
		n++
		if err := q.messages(q.in[:size], now, judge); err != nil {
			return n, err
		}
	}
	return n, q.flush(fd)
}

// messages deals with all messages of one read.
func (q *queue) messages(b []byte, now int64, judge judgeFn) error {
	for len(b) > 0 {
		kind, body, rest, ok := cutMessage(b)
		if !ok {
			q.counts.malformed.Add(1)
			return nil
		}
		b = rest
		switch kind {
		case unix.NLMSG_ERROR:
			if err := q.answer(body); err != nil {
				return err
			}
		case msgPacket:
			p, ok := readPacket(body)
			if !ok {
				q.counts.malformed.Add(1)
				continue
			}
			q.verdict(p.id, judge(p.data, p.iface, now))
		}
	}
	return nil
}

// answer takes what the kernel says about one of our messages: to the first, the
// configuration, in any case, and to a verdict when it is wrong.
func (q *queue) answer(body []byte) error {
	if len(body) < 4 {
		q.counts.malformed.Add(1)
		return nil
	}
	code := int32(binary.NativeEndian.Uint32(body)) // a negative errno
	if !errors.Is(q.bound, errNotBound) {
		if code != 0 {
			q.counts.verdictErrors.Add(1)
		}
		return nil
	}
	q.bound = nil
	if code != 0 {
		q.bound = q.refused(syscall.Errno(-code))
	}
	return q.bound
}

// refused says why the kernel did not give us the queue. It has EPERM for a
// queue of somebody else, too.
func (q *queue) refused(errno syscall.Errno) error {
	why := "does the kernel have nfnetlink_queue?"
	text, _ := os.ReadFile(procQueues) // unreadable: no other program is known to have it
	switch _, taken := readQueues(text, q.number, 1); {
	case taken || errno == unix.EBUSY:
		why = "another program has it"
	case errno == unix.EPERM:
		why = "needs CAP_NET_ADMIN"
	}
	return fmt.Errorf("binding netfilter queue %d: %s: %w", q.number, why, errno)
}

// close gives the queue back to the kernel, which drops what is in it.
func (q *queue) close() error { return q.file.Close() }
