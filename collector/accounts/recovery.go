package accounts

import (
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"
)

// Recovery codes stand in for a second factor that is lost. 80 bits: too many
// to try, even for who has stolen the hashes.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

// newRecovery makes codes for people to keep, and what is stored of them.
func newRecovery() (codes []string, stored []Digest) {
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		rand.Read(b) // it never fails: it ends the program instead
		s := strings.ToLower(base32.StdEncoding.EncodeToString(b))
		codes = append(codes, s[:4]+"-"+s[4:8]+"-"+s[8:12]+"-"+s[12:])
		stored = append(stored, digest(s))
	}
	return codes, stored
}

// cleanRecovery takes a code as people write it; ok is false for what cannot
// be one.
func cleanRecovery(s string) (string, bool) {
	if len(s) > 64 {
		return "", false
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '\t':
			return -1
		case '0':
			return 'o' // base32 has no 0, 1 and 8
		case '1':
			return 'l'
		case '8':
			return 'b'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
	b, err := base32.StdEncoding.DecodeString(strings.ToUpper(s))
	return s, err == nil && len(b) == recoveryBytes && len(s) == 16
}

// useRecovery returns the codes that are left when code is one of them.
func useRecovery(stored []Digest, code string) (left []Digest, ok bool) {
	s, ok := cleanRecovery(code)
	if !ok {
		return stored, false
	}
	i := slices.Index(stored, digest(s))
	if i < 0 {
		return stored, false
	}
	return slices.Delete(slices.Clone(stored), i, i+1), true
}
