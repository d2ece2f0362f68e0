package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/admin"
)

// people are the accounts of the dashboard, as the socket shows them: a way in for who may
// use it when nobody can log in any more.
type people struct{ c *collector }

// dashboard is the running one.
func (p people) dashboard() (*dashboard, error) {
	switch parts := p.c.parts.Load(); {
	case parts == nil:
		return nil, errors.New("the collector has not opened its database yet; see sipward-collector status")
	case parts.web == nil:
		return nil, errors.New("this collector has no dashboard (web.listen: off): turn it on, or ask on a host of another collector of the same database that has one")
	default:
		return parts.web, nil
	}
}

// Accounts implements admin.People.
func (p people) Accounts(ctx context.Context) ([]admin.Account, error) {
	d, err := p.dashboard()
	if err != nil {
		return nil, err
	}
	all, err := d.service.List(ctx, accounts.CommandLine(""), accounts.AccountFilter{})
	if err != nil {
		return nil, err
	}
	out := make([]admin.Account, len(all))
	for i, a := range all {
		out[i] = admin.Account{ID: a.ID, Email: a.Email, Name: a.Profile.Name, Role: a.Role.String(), Customer: a.Customer, Disabled: a.Disabled,
			Password: a.Password != "", SecondFactor: a.TwoFactor(), LastLoginUnixMs: a.LastLoginUnixMs}
		if until := d.service.LockedUntil(a); !until.IsZero() {
			out[i].LockedUnixMs = until.UnixMilli()
		}
	}
	return out, nil
}

// LinkAccount implements admin.People by what an operator does on the page of accounts. The
// link comes last: each of the other changes ends sessions and links.
func (p people) LinkAccount(ctx context.Context, want admin.LinkWanted) (*admin.AccountLink, error) {
	d, err := p.dashboard()
	if err != nil {
		return nil, err
	}
	who := accounts.CommandLine(want.Who)
	a, err := d.service.Get(ctx, who, want.ID)
	if errors.Is(err, accounts.ErrNotFound) {
		return nil, admin.ErrNoAccount
	} else if err != nil {
		return nil, err
	}
	switch {
	case a.Disabled && !want.Enable:
		return nil, fmt.Errorf("%s: %w", a.Email, admin.ErrDisabled)
	case a.Disabled:
		if _, err := d.service.Update(ctx, who, a.ID, accounts.Change{Disabled: new(bool)}); err != nil {
			return nil, fmt.Errorf("enabling %s: %w", a.Email, err)
		}
	}
	if want.ResetSecondFactor {
		if err := d.service.ResetTwoFactor(ctx, who, a.ID); err != nil && !errors.Is(err, accounts.ErrTwoFactorOff) {
			return nil, fmt.Errorf("taking the second factor of %s away: %w", a.Email, err)
		}
	}
	if err := d.service.Unlock(ctx, who, a.ID); err != nil {
		return nil, fmt.Errorf("unlocking %s: %w", a.Email, err)
	}
	l, err := d.service.ResetPassword(ctx, who, a.ID)
	if err != nil {
		return nil, fmt.Errorf("making a link for %s: %w", a.Email, err)
	}
	return &admin.AccountLink{URL: d.server.Link(l.Token), ExpiresUnixMs: l.Expires.UnixMilli()}, nil
}
