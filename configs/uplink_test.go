package configs

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
)

func TestUplinkErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no scheme", "uplink: {brokers: [collector.example]}", `f:1: broker "collector.example": write it as mqtts://collector.example:8883`},
		{"no host", "uplink: {brokers: ['mqtts://:8883']}", "write it as mqtts://"},
		{"scheme", "uplink:\n  brokers: [http://a]", `f:2: broker "http://a": choose mqtts, mqtt, wss or ws`},
		{"password in the URL", "uplink: {brokers: ['mqtts://a:secret@b']}", "broker mqtts://a:xxxxx@b: a password has no place in the URL"},
		{"a scheme that nothing speaks", "uplink: {brokers: ['tls://a']}", `f:1: broker "tls://a": choose mqtts, mqtt, wss or ws`},
		{"a password that cannot be read", "uplink: {brokers: ['mqtts://a:secret@b:x']}", "f:1: the URL of a broker cannot be read"},
		{"twice", "uplink: {brokers: [mqtt://a, mqtt://a]}", `broker "mqtt://a" is listed twice`},
		{"half a pair", "uplink: {brokers: [mqtts://a], cert_file: x}", "cert_file and key_file go together"},
		{"certificates in clear", "uplink: {brokers: [mqtt://a], ca_file: x}", "certificates need a broker by mqtts:// or wss://"},
		{"username alone", "uplink: {brokers: [mqtt://a], username: x}", "a username needs a password_file"},
		{"rate", "uplink: {backlog_records_per_second: -1}", "-1 is out of range"},
		{"no folder", "spool: {dir: ''}", "name a folder"},
		{"budget", "spool:\n  budget_mib: 100", "f:2: spool.budget_mib: 100 is out of range: from 128"},
		{"reserve", "spool: {budget_mib: 128, reserve_mib: 65}", "65 is out of range: from 0 to 64"},
		{"keep", "spool: {keep_acked: 9601h}", "from 0s to 9600h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestUplinkOdd(t *testing.T) {
	for text, want := range map[string]string{
		"uplink: {brokers: ['mqtt://a.example:1883']}":  "f:1: call records go to a.example:1883 in clear",
		"uplink: {brokers: ['mqtt://127.0.0.1:1883']}":  "",
		"uplink: {brokers: ['mqtts://a.example:8883']}": "",
		"spool: {budget_mib: 200}":                      "f:1: there is no spool without uplink.brokers",
	} {
		a, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(a.Odd()[1:], "\n") // the first: no customers
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestUplinkFiles: one file can hold the authority, the certificate and the
// key, and what is wrong with files is known before anything starts.
func TestUplinkFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("id.pem", identity(t))
	write("password", "hunter2\n")
	write("empty", "\n")
	load := func(uplink string) (*Agent, error) {
		write("agent.yaml", "node: sw1\nuplink: {brokers: [mqtts://a], "+uplink+"}")
		return Load(filepath.Join(dir, "agent.yaml"))
	}
	a, err := load("ca_file: id.pem, cert_file: id.pem, key_file: id.pem, password_file: password")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Uplink.TLS()
	if err != nil || c.RootCAs == nil {
		t.Fatalf("%v, %v", c, err)
	}
	if pair, err := c.GetClientCertificate(nil); err != nil || len(pair.Certificate) != 1 {
		t.Errorf("%v, %v", pair, err)
	}
	if p, err := a.Uplink.Password(); p != "hunter2" || err != nil || a.Uplink.Username != "sw1" {
		t.Errorf("%q for %q, %v", p, a.Uplink.Username, err)
	}
	for uplink, want := range map[string]string{ //nolint:gosec // names of files
		"ca_file: none.pem":                       "ca_file: open",
		"ca_file: password":                       "holds no certificate",
		"cert_file: password, key_file: password": "cert_file and key_file: tls:",
		"password_file: empty":                    "is empty; put the secret into it",
	} {
		if _, err := load(uplink); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", uplink, err, want)
		}
	}
}

// identity returns a certificate that signs itself, and its key, as PEM.
func identity(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sw1"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
