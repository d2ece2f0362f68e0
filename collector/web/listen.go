package web

import (
	"net"
	"sync/atomic"
)

// bounded closes connections beyond maxConnections as soon as they come.
type bounded struct {
	net.Listener
	held atomic.Int64
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
			return &counted{Conn: c, held: &b.held}, nil
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
