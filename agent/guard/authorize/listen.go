package authorize

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/sipward/sipward/internal/socket"
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
		l, err := socket.Listen(ctx, s.cfg.Socket)
		if err != nil {
			return listeners, fmt.Errorf("listening for the switch: %w; set guard.authorize.socket to another path, or off", err)
		}
		listeners = append(listeners, &bounded{l, held, &s.count.shed})
	}
	return listeners, nil
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
