package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "table.key")
	key, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	private, err := EncodePrivate(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadPrivate(path); err != nil || !got.Equal(key) {
		t.Errorf("%v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPrivate(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a key that others can read: %v", err)
	}
	public, err := EncodePublic(Public(key), Public(keyOf('a')))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "table.pub")
	if err := os.WriteFile(path, public, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadPublic(path)
	if err != nil || len(got) != 2 || !got[0].Equal(key.Public()) || KeyID(got[1]) != KeyID(publics("a")[0]) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestOpenSSL: a key that openssl makes can be used.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl here")
	}
	dir := t.TempDir()
	key, pub := filepath.Join(dir, "key"), filepath.Join(dir, "pub")
	for _, args := range [][]string{{"genpkey", "-algorithm", "ed25519", "-out", key}, {"pkey", "-in", key, "-pubout", "-out", pub}} {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	private, err := LoadPrivate(key)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := LoadPublic(pub); err != nil || len(keys) != 1 || !keys[0].Equal(private.Public()) {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestKeyErrors(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	ecPrivate, ecErr := x509.MarshalPKCS8PrivateKey(other)
	ecPublic, ecErr2 := x509.MarshalPKIXPublicKey(other.Public())
	private, err := EncodePrivate(keyOf('a'))
	if err != nil {
		t.Fatal(err)
	}
	public, err := EncodePublic(publics("a")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text, private, public string // what is said of it as a private key, and as public ones
	}{
		{"empty", "", "no PEM block is in it", "no public key is in it"},
		{"the other half", string(public), "it holds a PUBLIC KEY, and a PRIVATE KEY is wanted", ""},
		{"a private key", string(private), "", "it holds a PRIVATE KEY: only public keys belong there"},
		{"another kind", block("PRIVATE KEY", ecPrivate, ecErr), "its key is of another kind, *ecdsa.PrivateKey", "it holds a PRIVATE KEY"},
		{"another kind of public key", block("PUBLIC KEY", ecPublic, ecErr2), "it holds a PUBLIC KEY", "key 1 is of another kind, *ecdsa.PublicKey"},
		{"rubbish", block("PRIVATE KEY", []byte("x"), nil), "its key cannot be read: asn1", "it holds a PRIVATE KEY"},
		{"rubbish behind a key", string(public) + block("PUBLIC KEY", []byte("x"), nil), "it holds a PUBLIC KEY", "key 2 cannot be read: asn1"},
		{"many", strings.Repeat(string(public), 17), "it holds a PUBLIC KEY", "it holds more than 16 keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errPrivate := LoadPrivate(path)
			_, errPublic := LoadPublic(path)
			for want, err := range map[*string]error{&tt.private: errPrivate, &tt.public: errPublic} {
				if *want == "" && err != nil || *want != "" && (err == nil || !strings.Contains(err.Error(), *want) || !strings.Contains(err.Error(), path)) {
					t.Errorf("got  %v\nwant %s", err, *want)
				}
			}
		})
	}
	if _, err := LoadPublic(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzDecode(f *testing.F) {
	private, _ := EncodePrivate(keyOf('a'))
	public, _ := EncodePublic(publics("ab")...)
	f.Add(private)
	f.Add(public)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := decodePrivate(b); err == nil {
			again, err := EncodePrivate(key)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decodePrivate(again); err != nil || !bytes.Equal(got, key) {
				t.Errorf("%v", err)
			}
		}
		if keys, err := DecodePublic(b); err == nil {
			for _, key := range keys {
				if len(KeyID(key)) != 16 {
					t.Error(KeyID(key))
				}
			}
		}
	})
}
