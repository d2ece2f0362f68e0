package accounts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

const tokenBytes = 32

// newToken returns 256 random bits in base64url: 43 characters.
func newToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // it never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// isToken reports whether s can be what newToken returned; what cannot be is
// not looked up.
func isToken(s string) bool {
	if len(s) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

// newID returns 128 random bits: 32 hexadecimal digits.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b) // it never fails: it ends the program instead
	return hex.EncodeToString(b)
}

// CSRF returns the text that a page has to send along with each change. It
// follows from the session's token, so it need not be stored, it dies with the
// session, and whoever reads the database cannot make it.
func CSRF(token string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("sipward csrf 1")) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// CheckCSRF reports whether given is the token's CSRF text, in the same time
// whatever is given.
func CheckCSRF(token, given string) bool {
	return hmac.Equal([]byte(CSRF(token)), []byte(given))
}
