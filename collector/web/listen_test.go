package web

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// comers is a listener to which connections come from given addresses.
type comers struct {
	net.Listener
	from []string
}

type comer struct {
	net.Conn
	from   string
	closed int
}

func (c *comer) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", c.from) // of numbers alone: nobody is asked
	if err != nil {
		panic(err)
	}
	return a
}

func (c *comer) Close() error { c.closed++; return nil }

func (l *comers) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, io.EOF
	}
	c := &comer{from: l.from[0]}
	l.from = l.from[1:]
	return c, nil
}

// TestBoundOfConnections: one address has so many connections and no more, all of them
// together have so many, and who closes one makes room.
func TestBoundOfConnections(t *testing.T) {
	fill := func(b *bounded, from string, n int) (got []net.Conn) {
		t.Helper()
		l := &comers{}
		for range n {
			l.from = append(l.from, from)
		}
		b.Listener = l
		for {
			c, err := b.Accept()
			if errors.Is(err, io.EOF) {
				return got
			}
			got = append(got, c)
		}
	}
	d := newDesk(t)
	b := d.bound(nil)
	var first []net.Conn
	for _, tt := range []struct {
		from       string
		come, stay int
	}{
		{"192.0.2.1:4000", maxConnections1 + 5, maxConnections1},
		{"192.0.2.2:4000", 3, 3}, // somebody else has room
		{"[2001:db8::1]:4000", 250, 250},
		{"[2001:db8::2]:4000", 10, maxConnections1 - 250}, // of the same /64
		{"[2001:db8:0:1::2]:4000", 3, 3},
		{"[::ffff:192.0.2.1]:4000", 1, 0}, // the first one again
	} {
		got := fill(b, tt.from, tt.come)
		if len(got) != tt.stay {
			t.Errorf("%s: %d connections of %d, want %d", tt.from, len(got), tt.come, tt.stay)
		}
		if first == nil {
			first = got
		}
	}
	if s := d.Stats(); s.Crowded != 5+4+1 || s.Shed != 0 {
		t.Errorf("%d crowded, %d shed", s.Crowded, s.Shed)
	}
	for _, c := range first[:2] {
		d.must(c.Close())
		d.must(c.Close()) // twice counts once
	}
	if got := fill(b, "192.0.2.1:4001", 5); len(got) != 2 {
		t.Errorf("%d connections after two were closed", len(got))
	}

	// Behind a proxy they are all of one address.
	d = newDesk(t, func(c *Config) { c.BehindProxy = true })
	if got := fill(d.bound(nil), "127.0.0.1:4000", maxConnections+7); len(got) != maxConnections {
		t.Errorf("%d connections of a proxy", len(got))
	}
	if s := d.Stats(); s.Crowded != 0 || s.Shed != 7 {
		t.Errorf("behind a proxy: %d crowded, %d shed", s.Crowded, s.Shed)
	}
}

// TestIdleConnections: a stranger who holds all connections that one address may have
// keeps nobody of another address out, and his next one is closed at once.
func TestIdleConnections(t *testing.T) {
	d := newDesk(t)
	d.run(t)
	dial := func(from string) net.Conn {
		t.Helper()
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", d.Addr().String())
		d.must(err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range maxConnections1 {
		dial("127.0.0.1")
	}
	c := dial("127.0.0.1")
	d.must(c.SetReadDeadline(time.Now().Add(4 * time.Second))) // less than a server waits for a header
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one more connection: %v", err)
	}
	c = dial("127.0.0.2")
	_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: " + d.Addr().String() + "\r\n\r\n"))
	d.must(err)
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("another address: %v", err)
	}
	if n := d.Stats().Crowded; n != 1 {
		t.Errorf("%d crowded", n)
	}
}
