package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// List returns accounts by e-mail address.
func (s *Service) List(ctx context.Context, p *Principal, f AccountFilter) ([]*Account, error) {
	if !p.Can(SeeAccounts) {
		return nil, ErrForbidden
	}
	return s.repo.Accounts(ctx, f)
}

// Get returns one account; ErrNotFound when it is not there.
func (s *Service) Get(ctx context.Context, p *Principal, id string) (*Account, error) {
	if !p.Can(SeeAccounts) {
		return nil, ErrForbidden
	}
	return s.repo.Account(ctx, id)
}

// NewAccount is what an account begins with. Without a password its owner sets
// one with the link that Create returns, and nobody else ever knows it.
type NewAccount struct {
	Email    string
	Role     Role
	Customer string
	Profile  Profile
	Password string
}

// Issued is a one-time link. Token goes into a URL's fragment and is kept
// nowhere else.
type Issued struct {
	Token   string
	Purpose Purpose
	Expires time.Time
}

// Create makes an account; link is nil when it has a password already.
func (s *Service) Create(ctx context.Context, p *Principal, n NewAccount) (a *Account, link *Issued, err error) {
	if !p.Can(EditAccounts) {
		return nil, nil, ErrForbidden
	}
	if all, err := s.repo.Accounts(ctx, AccountFilter{Limit: maxAccounts}); err != nil {
		return nil, nil, fmt.Errorf("count accounts: %w", err)
	} else if len(all) >= maxAccounts {
		return nil, nil, fmt.Errorf("%w: %d accounts", ErrFull, maxAccounts)
	}
	if a, err = s.newAccount(ctx, n); err != nil {
		return nil, nil, err
	}
	if err := s.repo.AddAccount(ctx, a, s.entry(p, ActionCreate, a.Email, scopeText(a.Role, a.Customer))); err != nil {
		return nil, nil, fmt.Errorf("create the account %s: %w", a.Email, err)
	}
	if a.Password != "" {
		return a, nil, nil
	}
	link, err = s.issue(ctx, NewPassword, a, nil)
	return a, link, err
}

// newAccount checks n and makes an account of it that is not stored yet.
func (s *Service) newAccount(ctx context.Context, n NewAccount) (*Account, error) {
	email, err := cleanEmail(n.Email)
	if err != nil {
		return nil, err
	}
	if err := checkScope(n.Role, n.Customer); err != nil {
		return nil, err
	}
	if err := n.Profile.valid(); err != nil {
		return nil, err
	}
	a := &Account{ID: newID(), Email: email, Role: n.Role, Customer: n.Customer, Profile: n.Profile,
		CreatedUnixMs: s.now().UnixMilli(), Version: 1}
	if n.Password == "" {
		a.SessionEpoch = 1
		return a, nil
	}
	if err := CheckPassword(n.Password, email); err != nil {
		return nil, err
	}
	hash, err := s.hash.make(ctx, n.Password)
	if err != nil {
		s.counts.busy(err)
		return nil, err
	}
	s.setPassword(a, hash)
	return a, nil
}

// Change is what an operator may change of an account; nil leaves it.
type Change struct {
	Email    *string
	Role     *Role
	Customer *string
	Disabled *bool
	Profile  *Profile
}

// Update changes an account. What changes who it is or what it may see ends
// its sessions.
func (s *Service) Update(ctx context.Context, p *Principal, id string, c Change) (*Account, error) {
	if !p.Can(EditAccounts) {
		return nil, ErrForbidden
	}
	s.operators.Lock()
	defer s.operators.Unlock()
	return s.change(ctx, id, func(a *Account) (*Entry, error) {
		was := *a
		if err := c.apply(a); err != nil {
			return nil, err
		}
		if operates(&was) && !operates(a) {
			if err := s.notTheLast(ctx, id); err != nil {
				return nil, err
			}
		}
		if was.Email != a.Email || was.Role != a.Role || was.Customer != a.Customer || was.Disabled != a.Disabled {
			a.SessionEpoch++
		}
		return s.entry(p, updateAction(&was, a), was.Email, difference(&was, a)), nil
	})
}

func (c *Change) apply(a *Account) error {
	if c.Email != nil {
		email, err := cleanEmail(*c.Email)
		if err != nil {
			return err
		}
		a.Email = email
	}
	if c.Role != nil {
		a.Role = *c.Role
	}
	if c.Customer != nil {
		a.Customer = *c.Customer
	}
	if c.Disabled != nil {
		a.Disabled = *c.Disabled
	}
	if c.Profile != nil {
		if err := c.Profile.valid(); err != nil {
			return err
		}
		a.Profile = *c.Profile
	}
	return checkScope(a.Role, a.Customer)
}

// operates reports whether a is somebody who can manage accounts.
func operates(a *Account) bool { return a.Role.Can(EditAccounts) && mayLogIn(a) }

// notTheLast returns ErrLastOperator when nobody but id can manage accounts.
func (s *Service) notTheLast(ctx context.Context, id string) error {
	all, err := s.repo.Accounts(ctx, AccountFilter{Role: Operator, Enabled: true})
	if err != nil {
		return fmt.Errorf("look for other operators: %w", err)
	}
	for _, a := range all {
		if a.ID != id && operates(a) {
			return nil
		}
	}
	return ErrLastOperator
}

func updateAction(was, is *Account) Action {
	switch {
	case is.Disabled && !was.Disabled:
		return ActionDisable
	case was.Disabled && !is.Disabled:
		return ActionEnable
	}
	return ActionUpdate
}

// difference says for the audit log what became of was.
func difference(was, is *Account) string {
	var out []string
	if was.Email != is.Email {
		out = append(out, "e-mail address is now "+is.Email)
	}
	if from, to := scopeText(was.Role, was.Customer), scopeText(is.Role, is.Customer); from != to {
		out = append(out, from+" -> "+to)
	}
	if f := was.Profile.changed(is.Profile); f != "" {
		out = append(out, f)
	}
	return strings.Join(out, "; ")
}

func scopeText(r Role, customer string) string {
	if customer == "" {
		return r.String()
	}
	return r.String() + " " + customer
}

// Remove removes an account with its sessions.
func (s *Service) Remove(ctx context.Context, p *Principal, id string) error {
	if !p.Can(EditAccounts) {
		return ErrForbidden
	}
	s.operators.Lock()
	defer s.operators.Unlock()
	a, err := s.repo.Account(ctx, id)
	if err != nil {
		return err
	}
	if operates(a) {
		if err := s.notTheLast(ctx, id); err != nil {
			return err
		}
	}
	return s.repo.RemoveAccount(ctx, id, s.entry(p, ActionRemove, a.Email, scopeText(a.Role, a.Customer)))
}

// ResetPassword makes a link with which the account's owner sets a new
// password; the old one is good until then.
func (s *Service) ResetPassword(ctx context.Context, p *Principal, id string) (*Issued, error) {
	if !p.Can(EditAccounts) {
		return nil, ErrForbidden
	}
	a, err := s.repo.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Disabled {
		return nil, invalid("disabled", "disabled", "the account is disabled")
	}
	return s.issue(ctx, NewPassword, a, s.entry(p, ActionLink, a.Email, "to set a password"))
}

// ResetTwoFactor switches somebody else's second factor off, for who lost both
// the app and the recovery codes.
func (s *Service) ResetTwoFactor(ctx context.Context, p *Principal, id string) error {
	if !p.Can(EditAccounts) {
		return ErrForbidden
	}
	if id == p.Account {
		return fmt.Errorf("%w: switch the own second factor off with the password", ErrForbidden)
	}
	_, err := s.change(ctx, id, func(a *Account) (*Entry, error) {
		if !a.TwoFactor() {
			return nil, ErrTwoFactorOff
		}
		switchOff(a)
		return s.entry(p, ActionTwoFactorOff, a.Email, "by an operator"), nil
	})
	return err
}

// EndSessions logs an account out everywhere.
func (s *Service) EndSessions(ctx context.Context, p *Principal, id string) error {
	if !p.Can(EditAccounts) {
		return ErrForbidden
	}
	_, err := s.change(ctx, id, func(a *Account) (*Entry, error) {
		a.SessionEpoch++
		return s.entry(p, ActionEndSessions, a.Email, "by an operator"), nil
	})
	return err
}

// WithoutTwoFactor counts the enabled accounts that have no second factor, and
// all enabled ones.
func (s *Service) WithoutTwoFactor(ctx context.Context) (without, enabled int, err error) {
	all, err := s.repo.Accounts(ctx, AccountFilter{Enabled: true})
	if err != nil {
		return 0, 0, fmt.Errorf("count accounts without a second factor: %w", err)
	}
	for _, a := range all {
		if !a.TwoFactor() {
			without++
		}
	}
	return without, len(all), nil
}

// notFound turns "not found" into another error.
func notFound(err, is error) error {
	if errors.Is(err, ErrNotFound) {
		return is
	}
	return err
}
