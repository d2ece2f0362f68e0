package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sipward/sipward/internal/site"
)

// issue makes a one-time link in the place of an older one.
func (s *Service) issue(ctx context.Context, purpose Purpose, a *Account, e *Entry) (*Issued, error) {
	life := s.opt.LinkLife
	l := &Link{Purpose: purpose}
	if purpose == FirstAccount {
		life = s.opt.SetupLife
	} else {
		l.Account, l.Epoch = a.ID, a.SessionEpoch
	}
	token := newToken()
	expires := s.now().Add(life)
	l.Hash, l.ExpiresUnixMs = digest(token), expires.UnixMilli()
	if err := s.repo.AddLink(ctx, l, e); err != nil {
		return nil, fmt.Errorf("make a one-time link: %w", err)
	}
	return &Issued{token, purpose, expires}, nil
}

// Setup makes the link for the first account, which whoever starts the
// collector prints. It is nil when somebody can manage accounts already. An
// older link ends: the one that was printed last is the one that is good.
func (s *Service) Setup(ctx context.Context) (*Issued, error) {
	err := s.notTheLast(ctx, "")
	if err == nil {
		return nil, nil //nolint:nilnil // no link, and that is fine
	}
	if !isLast(err) {
		return nil, err
	}
	return s.issue(ctx, FirstAccount, nil, nil)
}

func isLast(err error) bool { return errors.Is(err, ErrLastOperator) }

// link finds a link that is still good, and its account.
func (s *Service) link(ctx context.Context, token string) (*Link, *Account, error) {
	if !isToken(token) {
		return nil, nil, ErrLink
	}
	l, err := s.repo.Link(ctx, digest(token))
	if err != nil {
		return nil, nil, notFound(err, ErrLink)
	}
	if s.now().UnixMilli() >= l.ExpiresUnixMs {
		return nil, nil, ErrLink
	}
	if l.Purpose == FirstAccount {
		if err := s.notTheLast(ctx, ""); !isLast(err) {
			return nil, nil, orLink(err)
		}
		return l, nil, nil
	}
	a, err := s.repo.Account(ctx, l.Account)
	if err != nil {
		return nil, nil, notFound(err, ErrLink)
	}
	if a.Disabled || a.SessionEpoch != l.Epoch {
		return nil, nil, ErrLink
	}
	return l, a, nil
}

// orLink is ErrLink where there is no other error.
func orLink(err error) error {
	if err == nil {
		return ErrLink
	}
	return err
}

// Opened says what a link is for; email is empty for the first account.
func (s *Service) Opened(ctx context.Context, token string) (purpose Purpose, email string, err error) {
	l, a, err := s.link(ctx, token)
	if err != nil {
		return 0, "", err
	}
	if a != nil {
		email = a.Email
	}
	return l.Purpose, email, nil
}

// FirstOperator makes the first account with the link of Setup, and logs it in.
func (s *Service) FirstOperator(ctx context.Context, token string, n NewAccount, from netip.Addr, agent string) (*Login, error) {
	s.operators.Lock()
	defer s.operators.Unlock()
	l, _, err := s.link(ctx, token)
	if err != nil {
		return nil, err
	}
	if l.Purpose != FirstAccount {
		return nil, ErrLink
	}
	n.Role, n.Customer = Operator, ""
	if n.Password == "" {
		return nil, unusable("short", "it is empty")
	}
	a, err := s.newAccount(ctx, n)
	if err != nil {
		return nil, err
	}
	a.LastLoginUnixMs, a.LastLoginFrom = a.CreatedUnixMs, site.Name(from)
	e := s.entry(&Principal{Account: a.ID, Name: a.Email, From: from}, ActionSetup, a.Email, "with the set-up link")
	if err := s.repo.AddAccount(ctx, a, e); err != nil {
		return nil, fmt.Errorf("create the first account: %w", err)
	}
	// It is dead already, since an operator exists; this only tidies up.
	if err := s.repo.TakeLink(ctx, l.Hash); err != nil && notFound(err, nil) != nil {
		return nil, fmt.Errorf("remove the set-up link: %w", err)
	}
	s.counts.logins.Add(1)
	return s.open(ctx, a, NotAsked, from, agent)
}

// SetPassword sets a password with a link of Create or ResetPassword, and ends
// the account's sessions. It logs nobody in: the second factor is still to ask.
func (s *Service) SetPassword(ctx context.Context, token, password string, from netip.Addr) (email string, err error) {
	l, a, err := s.link(ctx, token)
	if err != nil {
		return "", err
	}
	if l.Purpose != NewPassword {
		return "", ErrLink
	}
	if err := CheckPassword(password, a.Email); err != nil {
		return "", err
	}
	hash, err := s.hash.make(ctx, password)
	if err != nil {
		s.counts.busy(err)
		return "", err
	}
	if err := s.repo.TakeLink(ctx, l.Hash); err != nil {
		return "", notFound(err, ErrLink)
	}
	a, err = s.change(ctx, a.ID, func(a *Account) (*Entry, error) {
		if a.Disabled || a.SessionEpoch != l.Epoch {
			return nil, ErrLink
		}
		s.setPassword(a, hash)
		return s.entry(&Principal{Account: a.ID, Name: a.Email, From: from}, ActionPassword, a.Email, "with a one-time link"), nil
	})
	if err != nil {
		return "", err
	}
	return a.Email, nil
}
