package uplink

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe returns both ends of a connection in memory. Unlike net.Pipe it has
// buffers, and unlike a socket it waits in a way that testing/synctest knows.
// rate is bytes a second from the first end to the second; 0 is no limit.
func pipe(rate int) (a, b *end) {
	there, back := newHalf(rate), newHalf(0)
	return &end{in: back, out: there}, &end{in: there, out: back}
}

type end struct{ in, out *half }

// half is one direction.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	sending  []byte // waits for the wire; at most room
	arrived  []byte
	rate     int
	closed   [2]bool // by the writer, by the reader
	dead     bool    // swallows all
	deadline [2]time.Time
	timer    [2]*time.Timer
}

const (
	writer = 0
	reader = 1
	room   = 16 << 10
)

func newHalf(rate int) *half {
	h := &half{rate: rate}
	h.cond = sync.NewCond(&h.mu)
	if rate > 0 {
		go h.carry()
	}
	return h
}

// carry moves bytes at the rate of the wire.
func (h *half) carry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.closed[writer] && !h.closed[reader] {
		if len(h.sending) == 0 {
			h.cond.Wait()
			continue
		}
		n := min(len(h.sending), 1024)
		h.mu.Unlock()
		<-time.After(time.Duration(n) * time.Second / time.Duration(h.rate)) // so long they are on the wire
		h.mu.Lock()
		h.arrived = append(h.arrived, h.sending[:n]...)
		h.sending = h.sending[n:]
		h.cond.Broadcast()
	}
}

// die makes both directions swallow all that is written from now on.
func (e *end) die() {
	for _, h := range []*half{e.in, e.out} {
		h.mu.Lock()
		h.dead = true
		h.mu.Unlock()
	}
}

func (h *half) passed(side int) bool {
	return !h.deadline[side].IsZero() && !time.Now().Before(h.deadline[side])
}

func (e *end) Read(b []byte) (int, error) {
	h := e.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.closed[reader]:
			return 0, net.ErrClosed
		case len(h.arrived) > 0 && !h.dead:
			n := copy(b, h.arrived)
			h.arrived = h.arrived[n:]
			h.cond.Broadcast()
			return n, nil
		case h.closed[writer] && !h.dead:
			return 0, io.EOF
		case h.passed(reader):
			return 0, os.ErrDeadlineExceeded
		}
		h.cond.Wait()
	}
}

func (e *end) Write(b []byte) (int, error) {
	h := e.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := 0; ; {
		switch {
		case h.closed[writer]:
			return n, net.ErrClosed
		case h.dead:
			return len(b), nil
		case h.closed[reader]:
			return n, errors.New("the peer has closed the connection")
		case h.passed(writer):
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		}
		to := &h.arrived
		if h.rate > 0 {
			to = &h.sending
		}
		if k := min(room-len(*to), len(b)-n); k > 0 {
			*to = append(*to, b[n:n+k]...)
			n += k
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
}

func (e *end) Close() error {
	for i, h := range []*half{e.out, e.in} {
		h.mu.Lock()
		h.closed[i] = true
		h.cond.Broadcast()
		h.mu.Unlock()
	}
	return nil
}

func (h *half) until(side int, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline[side] = t
	h.cond.Broadcast()
	switch {
	case t.IsZero() && h.timer[side] != nil:
		h.timer[side].Stop()
	case t.IsZero():
	case h.timer[side] == nil:
		h.timer[side] = time.AfterFunc(time.Until(t), h.cond.Broadcast)
	default:
		h.timer[side].Reset(time.Until(t))
	}
}

func (e *end) SetReadDeadline(t time.Time) error  { e.in.until(reader, t); return nil }
func (e *end) SetWriteDeadline(t time.Time) error { e.out.until(writer, t); return nil }
func (e *end) SetDeadline(t time.Time) error {
	e.in.until(reader, t)
	e.out.until(writer, t)
	return nil
}
func (e *end) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (e *end) RemoteAddr() net.Addr { return &net.TCPAddr{} }
