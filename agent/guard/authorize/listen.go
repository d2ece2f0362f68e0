package authorize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// open opens both listeners, or neither.
func (s *Server) open(ctx context.Context) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			listeners = nil
		}
	}()
	held := new(atomic.Int64)
	var lc net.ListenConfig
	if s.cfg.Listen != "" {
		l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
		if err != nil {
			return listeners, fmt.Errorf("listening for the switch: %w; set guard.authorize.listen to a free loopback address, or off", err)
		}
		s.addr = l.Addr()
		listeners = append(listeners, &bounded{l, held, &s.count.shed})
		if err := onLoopback(s.addr.String()); err != nil {
			return listeners, fmt.Errorf("%s is %s: %w", s.cfg.Listen, s.addr, err)
		}
	}
	if s.cfg.Socket != "" {
		l, err := openSocket(ctx, s.cfg.Socket)
		if err != nil {
			return listeners, fmt.Errorf("listening for the switch: %w; set guard.authorize.socket to another path, or off", err)
		}
		listeners = append(listeners, &bounded{l, held, &s.count.shed})
	}
	return listeners, nil
}

// openSocket listens on a unix socket that owner and group may use. One that
// was left by a dead program is replaced; one that is alive is not. The
// socket's own folder is made when it is missing, its parent is not.
func openSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the socket's folder: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil && stale(ctx, path) {
		if err = os.Remove(path); err == nil {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("guarding the socket: %w", err), l.Close())
	}
	return l, nil
}

// stale reports whether path is a socket that nobody listens on.
func stale(ctx context.Context, path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED) // any other error says nothing about who listens
}

// bounded closes connections beyond maxConnections as soon as they come: who
// asks and is not served must know at once.
type bounded struct {
	net.Listener
	held *atomic.Int64 // connections of all listeners
	shed *atomic.Uint64
}

// Accept returns the next connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.held.Add(1) <= maxConnections {
			return &counted{Conn: c, held: b.held}, nil
		}
		b.held.Add(-1)
		b.shed.Add(1)
		_ = c.Close()
	}
}

type counted struct {
	net.Conn
	held   *atomic.Int64
	closed atomic.Bool
}

// Close makes room for another connection.
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.held.Add(-1)
	}
	return c.Conn.Close()
}
