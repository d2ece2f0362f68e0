package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
)

// Secret is a text that is stored and never shown: it prints as ***, and
// refuses to become JSON, so that no answer and no log can carry it by mistake.
type Secret string

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON fails: whoever shows an account picks what may be shown.
func (s Secret) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a secret has no JSON")
}

// Digest is the SHA-256 of a random token of 256 bits. The token cannot be
// guessed from it, so no salt and no slow hash are needed.
type Digest [sha256.Size]byte

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// digest hashes a token as it was handed out.
func digest(token string) Digest { return sha256.Sum256([]byte(token)) }

// Profile is what a person may change about itself.
type Profile struct {
	Name, Phone, Mobile, Department string

	TimeZone string // IANA name; empty: the browser's
	Language string // BCP 47 tag; empty: the browser's
}

// Account is a person. Its e-mail address is the name that it logs in with.
type Account struct {
	ID       string // 32 hexadecimal digits
	Email    string // in lower case, unique
	Role     Role
	Customer string // whose data a customer's account sees; empty for other roles
	Disabled bool
	Profile  Profile

	Password       Secret // argon2id in PHC form; empty: none was set, nobody can log in
	PasswordUnixMs int64  // when it was set

	TOTP        Secret // base32; empty: no second factor
	TOTPPending Secret // base32; waits for its first code
	TOTPStep    int64  // the last step of 30 s whose code was used
	TOTPUnixMs  int64  // when the second factor was confirmed
	Recovery    []Digest

	// SessionEpoch is in every session that is valid: one more ends them all in the
	// transaction that changes the account.
	SessionEpoch int64

	CreatedUnixMs   int64
	LastLoginUnixMs int64  // 0: never
	LastLoginFrom   string // address

	Version int64 // 1, 2, 3: one more with every update
}

// TwoFactor reports whether a second factor is asked for.
func (a *Account) TwoFactor() bool { return a.TOTP != "" }

// SecondFactor says how far a session is.
type SecondFactor uint8

// States of a session; the zero value is invalid.
const (
	NotAsked SecondFactor = iota + 1 // the account had no second factor at login
	Pending                          // the password was right, the code is to come
	Passed
)

// String returns the word for the state.
func (s SecondFactor) String() string {
	switch s {
	case NotAsked:
		return "not_asked"
	case Pending:
		return "pending"
	case Passed:
		return "passed"
	}
	return "invalid"
}

// Session is one browser that is logged in.
type Session struct {
	Hash          Digest // of the token in the cookie
	Account       string
	Epoch         int64 // Account.SessionEpoch when it began
	SecondFactor  SecondFactor
	CreatedUnixMs int64
	SeenUnixMs    int64 // written at most once a minute
	From          string
	Agent         string // what the browser calls itself, at most 256 bytes
}

// Token is what a program proves itself with.
type Token struct {
	ID            string // 32 hexadecimal digits
	Hash          Digest
	Hint          string // the first characters, to tell tokens apart
	Name          string
	Role          Role
	Customer      string
	CreatedBy     string // e-mail address of who made it
	CreatedUnixMs int64
	ExpiresUnixMs int64
	UsedUnixMs    int64 // written at most once a minute; 0: never
}

// Purpose says what a one-time link is for.
type Purpose uint8

// Purposes; the zero value is invalid.
const (
	FirstAccount Purpose = iota + 1 // makes the first operator
	NewPassword                     // sets the password of Link.Account
)

// String returns the word for the purpose.
func (p Purpose) String() string {
	switch p {
	case FirstAccount:
		return "first_account"
	case NewPassword:
		return "new_password"
	}
	return "invalid"
}

// Link is a one-time link. Its token stands in the fragment of a URL, which
// browsers do not send and proxies do not log.
type Link struct {
	Hash          Digest
	Purpose       Purpose
	Account       string // empty for FirstAccount
	Epoch         int64  // Account.SessionEpoch when it was made: what ends sessions ends links too
	ExpiresUnixMs int64
}

// Entry is a line of the audit log: who changed what, from where. It never
// holds a secret.
type Entry struct {
	AtUnixMs int64
	Actor    string // id of an account or token; empty: nobody who is known
	Name     string // its e-mail address or name at that time
	From     string // address; empty: the collector itself
	Action   Action
	Target   string // what was changed: an e-mail address, a customer, a table's version
	Detail   string // how, for people to read
}
