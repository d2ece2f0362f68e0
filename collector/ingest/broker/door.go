package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// strangers is how many connections may be open beyond the bound of nodes: of
// those who have not said who they are.
const strangers = 1024

// door accepts connections for the broker. A panic over what one of them sends
// ends that connection and nothing else.
type door struct {
	b        *Broker
	id       string
	listener net.Listener
	tls      *tls.Config

	wg     sync.WaitGroup
	mu     sync.Mutex // guards what follows
	open   map[*conn]struct{}
	closed bool
}

func newDoor(b *Broker, id string, l net.Listener, t *tls.Config) *door {
	return &door{b: b, id: id, listener: l, tls: t, open: map[*conn]struct{}{}}
}

// Init, ID, Address and Protocol are what the server asks of a listener.
func (d *door) Init(*slog.Logger) error { return nil }

// ID names the door within this broker.
func (d *door) ID() string { return d.id }

// Address is where it listens.
func (d *door) Address() string { return d.listener.Addr().String() }

// Protocol is the network that it listens on.
func (d *door) Protocol() string { return d.listener.Addr().Network() }

// Serve accepts connections until Close.
func (d *door) Serve(establish listeners.EstablishFn) {
	for {
		raw, err := d.listener.Accept()
		if err != nil {
			if d.isClosed() {
				return
			}
			d.b.seldom.Error(time.Now(), "accepting a connection failed", "error", err) // out of file descriptors, mostly
			time.Sleep(50 * time.Millisecond)
			continue
		}
		c := d.admit(raw)
		if c == nil {
			d.b.stats.refused(full)
			_ = raw.Close() // nothing is known of it
			continue
		}
		go d.serve(c, establish)
	}
}

func (d *door) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// admit makes a connection out of raw; nil when there are too many.
func (d *door) admit(raw net.Conn) *conn {
	c := &conn{Conn: raw, done: make(chan struct{})}
	if d.tls != nil {
		c.tls = tls.Server(raw, d.tls)
		c.Conn = c.tls
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.open) >= d.b.cfg.Clients+strangers {
		c.cancel()
		return nil
	}
	d.open[c] = struct{}{}
	d.wg.Add(1)
	return c
}

func (d *door) serve(c *conn, establish listeners.EstablishFn) {
	defer d.wg.Done()
	defer func() {
		if p := recover(); p != nil {
			d.b.stats.panics.Add(1)
			d.b.seldom.Warn(time.Now(), "panic over what a client sent", "remote", c.RemoteAddr(), "error", p, "stack", string(debug.Stack()))
		}
		c.end()
		d.b.leave(c)
		d.mu.Lock()
		delete(d.open, c)
		d.mu.Unlock()
		close(c.done)
	}()
	if err := c.Conn.SetDeadline(time.Now().Add(d.b.cfg.Greeting)); err != nil {
		return
	}
	err := establish(d.id, c)
	if c.node == "" {
		d.b.stats.refused(stranger)
	}
	d.b.log.Debug("connection ended", "node", c.node, "remote", c.RemoteAddr(), "error", err)
}

// Close ends all connections and waits for them.
func (d *door) Close(listeners.CloseFn) {
	d.mu.Lock()
	d.closed = true
	for c := range d.open {
		c.end()
	}
	d.mu.Unlock()
	if err := d.listener.Close(); err != nil {
		d.b.log.Warn("closing a listener", "error", err)
	}
	d.wg.Wait()
}
