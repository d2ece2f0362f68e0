package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// conn is one connection. Until its node is known it has a short time, and may
// send no more than one CONNECT; the server, which would make room for a packet as
// long as one claims to be, and wait for ever, sees only that.
type conn struct {
	net.Conn
	tls    *tls.Conn          // nil in the clear
	ctx    context.Context    //nolint:containedctx // ends with the connection, which nothing else says
	cancel context.CancelFunc //
	done   chan struct{}      // closed when it has left

	node  string // set before known, by the connection's own goroutine
	known atomic.Bool
	head  connectHead

	writing atomic.Int64 // when the write began that is under way, in ns since 1970; 0: none
}

// Read refuses what does not begin as a CONNECT.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bad := c.head.check(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// Write gives up on a client that does not read, and on its connection: the server
// would go on, and hold up whoever sends to it, again and again.
func (c *conn) Write(p []byte) (int, error) {
	now := time.Now()
	if err := c.Conn.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
		return 0, err
	}
	c.writing.Store(now.UnixNano())
	n, err := c.Conn.Write(p)
	c.writing.Store(0)
	if err != nil {
		c.end()
	}
	return n, err
}

// stuck reports whether a write has been waiting for the client to read.
func (c *conn) stuck(now time.Time) bool {
	since := c.writing.Load()
	return since != 0 && now.UnixNano()-since > int64(stuckAfter)
}

// SetDeadline is how the server watches the keep-alive. It is for reading only:
// writes have their own; and the greeting has its own, which nothing prolongs.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.known.Load() {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// end closes the connection, and whatever waits on its behalf.
func (c *conn) end() {
	c.cancel()
	if c.tls != nil {
		_ = c.tls.NetConn().Close() // not its farewell, which could wait for the other side
		return
	}
	_ = c.Conn.Close() // may be closed
}

var (
	errNotConnect = errors.New("the first packet is not a CONNECT")
	errTooLong    = errors.New("a CONNECT that is too long")
)

// connectHead reads the fixed header of the first packet (MQTT 3.1.1 section 2.2):
// one byte for the type, one to four for the length, 7 bits each.
type connectHead struct {
	seen   int
	length int
	over   bool
}

func (h *connectHead) check(b []byte) error {
	for _, x := range b {
		switch {
		case h.over:
			return nil
		case h.seen == 0 && x != 0x10:
			return errNotConnect
		case h.seen > 4:
			return errTooLong
		case h.seen > 0:
			h.length |= int(x&0x7f) << (7 * (h.seen - 1))
			if h.length > maxConnect {
				return errTooLong
			}
			h.over = x < 0x80
		}
		h.seen++
	}
	return nil
}
