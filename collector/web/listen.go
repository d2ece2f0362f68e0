package web

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/sipward/sipward/internal/site"
)

// bounded closes connections that there is no room for as soon as they come: beyond what
// all may have, or one address. Idle ones count too, since they cost a stranger nothing.
type bounded struct {
	net.Listener
	places, sites portions
	shed, crowded *atomic.Uint64
}

// bound bounds the connections of a listener. Behind a proxy all of them are the proxy's,
// and it is for the proxy to say what one address may have.
func (s *Server) bound(l net.Listener) *bounded {
	each := maxConnections1
	if s.cfg.BehindProxy {
		each = maxConnections
	}
	return &bounded{Listener: l, places: portions{all: maxConnections, each: maxConnections}, sites: portions{all: maxConnections, each: each},
		shed: &s.count.shed, crowded: &s.count.crowded}
}

// Accept returns the next connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if out := b.admit(c); out != nil {
			return out, nil
		}
		_ = c.Close()
	}
}

// admit takes a place for a connection, which Close gives back; nil when there is none.
func (b *bounded) admit(c net.Conn) net.Conn {
	from := siteOf(c.RemoteAddr().String())
	if !b.places.take("") {
		b.shed.Add(1)
		return nil
	}
	if !b.sites.take(from) {
		b.places.give("")
		b.crowded.Add(1)
		return nil
	}
	return &counted{Conn: c, of: b, from: from}
}

type counted struct {
	net.Conn
	of     *bounded
	from   string
	closed atomic.Bool
}

// Close makes room for another connection.
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.of.sites.give(c.from)
		c.of.places.give("")
	}
	return c.Conn.Close()
}

// siteOf is the site of an address and port; "" of what is none.
func siteOf(at string) string {
	a, err := netip.ParseAddrPort(at)
	if err != nil {
		return ""
	}
	return site.Name(a.Addr())
}
