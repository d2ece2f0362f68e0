package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes a certificate of 127.0.0.1 with a serial number, and returns it.
func certify(t *testing.T, dir string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+serial, 0) // as if written at another time
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTLS: a listener of its own speaks TLS 1.2 and newer, says so for good, and gives a
// cookie that browsers hold to it.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert := certify(t, dir, 1)
	d := newDesk(t, func(c *Config) { c.CertFile, c.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem") })
	link, err := d.cfg.Service.Setup(t.Context())
	d.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	d.must(d.Open(ctx))
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	with := func(most uint16) *http.Client {
		tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: most}} //nolint:gosec // G402: that it is refused is the test
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	body, _ := json.Marshal(map[string]string{"token": link.Token, "name": "Boss", "email": "boss@example.net", "password": pass})
	for _, x := range []struct {
		most uint16
		ok   bool
	}{{tls.VersionTLS10, false}, {tls.VersionTLS11, false}, {tls.VersionTLS12, true}, {tls.VersionTLS13, true}} {
		r, err := with(x.most).Get(d.URL() + "/api/v1/session")
		if (err == nil) != x.ok {
			t.Errorf("up to %s: %v", tls.VersionName(x.most), err)
		}
		if err == nil {
			if r.TLS.Version != x.most || r.Proto != "HTTP/2.0" || r.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
				t.Errorf("%s %s %v", tls.VersionName(r.TLS.Version), r.Proto, r.Header)
			}
			_ = r.Body.Close()
		}
	}
	r, err := with(0).Post(d.URL()+"/api/v1/setup", "application/json", bytes.NewReader(body))
	d.must(err)
	defer r.Body.Close()
	if text, _ := io.ReadAll(r.Body); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, text)
	}
	cookie := r.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-sipward=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%s without %s", cookie, want)
		}
	}
	if !strings.HasPrefix(d.Link("x"), "https://127.0.0.1:") {
		t.Error(d.Link("x"))
	}
}

// TestRenewedCertificate: new files are used for new connections; broken ones are not.
func TestRenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, 1)
	var log bytes.Buffer
	d := newDesk(t, func(c *Config) {
		c.CertFile, c.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	d.must(d.Open(t.Context()))
	defer d.opened.Close()
	every := make(chan time.Time)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.renew(ctx, every) }()
	serial := func() int64 {
		t.Helper()
		every <- time.Time{}
		every <- time.Time{} // the one before was worked on
		c, err := d.tls.GetCertificate(nil)
		d.must(err)
		x, err := x509.ParseCertificate(c.Certificate[0])
		d.must(err)
		return x.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("at first: %d", got)
	}
	certify(t, dir, 2)
	if got := serial(); got != 2 {
		t.Errorf("renewed: %d", got)
	}
	d.must(os.WriteFile(d.cfg.KeyFile, []byte("half a key"), 0o600))
	if got := serial(); got != 2 {
		t.Errorf("while the key is being written: %d", got)
	}
	certify(t, dir, 3)
	if got := serial(); got != 3 {
		t.Errorf("once it is written: %d", got)
	}
	cancel()
	d.must(<-done)
	if n := strings.Count(log.String(), "has a new certificate"); n != 2 || !strings.Contains(log.String(), "stays in use") {
		t.Errorf("the log: %s", log.String())
	}
}
