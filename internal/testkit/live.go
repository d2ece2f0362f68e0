package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Live is a Sink that sends from real sockets to real sockets, all its own, on
// loopback or on any addresses of this host. UDP sockets are never read: what
// arrives is for whoever watches. It is not safe for concurrent use.
type Live struct {
	sockets   map[netip.AddrPort]*socket
	listeners map[netip.AddrPort]net.Listener
	conns     map[flow]net.Conn
	accepted  chan net.Conn
	readers   sync.WaitGroup
	swept     time.Time
}

type socket struct {
	conn *net.UDPConn
	used time.Time
}

// Idle media sockets are closed so that a long run does not hold one for each
// call that ever was.
const (
	idleSocket   = 5 * time.Second
	sweepSockets = time.Second
	acceptWait   = 5 * time.Second
)

// NewLive returns a sink without sockets; Close closes those it will open.
func NewLive() *Live {
	return &Live{
		sockets:   map[netip.AddrPort]*socket{},
		listeners: map[netip.AddrPort]net.Listener{},
		conns:     map[flow]net.Conn{},
		accepted:  make(chan net.Conn, 16), // one at a time is waited for
	}
}

// Send sends the packet now, over sockets that it opens as needed.
func (l *Live) Send(p *Packet) error {
	if p.TCP {
		return l.sendTCP(p)
	}
	now := time.Now()
	if now.Sub(l.swept) > sweepSockets {
		l.sweep(now)
	}
	if _, err := l.socket(p.Dst, now); err != nil { // or the host would answer with ICMP
		return err
	}
	s, err := l.socket(p.Src, now)
	if err != nil {
		return err
	}
	if _, err := s.conn.WriteToUDPAddrPort(p.Payload, p.Dst); err != nil {
		return fmt.Errorf("send from %s to %s: %w", p.Src, p.Dst, err)
	}
	return nil
}

func (l *Live) socket(at netip.AddrPort, now time.Time) (*socket, error) {
	if s := l.sockets[at]; s != nil {
		s.used = now
		return s, nil
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("open a UDP socket at %s: %w", at, err)
	}
	if err := conn.SetReadBuffer(1); err != nil { // the kernel takes its minimum
		return nil, errors.Join(fmt.Errorf("make the receive buffer of %s small: %w", at, err), conn.Close())
	}
	s := &socket{conn, now}
	l.sockets[at] = s
	return s, nil
}

func (l *Live) sweep(now time.Time) {
	l.swept = now
	for at, s := range l.sockets {
		if now.Sub(s.used) > idleSocket {
			_ = s.conn.Close()
			delete(l.sockets, at)
		}
	}
}

func (l *Live) sendTCP(p *Packet) error {
	conn := l.conns[flow{p.Src, p.Dst}]
	if conn == nil {
		var err error
		if conn, err = l.connect(p.Src, p.Dst); err != nil {
			return err
		}
	}
	if _, err := conn.Write(p.Payload); err != nil {
		return fmt.Errorf("send from %s to %s over TCP: %w", p.Src, p.Dst, err)
	}
	return nil
}

// connect makes a connection and keeps both its ends.
func (l *Live) connect(src, dst netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), acceptWait)
	defer cancel()
	if l.listeners[dst] == nil {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", dst.String())
		if err != nil {
			return nil, fmt.Errorf("listen for TCP at %s: %w", dst, err)
		}
		l.listeners[dst] = ln
		l.readers.Go(func() { l.accept(ln) })
	}
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(src), Control: reuse}
	near, err := dialer.DialContext(ctx, "tcp", dst.String())
	if err != nil {
		return nil, fmt.Errorf("connect from %s to %s: %w", src, dst, err)
	}
	select {
	case far := <-l.accepted:
		l.keep(flow{src, dst}, near)
		l.keep(flow{dst, src}, far)
		return near, nil
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("connect from %s to %s: nobody accepted: %w", src, dst, ctx.Err()), near.Close())
	}
}

func (l *Live) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return // closed
		}
		l.accepted <- conn
	}
}

func (l *Live) keep(f flow, conn net.Conn) {
	l.conns[f] = conn
	l.readers.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // until it is closed
}

// reuse lets a run take the ports of the run before, whose connections may
// still be in TIME_WAIT.
func reuse(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	return errors.Join(err, failed)
}

// Close closes all sockets and waits for their readers.
func (l *Live) Close() error {
	var errs []error
	for _, s := range l.sockets {
		errs = append(errs, s.conn.Close())
	}
	for _, ln := range l.listeners {
		errs = append(errs, ln.Close())
	}
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	l.readers.Wait()
	return errors.Join(errs...)
}
