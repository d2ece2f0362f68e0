package accounts

import (
	"context"
	"errors"
)

// Errors of a Repository that callers tell apart.
var (
	ErrNotFound = errors.New("there is no such entry")
	ErrExists   = errors.New("this e-mail address has an account already")
	ErrConflict = errors.New("somebody else changed the account at the same time")
)

// Repository keeps accounts. Each method is one transaction: a change and its
// line in the audit log are both there or both not. What it hands out and what
// it is handed belongs to the caller. All methods may be called at once.
type Repository interface {
	// Account and AccountByEmail return ErrNotFound for what is not there.
	Account(ctx context.Context, id string) (*Account, error)
	AccountByEmail(ctx context.Context, email string) (*Account, error)
	// Accounts lists accounts by e-mail address.
	Accounts(ctx context.Context, f AccountFilter) ([]*Account, error)
	// AddAccount stores a new account; ErrExists for a taken e-mail address.
	AddAccount(ctx context.Context, a *Account, e *Entry) error
	// UpdateAccount replaces the account whose Version is a.Version-1; ErrConflict
	// when it has another one, ErrExists when the e-mail address is taken. e may be nil.
	UpdateAccount(ctx context.Context, a *Account, e *Entry) error
	// RemoveAccount removes an account with its sessions and links.
	RemoveAccount(ctx context.Context, id string, e *Entry) error

	// AddSession stores a session and ends the account's oldest beyond keep.
	AddSession(ctx context.Context, s *Session, keep int) error
	Session(ctx context.Context, hash Digest) (*Session, error)
	// UpdateSession replaces Epoch, SecondFactor and SeenUnixMs; nothing when it is gone.
	UpdateSession(ctx context.Context, s *Session) error
	// EndSession removes one session, or nothing. e may be nil.
	EndSession(ctx context.Context, hash Digest, e *Entry) error
	// Sessions lists an account's sessions, the newest first.
	Sessions(ctx context.Context, account string) ([]*Session, error)

	AddToken(ctx context.Context, t *Token, e *Entry) error
	Token(ctx context.Context, hash Digest) (*Token, error)
	// Tokens lists tokens by name, then id.
	Tokens(ctx context.Context) ([]*Token, error)
	// UseToken sets UsedUnixMs; nothing when it is gone.
	UseToken(ctx context.Context, id string, usedUnixMs int64) error
	// RemoveToken removes a token; ErrNotFound when it is not there.
	RemoveToken(ctx context.Context, id string, e *Entry) error

	// AddLink stores a link in the place of all others of its purpose and account.
	// e may be nil.
	AddLink(ctx context.Context, l *Link, e *Entry) error
	Link(ctx context.Context, hash Digest) (*Link, error)
	// TakeLink removes a link; ErrNotFound when somebody else was faster.
	TakeLink(ctx context.Context, hash Digest) error

	// AddEntries writes lines of the audit log.
	AddEntries(ctx context.Context, e []*Entry) error
	// Expire removes what b says to be over, and returns how much that was.
	Expire(ctx context.Context, b Bounds) (removed int, err error)
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	Role     Role
	Customer string
	Enabled  bool   // only accounts that are not disabled
	After    string // only e-mail addresses after this one
	Limit    int    // 0: no limit
}

// Bounds are times in Unix milliseconds before which things are over.
type Bounds struct {
	SessionsSeen    int64 // sessions that were last seen before it
	SessionsCreated int64 // sessions that began before it
	PendingCreated  int64 // the same of those that wait for a code
	Links, Tokens   int64 // what expired before it
}
