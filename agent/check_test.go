package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/configs"
)

// TestOddCertificate: the credentials of another node are noticed before the broker
// refuses them.
func TestOddCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "switch-1"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	file := filepath.Join(t.TempDir(), "uplink.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &configs.Agent{Node: "switch-2", Uplink: configs.Uplink{Brokers: []string{"mqtts://h"}, CertFile: file, KeyFile: file}}
	got := strings.Join(oddCertificate("a.yaml", cfg), "\n")
	if want := `a.yaml: uplink.cert_file: the certificate is that of "switch-1", and node is "switch-2"`; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	cfg.Node = "switch-1"
	if got := oddCertificate("a.yaml", cfg); got != nil {
		t.Errorf("its own: %v", got)
	}
	cfg.Node, cfg.Uplink.Username = "switch-2", "someone" // a password says who it is
	if got := oddCertificate("a.yaml", cfg); got != nil {
		t.Errorf("with a password: %v", got)
	}
}

// TestOddRoom: a disk that is smaller than what must stay free takes no record.
func TestOddRoom(t *testing.T) {
	s := &configs.Spool{Dir: filepath.Join(t.TempDir(), "not", "made"), MinFreeMiB: 1 << 40}
	got := strings.Join(oddRoom("a.yaml", s, true), "\n")
	if !strings.HasPrefix(got, "a.yaml: spool.min_free_mib: ") || !strings.Contains(got, "no record fits") {
		t.Errorf("got %q", got)
	}
	if got := oddRoom("a.yaml", s, false); got != nil {
		t.Errorf("without an uplink: %v", got)
	}
	s.MinFreeMiB = 0
	if got := oddRoom("a.yaml", s, true); got != nil {
		t.Errorf("with room: %v", got)
	}
}
