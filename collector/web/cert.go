package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// certEvery is how soon a certificate that was renewed is used.
const certEvery = 10 * time.Second

// certificate is the pair of two files, read again when one of them has changed. One that
// cannot be read leaves the one before in use: who renews it writes two files, not at once.
type certificate struct {
	cert, key string
	now       atomic.Pointer[tls.Certificate]
	seen      [2]stamped // of the last try, good or not; of the goroutine that looks
}

// stamped is what tells versions of a file apart.
type stamped struct {
	modified time.Time
	size     int64
}

func newCertificate(cert, key string) (*certificate, error) {
	c := &certificate{cert: cert, key: key}
	c.seen = c.look()
	return c, c.read()
}

func (c *certificate) look() (out [2]stamped) {
	for i, name := range []string{c.cert, c.key} {
		if f, err := os.Stat(name); err == nil {
			out[i] = stamped{f.ModTime(), f.Size()}
		}
	}
	return out
}

func (c *certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("reading %s and %s: %w", c.cert, c.key, err)
	}
	c.now.Store(&pair)
	return nil
}

// again reads the files if they have changed since they were last looked at.
func (c *certificate) again() (changed bool, err error) {
	seen := c.look()
	if seen == c.seen {
		return false, nil
	}
	c.seen = seen
	return true, c.read()
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }}
}

// renew looks after the certificate until ctx ends.
func (s *Server) renew(ctx context.Context, every <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every:
		}
		switch changed, err := s.pair.again(); {
		case err != nil:
			s.cfg.Log.Error("the dashboard's certificate cannot be read; the one before stays in use", "error", err)
		case changed:
			s.cfg.Log.Info("the dashboard has a new certificate", "file", s.cfg.CertFile)
		}
	}
}
