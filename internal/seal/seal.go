// Package seal signs texts that travel through hands that nobody trusts, and opens
// them again. A signed text stays a text: its signature is a last line that YAML
// takes for a comment, over all bytes before it:
//
//	# signature ed25519 0f6c4e2ad1b85c37 BASE64
//
// The third word is the id of the key, the first 8 bytes of the SHA-256 of the
// public key: it finds the key among several and is not trusted.
package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MaxSize is how long a signed text may be, in bytes.
const MaxSize = 64 << 20

const (
	marker    = "# signature "
	algorithm = "ed25519"
	idBytes   = 8
)

// Reasons why a text does not open. An error that Open returns is one of them,
// and says more.
var (
	ErrUnsigned  = errors.New("not signed")
	ErrTruncated = errors.New("the end is missing")
	ErrMalformed = errors.New("the signature cannot be read")
	ErrKey       = errors.New("signed with a key that is not trusted here")
	ErrChanged   = errors.New("changed after it was signed")
	ErrTooLarge  = errors.New("too large")
)

// KeyID names a key for people and in signatures.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:idBytes])
}

// Sign returns text with its signature. A text that does not end with a line feed
// gets one, which is signed with it. It fails when the result were too large to open.
func Sign(text []byte, key ed25519.PrivateKey) ([]byte, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("signing: that is no Ed25519 key")
	}
	out := make([]byte, 0, len(text)+256)
	out = append(out, text...)
	if len(text) == 0 || text[len(text)-1] != '\n' {
		out = append(out, '\n')
	}
	signature := ed25519.Sign(key, out)
	out = append(out, marker+algorithm+" "+KeyID(public)+" "...)
	out = base64.StdEncoding.AppendEncode(out, signature)
	out = append(out, '\n')
	if len(out) > MaxSize {
		return nil, fmt.Errorf("signing: %w: %d bytes, of at most %d", ErrTooLarge, len(out), MaxSize)
	}
	return out, nil
}

// Open returns the text that one of the keys has signed, and the id of that key.
// The text is a part of signed.
func Open(signed []byte, keys []ed25519.PublicKey) (text []byte, id string, err error) {
	if len(signed) > MaxSize {
		return nil, "", fmt.Errorf("%w: %d bytes, of at most %d", ErrTooLarge, len(signed), MaxSize)
	}
	text, last, err := split(signed)
	if err != nil {
		return nil, "", err
	}
	id, signature, err := read(last)
	if err != nil {
		return nil, id, err
	}
	var trusted []string
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			continue // Verify panics
		}
		if KeyID(key) != id {
			trusted = append(trusted, KeyID(key))
			continue
		}
		if !ed25519.Verify(key, text, signature) {
			return nil, id, fmt.Errorf("%w: the signature of key %s does not fit the text", ErrChanged, id)
		}
		return text, id, nil
	}
	if len(trusted) == 0 {
		trusted = []string{"none"}
	}
	return nil, id, fmt.Errorf("%w: %s; trusted are %s", ErrKey, id, strings.Join(trusted, ", "))
}

// split cuts the last line off, which has a line feed: what has none was cut.
func split(signed []byte) (text []byte, last string, err error) {
	body, whole := bytes.CutSuffix(signed, []byte("\n"))
	i := bytes.LastIndexByte(body, '\n') + 1
	text, rest := body[:i], body[i:]
	switch {
	case len(signed) == 0:
		return nil, "", fmt.Errorf("%w: it is empty", ErrTruncated)
	case !whole:
		return nil, "", fmt.Errorf("%w: it stops in the middle of line %d", ErrTruncated, bytes.Count(text, []byte("\n"))+1)
	case !bytes.HasPrefix(rest, []byte(marker)):
		return nil, "", fmt.Errorf("%w, or the end is missing: the last line, %d, is no signature", ErrUnsigned, bytes.Count(text, []byte("\n"))+1)
	}
	return text, string(rest), nil
}

// lineBytes is more than a line with a signature has.
const lineBytes = 200

// read takes a line with a signature apart.
func read(line string) (id string, signature []byte, err error) {
	if len(line) > lineBytes {
		return "", nil, fmt.Errorf("%w: its line has %d characters", ErrMalformed, len(line))
	}
	words := strings.Split(strings.TrimPrefix(line, marker), " ")
	if words[0] != algorithm {
		return "", nil, fmt.Errorf("%w: its algorithm is %q, and only %s is known", ErrMalformed, words[0], algorithm)
	}
	if len(words) != 3 {
		return "", nil, fmt.Errorf("%w: an id of a key and a signature are to follow %s", ErrMalformed, algorithm)
	}
	if raw, err := hex.DecodeString(words[1]); err != nil || len(raw) != idBytes || words[1] != strings.ToLower(words[1]) {
		return "", nil, fmt.Errorf("%w: %q is no id of a key", ErrMalformed, words[1])
	}
	code := base64.StdEncoding.Strict()
	signature, err = code.DecodeString(words[2])
	if err != nil || len(words[2]) != code.EncodedLen(ed25519.SignatureSize) { // the decoder skips a carriage return
		return words[1], nil, fmt.Errorf("%w: it has not the %d bytes of an %s signature", ErrMalformed, ed25519.SignatureSize, algorithm)
	}
	return words[1], signature, nil
}
