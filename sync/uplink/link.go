package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/sipward/sipward/internal/brokerurl"
)

// dial opens the connection to a broker.
func dial(ctx context.Context, u *url.URL, conf *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	d := &net.Dialer{ControlContext: tune, KeepAlive: 15 * time.Second}
	switch {
	case u.Scheme == "ws" || u.Scheme == "wss":
		return mqtt.NewWebsocket(u.String(), conf, connectTimeout, nil, nil)
	case brokerurl.Secure(u):
		return (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", u.Host)
	}
	return d.DialContext(ctx, "tcp", u.Host)
}

// link is a connection that ends writes in time, also those of pings, and tells
// when a message has left. Of MQTT it knows that a packet is written in one piece.
// The client pings from a goroutine of its own: packets take turns, so that the
// deadline of one is not moved by the other.
type link struct {
	net.Conn
	turn      chan struct{} // capacity 1: whoever has put something in writes
	published atomic.Uint64 // PUBLISH packets that were written
	wrote     chan struct{} // after each; capacity 1
}

func newLink(c net.Conn) *link {
	return &link{Conn: c, turn: make(chan struct{}, 1), wrote: make(chan struct{}, 1)}
}

const publishPacket = 3 // MQTT 3.1.1, table 2.1

// Write writes b before the timeout, or fails.
func (l *link) Write(b []byte) (int, error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if err := l.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, fmt.Errorf("setting the deadline of a write: %w", err)
	}
	n, err := l.Conn.Write(b)
	if err == nil && len(b) > 0 && b[0]>>4 == publishPacket {
		l.published.Add(1)
		select {
		case l.wrote <- struct{}{}:
		default:
		}
	}
	return n, err
}

// SetWriteDeadline does nothing: every write has one, and the client's would be
// lifted while another goroutine writes.
func (l *link) SetWriteDeadline(time.Time) error { return nil }
