package seal

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	privateType = "PRIVATE KEY" // PKCS #8, RFC 5958
	publicType  = "PUBLIC KEY"  // PKIX, RFC 8410
	maxKeys     = 16            // in a file of public keys
	maxKeyFile  = 64 << 10
)

// Generate makes a new key.
func Generate() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

// Public returns the public half of a key.
func Public(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// EncodePrivate writes a key as PEM.
func EncodePrivate(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateType, Bytes: der}), nil
}

// EncodePublic writes public keys as PEM, one block each.
func EncodePublic(keys ...ed25519.PublicKey) (out []byte, err error) {
	for _, key := range keys {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("encoding a public key: %w", err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: der})...)
	}
	return out, nil
}

// decodePrivate reads the one key of a PEM text.
func decodePrivate(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("no PEM block is in it")
	case block.Type != privateType:
		return nil, fmt.Errorf("it holds a %s, and a %s is wanted", block.Type, privateType)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its key cannot be read: %w", err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its key is of another kind, %T: an Ed25519 key is wanted", key)
	}
	return private, nil
}

// DecodePublic reads the public keys of a PEM text, from 1 to 16: there are several
// while one key follows another.
func DecodePublic(text []byte) (keys []ed25519.PublicKey, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != publicType {
			return nil, fmt.Errorf("it holds a %s: only public keys belong there", block.Type)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("key %d cannot be read: %w", len(keys)+1, err)
		}
		public, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("key %d is of another kind, %T: an Ed25519 key is wanted", len(keys)+1, key)
		}
		if keys = append(keys, public); len(keys) > maxKeys {
			return nil, fmt.Errorf("it holds more than %d keys", maxKeys)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key is in it")
	}
	return keys, nil
}

// LoadPrivate reads the key of a file, of which others must be able to read nothing.
func LoadPrivate(path string) (ed25519.PrivateKey, error) {
	text, mode, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if mode&0o077 != 0 {
		return nil, fmt.Errorf("reading the key: others may read or write %s: chmod 600 %s", path, path)
	}
	key, err := decodePrivate(text)
	if err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", path, err)
	}
	return key, nil
}

// LoadPublic reads the public keys of a file.
func LoadPublic(path string) ([]ed25519.PublicKey, error) {
	text, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := DecodePublic(text)
	if err != nil {
		return nil, fmt.Errorf("reading the public key %s: %w", path, err)
	}
	return keys, nil
}

func readFile(path string) (text []byte, mode os.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the key: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, maxKeyFile))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the key: %w", err)
	}
	return text, st.Mode().Perm(), nil
}
