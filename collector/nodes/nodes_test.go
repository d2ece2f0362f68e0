package nodes

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func authority(t *testing.T, f *Folder) *Authority {
	t.Helper()
	a, err := f.Authority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certify adds a node and returns its key pair and its bundle.
func certify(t *testing.T, f *Folder, id string, replace bool) (tls.Certificate, []byte) {
	t.Helper()
	n, bundle, err := authority(t, f).NewCertificate(id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(n, replace); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		t.Fatal(err)
	}
	return pair, bundle
}

func TestNodes(t *testing.T) {
	f := New(filepath.Join(t.TempDir(), "data"))
	if list, err := f.List(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	one, _ := certify(t, f, "switch-1", false)
	if id, ok := f.Certified(one.Leaf); !ok || id != "switch-1" {
		t.Errorf("%q, %t", id, ok)
	}
	n, password, err := NewPassword("switch-2", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(n, false); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		node, password string
		want           bool
	}{
		{"switch-2", password, true}, {"switch-2", password + "x", false}, {"switch-2", "", false},
		{"switch-1", password, false}, {"switch-1", "", false}, {"none", password, false}, {"../switch-2", password, false},
	} {
		if got := f.Knows(tt.node, []byte(tt.password)); got != tt.want {
			t.Errorf("password %q of %s: %t", tt.password, tt.node, got)
		}
	}
	if list, err := f.List(); err != nil || len(list) != 2 || list[0].ID != "switch-1" || list[1].CertSHA256 != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := f.Add(n, false); !errors.Is(err, ErrExists) {
		t.Errorf("added twice: %v", err)
	}
	if err := f.Remove("switch-2"); err != nil || f.Knows("switch-2", []byte(password)) {
		t.Errorf("a removed node is known: %v", err)
	}
	if err := f.Remove("switch-2"); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
}

// A certificate that was replaced, or whose node was removed, is worth nothing,
// though the authority has signed it.
func TestOnlyTheNewestCertificateCounts(t *testing.T) {
	f := New(t.TempDir())
	first, _ := certify(t, f, "switch-1", false)
	second, _ := certify(t, f, "switch-1", true)
	if _, ok := f.Certified(first.Leaf); ok {
		t.Error("a replaced certificate is taken")
	}
	if _, ok := f.Certified(second.Leaf); !ok {
		t.Error("the new certificate is not taken")
	}
	if err := f.Remove("switch-1"); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Certified(second.Leaf); ok {
		t.Error("the certificate of a removed node is taken")
	}
}

func TestNamesStayInTheFolder(t *testing.T) {
	f := New(t.TempDir())
	for _, id := range []string{"", ".", "..", "../x", "a/b", "a\x00", strings.Repeat("a", 64), "+", "#"} {
		if err := f.Add(&Node{ID: id}, true); !errors.Is(err, ErrName) {
			t.Errorf("added %q: %v", id, err)
		}
		if err := f.Remove(id); !errors.Is(err, ErrName) {
			t.Errorf("removed %q: %v", id, err)
		}
		if _, _, err := authority(t, f).NewCertificate(id, time.Now()); !errors.Is(err, ErrName) {
			t.Errorf("certified %q: %v", id, err)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	f := New(t.TempDir())
	certify(t, f, "good", false)
	pair, _ := certify(t, f, "bad", false)
	if err := os.WriteFile(f.file("bad"), []byte(`{"node":"good"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Certified(pair.Leaf); ok {
		t.Error("a damaged file lets a node in")
	}
	list, err := f.List()
	if len(list) != 1 || list[0].ID != "good" || err == nil || !strings.Contains(err.Error(), "bad.json is damaged") {
		t.Errorf("%+v, %v", list, err)
	}
}

// Two programs that make the authority at once agree on one.
func TestOneAuthority(t *testing.T) {
	f := New(filepath.Join(t.TempDir(), "data"))
	var all [8][]byte
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			a, err := f.Authority(time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = a.PEM()
		})
	}
	wg.Wait()
	for _, p := range all {
		if !bytes.Equal(p, all[0]) || len(p) == 0 {
			t.Fatal("two authorities")
		}
	}
	info, err := os.Stat(filepath.Join(f.dir, "ca.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(f.dir, ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Authority(time.Now()); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
		t.Errorf("%v", err)
	}
}

// loopback returns both ends of a connection.
func loopback(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestHandshake connects as an agent does, with the bundle as its only file.
func TestHandshake(t *testing.T) {
	f := New(t.TempDir())
	pair, bundle := certify(t, f, "switch-1", false)
	strange, _ := certify(t, New(t.TempDir()), "switch-1", false) // of another collector
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		t.Fatal("no authority in the bundle")
	}
	server := authority(t, f).ServerTLS([]string{"collector.example", "127.0.0.1"})
	for _, tt := range []struct {
		name, host string
		cert       []tls.Certificate
		ok         bool
		node       string
	}{
		{"by name", "collector.example", []tls.Certificate{pair}, true, "switch-1"},
		{"by address", "127.0.0.1", []tls.Certificate{pair}, true, "switch-1"},
		{"another name", "other.example", []tls.Certificate{pair}, false, ""},
		{"without certificate", "collector.example", nil, true, ""},
		{"another authority's", "collector.example", []tls.Certificate{strange}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := loopback(t)
			defer a.Close()
			defer b.Close()
			client := tls.Client(a, &tls.Config{RootCAs: roots, ServerName: tt.host, MinVersion: tls.VersionTLS12,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(tt.cert) == 0 {
						return new(tls.Certificate), nil
					}
					return &tt.cert[0], nil
				}})
			done := make(chan error, 1)
			go func() {
				err := client.Handshake()
				if err != nil {
					_ = a.Close()
				}
				done <- err
			}()
			conn := tls.Server(b, server)
			serverErr := conn.Handshake()
			if serverErr != nil {
				_ = b.Close()
			}
			clientErr := <-done
			if (clientErr == nil && serverErr == nil) != tt.ok {
				t.Fatalf("client %v, server %v", clientErr, serverErr)
			}
			if !tt.ok {
				return
			}
			node := ""
			if certs := conn.ConnectionState().VerifiedChains; len(certs) > 0 {
				node, _ = f.Certified(certs[0][0])
			}
			if node != tt.node {
				t.Errorf("node %q, want %q", node, tt.node)
			}
		})
	}
}

// The broker's certificate is made anew in time, and when the clock jumps.
func TestBrokerCertificateIsRenewed(t *testing.T) {
	b := &brokerCertificate{authority: authority(t, New(t.TempDir())), names: []string{"x"}}
	now := time.Now()
	get := func(at time.Time) []byte {
		c, err := b.get(at)
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificate[0]
	}
	first := get(now)
	if !bytes.Equal(first, get(now.Add(50*24*time.Hour))) {
		t.Error("made anew too early")
	}
	if bytes.Equal(first, get(now.Add(61*24*time.Hour))) {
		t.Error("not made anew")
	}
	if got := get(now); bytes.Equal(first, got) {
		t.Error("a clock that was set back leaves a certificate of the future")
	}
}

func TestBundle(t *testing.T) {
	_, bundle := certify(t, New(t.TempDir()), "switch-1", false)
	var kinds []string
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		kinds = append(kinds, block.Type)
	}
	if got := strings.Join(kinds, ", "); got != "CERTIFICATE, PRIVATE KEY, CERTIFICATE" {
		t.Error(got)
	}
}

func TestKeep(t *testing.T) {
	f := New(filepath.Join(t.TempDir(), "data"))
	made := 0
	fresh := func() ([]byte, error) { made++; return []byte("secret"), nil }
	for range 2 {
		if b, err := f.Keep("some.key", fresh); err != nil || string(b) != "secret" {
			t.Errorf("%q, %v", b, err)
		}
	}
	if info, err := os.Stat(f.Path("some.key")); err != nil || info.Mode().Perm() != 0o600 || made != 1 {
		t.Errorf("%v, %v, made %d times", info, err, made)
	}
	fault := errors.New("no randomness")
	if _, err := f.Keep("other.key", func() ([]byte, error) { return nil, fault }); !errors.Is(err, fault) {
		t.Error(err)
	}
	if err := os.Mkdir(f.Path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Keep("folder", fresh); err == nil || made != 1 {
		t.Errorf("a folder was taken for a file: %v", err)
	}
	if list, err := f.List(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
