package accounts

import (
	"context"
	"errors"
)

// self checks that p is a person with a session.
func self(p *Principal) error {
	if p.Account == "" || !p.Can(EditSelf) {
		return ErrForbidden
	}
	return nil
}

// changeOwn is change of p's own account, unless its sessions were ended meanwhile: what
// began before must not let the session go on after it.
func (s *Service) changeOwn(ctx context.Context, p *Principal, do func(*Account) (*Entry, error)) (*Account, error) {
	return s.change(ctx, p.Account, func(a *Account) (*Entry, error) {
		if a.SessionEpoch != p.epoch {
			return nil, ErrUnauthenticated
		}
		return do(a)
	})
}

// Me returns p's own account.
func (s *Service) Me(ctx context.Context, p *Principal) (*Account, error) {
	if err := self(p); err != nil {
		return nil, err
	}
	return s.repo.Account(ctx, p.Account)
}

// UpdateProfile changes what a person may change about itself.
func (s *Service) UpdateProfile(ctx context.Context, p *Principal, f Profile) (*Account, error) {
	if err := self(p); err != nil {
		return nil, err
	}
	if err := f.valid(); err != nil {
		return nil, err
	}
	return s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		e := s.entry(p, ActionProfile, a.Email, a.Profile.changed(f))
		a.Profile = f
		return e, nil
	})
}

// confirm asks for the password of who is logged in once more. It is counted
// like codes are: a session that somebody left open is no place to guess at.
func (s *Service) confirm(ctx context.Context, p *Principal, password string) (*Account, error) {
	if err := self(p); err != nil {
		return nil, err
	}
	if wait := s.byCode.begin(p.Account, s.now()); wait > 0 {
		return nil, &LockedError{wait}
	}
	a, err := s.repo.Account(ctx, p.Account)
	if err != nil {
		s.byCode.undo(p.Account)
		return nil, err
	}
	ok, _, err := s.checkLogin(ctx, a, password)
	if err != nil {
		s.byCode.undo(p.Account)
		s.counts.busy(err)
		return nil, err
	}
	if !ok {
		s.failures.note(a, p.From, s.now(), "password asked again")
		return nil, ErrWrongPassword
	}
	s.byCode.success(p.Account)
	return a, nil
}

// ChangePassword sets a new password and ends all other sessions.
func (s *Service) ChangePassword(ctx context.Context, p *Principal, old, fresh string) error {
	a, err := s.confirm(ctx, p, old)
	if err != nil {
		return err
	}
	if old == fresh {
		return unusable("old", "it is the old one")
	}
	if err := CheckPassword(fresh, a.Email); err != nil {
		return err
	}
	hash, err := s.hash.make(ctx, fresh)
	if err != nil {
		s.counts.busy(err)
		return err
	}
	checked := a.Password
	a, err = s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		if a.Password != checked {
			return nil, ErrWrongPassword
		}
		s.setPassword(a, hash)
		return s.entry(p, ActionPassword, a.Email, "by its owner"), nil
	})
	if err != nil {
		return err
	}
	return s.renew(ctx, p, a)
}

func (s *Service) setPassword(a *Account, hash Secret) {
	a.Password, a.PasswordUnixMs = hash, s.now().UnixMilli()
	a.SessionEpoch++
}

// EndOtherSessions logs p out everywhere else.
func (s *Service) EndOtherSessions(ctx context.Context, p *Principal) error {
	if err := self(p); err != nil {
		return err
	}
	a, err := s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		a.SessionEpoch++
		return s.entry(p, ActionEndSessions, a.Email, "by its owner"), nil
	})
	if err != nil {
		return err
	}
	return s.renew(ctx, p, a)
}

// StartTwoFactor makes the secret of a second factor and the URL for its QR
// code. Both are shown this once; nothing is asked for before a code confirmed
// that the app has it.
func (s *Service) StartTwoFactor(ctx context.Context, p *Principal) (secret, url string, err error) {
	if err := self(p); err != nil {
		return "", "", err
	}
	fresh := newTOTP()
	a, err := s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		if a.TwoFactor() {
			return nil, ErrTwoFactorOn
		}
		a.TOTPPending = fresh
		return nil, nil //nolint:nilnil // no line: nothing is on or off yet
	})
	if err != nil {
		return "", "", err
	}
	return string(fresh), totpURL(s.opt.Issuer, a.Email, fresh), nil
}

// ConfirmTwoFactor switches the second factor on, ends all other sessions and
// returns the recovery codes, which are shown this once.
func (s *Service) ConfirmTwoFactor(ctx context.Context, p *Principal, code string) (recovery []string, err error) {
	if err := self(p); err != nil {
		return nil, err
	}
	if wait := s.byCode.begin(p.Account, s.now()); wait > 0 {
		return nil, &LockedError{wait}
	}
	codes, stored := newRecovery()
	a, err := s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		if err := s.switchOn(a, code); err != nil {
			return nil, err
		}
		a.Recovery = stored
		return s.entry(p, ActionTwoFactorOn, a.Email, ""), nil
	})
	if err != nil {
		if !errors.Is(err, ErrCode) {
			s.byCode.undo(p.Account)
		}
		return nil, err
	}
	s.byCode.success(p.Account)
	return codes, s.renew(ctx, p, a)
}

func (s *Service) switchOn(a *Account, code string) error {
	switch {
	case a.TwoFactor():
		return ErrTwoFactorOn
	case a.TOTPPending == "":
		return ErrTwoFactorOff
	}
	step, ok, err := checkTOTP(a.TOTPPending, code, 0, s.now())
	if err != nil {
		return err
	}
	if !ok {
		return ErrCode
	}
	a.TOTP, a.TOTPPending, a.TOTPStep, a.TOTPUnixMs = a.TOTPPending, "", step, s.now().UnixMilli()
	a.SessionEpoch++
	return nil
}

// DisableTwoFactor switches the second factor off; the password is asked for.
func (s *Service) DisableTwoFactor(ctx context.Context, p *Principal, password string) error {
	if _, err := s.confirm(ctx, p, password); err != nil {
		return err
	}
	a, err := s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		if !a.TwoFactor() {
			return nil, ErrTwoFactorOff
		}
		switchOff(a)
		return s.entry(p, ActionTwoFactorOff, a.Email, "by its owner"), nil
	})
	if err != nil {
		return err
	}
	return s.renew(ctx, p, a)
}

func switchOff(a *Account) {
	a.TOTP, a.TOTPPending, a.TOTPStep, a.TOTPUnixMs, a.Recovery = "", "", 0, 0, nil
	a.SessionEpoch++
}

// NewRecoveryCodes makes ten new recovery codes in the place of those that are
// left; the password is asked for.
func (s *Service) NewRecoveryCodes(ctx context.Context, p *Principal, password string) ([]string, error) {
	if _, err := s.confirm(ctx, p, password); err != nil {
		return nil, err
	}
	codes, stored := newRecovery()
	_, err := s.changeOwn(ctx, p, func(a *Account) (*Entry, error) {
		if !a.TwoFactor() {
			return nil, ErrTwoFactorOff
		}
		a.Recovery = stored
		return s.entry(p, ActionRecovery, a.Email, ""), nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}
