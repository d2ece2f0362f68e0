package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// session finds a token's session and account. It returns ErrUnauthenticated
// for what is unknown, over or of an account that may not log in.
func (s *Service) session(ctx context.Context, token string) (*Session, *Account, error) {
	if !isToken(token) {
		return nil, nil, ErrUnauthenticated
	}
	x, err := s.repo.Session(ctx, digest(token))
	if err != nil {
		return nil, nil, s.unknown(err, "look a session up")
	}
	if s.over(x) {
		return nil, nil, ErrUnauthenticated
	}
	a, err := s.repo.Account(ctx, x.Account)
	if err != nil {
		return nil, nil, s.unknown(err, "look a session's account up")
	}
	if !mayLogIn(a) || a.SessionEpoch != x.Epoch {
		return nil, nil, ErrUnauthenticated
	}
	return x, a, nil
}

// unknown turns "not found" into "not logged in".
func (s *Service) unknown(err error, what string) error {
	if errors.Is(err, ErrNotFound) {
		return ErrUnauthenticated
	}
	return fmt.Errorf("%s: %w", what, err)
}

// over reports whether a session has ended by itself.
func (s *Service) over(x *Session) bool {
	age := s.age(x.CreatedUnixMs)
	return age >= s.opt.Longest || s.age(x.SeenUnixMs) >= s.opt.Idle || x.SecondFactor == Pending && age >= pendingLife
}

func (s *Service) age(unixMs int64) time.Duration {
	return s.now().Sub(time.UnixMilli(unixMs))
}

// Authenticate returns who a session's token belongs to, and notes that it is
// in use. ErrSecondFactor says that the code is still to come.
func (s *Service) Authenticate(ctx context.Context, token string, from netip.Addr) (*Principal, error) {
	p, x, err := s.authenticate(ctx, token, from)
	if err != nil {
		return nil, err
	}
	if s.age(x.SeenUnixMs) >= seenEvery {
		x.SeenUnixMs = s.now().UnixMilli()
		if err := s.repo.UpdateSession(ctx, x); err != nil {
			return nil, fmt.Errorf("note that a session is in use: %w", err)
		}
	}
	return p, nil
}

// Still reports like Authenticate whose session it is, without keeping it from
// ending: for a stream that stays open, which is no sign of a person.
func (s *Service) Still(ctx context.Context, token string, from netip.Addr) (*Principal, error) {
	p, _, err := s.authenticate(ctx, token, from)
	return p, err
}

func (s *Service) authenticate(ctx context.Context, token string, from netip.Addr) (*Principal, *Session, error) {
	x, a, err := s.session(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	if x.SecondFactor == Pending || a.TwoFactor() && x.SecondFactor != Passed {
		return nil, nil, ErrSecondFactor
	}
	return &Principal{Account: a.ID, Name: a.Email, Role: a.Role, Customer: a.Customer, From: from, session: x.Hash, epoch: x.Epoch}, x, nil
}

// Program returns who an API token belongs to.
func (s *Service) Program(ctx context.Context, token string, from netip.Addr) (*Principal, error) {
	if len(token) < len(TokenPrefix) || token[:len(TokenPrefix)] != TokenPrefix || !isToken(token[len(TokenPrefix):]) {
		return nil, ErrUnauthenticated
	}
	t, err := s.repo.Token(ctx, digest(token))
	if err != nil {
		return nil, s.unknown(err, "look a token up")
	}
	now := s.now().UnixMilli()
	if now >= t.ExpiresUnixMs {
		return nil, ErrUnauthenticated
	}
	if s.age(t.UsedUnixMs) >= seenEvery {
		if err := s.repo.UseToken(ctx, t.ID, now); err != nil {
			return nil, fmt.Errorf("note that a token is in use: %w", err)
		}
	}
	return &Principal{Token: t.ID, Name: t.Name, Role: t.Role, Customer: t.Customer, From: from}, nil
}

// Logout ends the session of a token; of one that is over already, nothing.
func (s *Service) Logout(ctx context.Context, token string, from netip.Addr) error {
	x, a, err := s.session(ctx, token)
	if errors.Is(err, ErrUnauthenticated) {
		return nil
	}
	if err != nil {
		return err
	}
	p := &Principal{Account: a.ID, Name: a.Email, From: from}
	if err := s.repo.EndSession(ctx, x.Hash, s.entry(p, ActionLogout, a.Email, "")); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// renew lets p's own session go on after its account's sessions were ended.
func (s *Service) renew(ctx context.Context, p *Principal, a *Account) error {
	x, err := s.repo.Session(ctx, p.session)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep the own session: %w", err)
	}
	x.Epoch, p.epoch = a.SessionEpoch, a.SessionEpoch
	x.SecondFactor = NotAsked
	if a.TwoFactor() {
		x.SecondFactor = Passed
	}
	if err := s.repo.UpdateSession(ctx, x); err != nil {
		return fmt.Errorf("keep the own session: %w", err)
	}
	return nil
}
