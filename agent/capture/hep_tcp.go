package capture

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/packet"
)

const (
	hepHandshake  = 10 * time.Second       // for a TLS handshake
	hepAcceptWait = 100 * time.Millisecond // after a connection could not be taken
)

// hepTLS returns the server side of l. The certificate is read again for each
// connection, so that a renewed one needs no restart; while the files are
// unreadable the last good one serves.
func hepTLS(l HEPListener) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(l.Cert, l.Key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s and key %s of HEP listener %s: %w", l.Cert, l.Key, l.Address, err)
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(&cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert, err := tls.LoadX509KeyPair(l.Cert, l.Key); err == nil {
				last.Store(&cert)
			}
			return last.Load(), nil
		},
	}, nil
}

// serveTCP takes connections until the listener is closed, and ends when the
// last of its connections has ended.
func (h *HEP) serveTCP(ctx context.Context, l *net.TCPListener, secure *tls.Config) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := l.AcceptTCP()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			h.stats.acceptNo.Add(1)
			if !hepPasses(err) {
				return fmt.Errorf("take HEP connections on %s: %w", l.Addr(), err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(hepAcceptWait):
			}
			continue
		}
		if h.stats.connections.Add(1) > int64(h.cfg.Conns) {
			h.stats.connections.Add(-1)
			h.stats.refused.Add(1)
			_ = conn.Close()
			continue
		}
		h.stats.accepted.Add(1)
		conns.Go(func() {
			defer h.stats.connections.Add(-1)
			h.serveConn(ctx, conn, secure)
		})
	}
}

// hepPasses reports whether taking a connection failed for a reason that goes
// away.
func hepPasses(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// serveConn reads one connection to its end.
func (h *HEP) serveConn(ctx context.Context, conn *net.TCPConn, secure *tls.Config) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	r := newHEPReceiver(h)
	defer r.put()
	raw, err := conn.SyscallConn()
	if err != nil {
		h.stats.broken.Add(1)
		return
	}
	c := net.Conn(&hepConn{TCPConn: conn, raw: raw, wait: r.put})
	if secure != nil {
		t := tls.Server(c, secure)
		deadline, cancel := context.WithTimeout(ctx, hepHandshake)
		err := t.HandshakeContext(deadline)
		cancel()
		if err != nil {
			h.stats.broken.Add(1)
			return
		}
		c = t
	}
	err = r.stream(c, h.cfg.Idle)
	switch {
	case ctx.Err() != nil, errors.Is(err, io.EOF):
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.stats.idle.Add(1)
	default:
		h.stats.broken.Add(1)
	}
}

// errHEPConn ends a connection whose sender cannot be trusted to frame; why is
// counted already.
var errHEPConn = errors.New("not HEP, or without the secret")

// stream reads HEPv3 packets, one after the other as their length fields say.
// It returns io.EOF at a regular end.
func (r *hepReceiver) stream(c net.Conn, idle time.Duration) error {
	buf := make([]byte, hepMax+1)
	held := 0
	var extended time.Time
	for {
		// A deadline costs a timer; moving it at an eighth is exact enough.
		if now := time.Now(); now.Sub(extended) > idle/8 {
			extended = now
			if err := c.SetReadDeadline(now.Add(idle)); err != nil {
				return err
			}
		}
		n, err := c.Read(buf[held:])
		held += n
		used, bad := r.packets(buf[:held], time.Now().UnixNano())
		if bad != nil {
			return bad
		}
		held = copy(buf, buf[used:held])
		if err != nil {
			if held > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// packets takes the whole packets in b and returns how long they are.
func (r *hepReceiver) packets(b []byte, now int64) (used int, err error) {
	for {
		length := packet.HEPLength(b[used:])
		switch {
		case length < 0:
			r.h.stats.malformed.Add(1)
			return used, errHEPConn
		case length == 0 || length > len(b)-used:
			return used, nil
		case !r.take(b[used:used+length], now):
			return used, errHEPConn
		}
		used += length
	}
}

// hepConn calls wait before a Read that has to wait. Reads of a TLS connection
// go through it too, which is how its reader learns that nothing more is
// there.
type hepConn struct {
	*net.TCPConn
	raw  syscall.RawConn
	wait func()
}

func (c *hepConn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	waited := c.raw.Read(func(fd uintptr) bool {
		for {
			n, err = unix.Read(int(fd), b)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if errors.Is(err, unix.EAGAIN) {
			c.wait()
			return false
		}
		return true
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
