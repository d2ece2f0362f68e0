package accounts

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Parameters of RFC 6238 that every authenticator app knows; few know others.
const (
	totpStep   = 30 // seconds
	totpSkew   = 1  // steps before and after: section 5.2
	totpDigits = otp.DigitsSix
	totpBytes  = 20 // RFC 4226, section 4, R6
)

var errTOTPSecret = errors.New("the stored secret of the second factor is damaged")

// newTOTP returns a fresh secret in base32.
func newTOTP() Secret {
	b := make([]byte, totpBytes)
	rand.Read(b) // it never fails: it ends the program instead
	return Secret(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// totpURL is what an app reads from the QR code.
func totpURL(issuer, email string, secret Secret) string {
	q := url.Values{"secret": {string(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + email,
		RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")} // apps do not read a plus as a space
	return u.String()
}

// checkTOTP reports whether the code is that of a step near now which is later
// than the last used one, and which step that is. A code is good for one login:
// who looks over a shoulder is too late (RFC 6238, section 5.2).
func checkTOTP(secret Secret, code string, last int64, now time.Time) (step int64, ok bool, err error) {
	code, ok = cleanCode(code)
	if !ok {
		return 0, false, nil
	}
	at := now.Unix() / totpStep
	for step := max(at-totpSkew, last+1, 0); step <= at+totpSkew; step++ {
		good, err := hotp.ValidateCustom(code, uint64(step), string(secret), // at least 0
			hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("%w: %w", errTOTPSecret, err)
		}
		if good {
			return step, true, nil
		}
	}
	return 0, false, nil
}

// cleanCode takes six digits, with the spaces that apps show between them.
func cleanCode(s string) (string, bool) {
	if len(s) > 16 {
		return "", false
	}
	s = strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if len(s) != int(totpDigits) {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, true
}
