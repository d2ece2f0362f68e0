package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sipward/sipward/collector/accounts"
)

const accountColumns = "id, version, email, role, customer, disabled, profile, password, password_ms, totp, totp_pending, totp_step, totp_ms, recovery, session_epoch, created_ms, login_ms, login_origin"

// accountValues are the columns of an account.
func accountValues(a *accounts.Account) ([]any, error) {
	profile, err := json.Marshal(&a.Profile)
	if err != nil {
		return nil, fmt.Errorf("writing the profile of an account: %w", err)
	}
	recovery := make([]string, len(a.Recovery))
	for i, d := range a.Recovery {
		recovery[i] = d.String()
	}
	return []any{a.ID, a.Version, text(a.Email), a.Role.String(), text(a.Customer), one(a.Disabled), string(profile), string(a.Password), a.PasswordUnixMs,
		string(a.TOTP), string(a.TOTPPending), a.TOTPStep, a.TOTPUnixMs, strings.Join(recovery, " "), a.SessionEpoch, a.CreatedUnixMs,
		a.LastLoginUnixMs, text(a.LastLoginFrom)}, nil
}

func scanAccount(r row) (*accounts.Account, error) {
	a := new(accounts.Account)
	var role, profile, recovery string
	var disabled int64
	err := r.Scan(&a.ID, &a.Version, &a.Email, &role, &a.Customer, &disabled, &profile, (*string)(&a.Password), &a.PasswordUnixMs,
		(*string)(&a.TOTP), (*string)(&a.TOTPPending), &a.TOTPStep, &a.TOTPUnixMs, &recovery, &a.SessionEpoch, &a.CreatedUnixMs, &a.LastLoginUnixMs, &a.LastLoginFrom)
	if err != nil {
		return nil, err
	}
	a.Disabled = disabled != 0
	if a.Role, err = accounts.ParseRole(role); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(profile), &a.Profile); err != nil {
		return nil, fmt.Errorf("reading the profile of an account: %w", err)
	}
	for _, word := range strings.Fields(recovery) {
		var d accounts.Digest
		if n, err := hex.Decode(d[:], []byte(word)); err != nil || n != len(d) {
			return nil, fmt.Errorf("reading the recovery codes of an account: %w", err)
		}
		a.Recovery = append(a.Recovery, d)
	}
	return a, nil
}

// account returns the one account that a condition selects.
func (d *desk) account(ctx context.Context, where string, value any) (out *accounts.Account, err error) {
	const what = "reading an account"
	err = d.find(ctx, what, `SELECT `+accountColumns+` FROM accounts WHERE `+where, []any{value}, func(r row) (err error) {
		out, err = scanAccount(r)
		return err
	})
	if err == nil && out == nil {
		return nil, fmt.Errorf("%s: %w", what, accounts.ErrNotFound)
	}
	return out, err
}

// Account implements accounts.Repository.
func (d *desk) Account(ctx context.Context, id string) (*accounts.Account, error) {
	return d.account(ctx, "id = ?", id)
}

// AccountByEmail implements accounts.Repository.
func (d *desk) AccountByEmail(ctx context.Context, email string) (*accounts.Account, error) {
	return d.account(ctx, "email = ?", text(email))
}

// Accounts implements accounts.Repository.
func (d *desk) Accounts(ctx context.Context, f accounts.AccountFilter) (out []*accounts.Account, err error) {
	q := new(statement)
	q.text.WriteString(`SELECT ` + accountColumns + ` FROM accounts`)
	q.where("email > ?", f.After)
	if f.Role != 0 {
		q.where("role = ?", f.Role.String())
	}
	q.equal("customer", f.Customer)
	if f.Enabled {
		q.text.WriteString(" AND disabled = 0")
	}
	q.text.WriteString(" ORDER BY email")
	q.limit(f.Limit)
	err = d.find(ctx, "reading accounts", q.text.String(), q.args, func(r row) error {
		a, err := scanAccount(r)
		out = append(out, a)
		return err
	})
	return out, err
}

// AddAccount implements accounts.Repository.
func (d *desk) AddAccount(ctx context.Context, a *accounts.Account, e *accounts.Entry) error {
	values, err := accountValues(a)
	if err != nil {
		return err
	}
	return d.change(ctx, "adding an account", e, func(c *change) error {
		if err := c.room("accounts", maxAccounts); err != nil {
			return err
		}
		return c.must(accounts.ErrExists, `INSERT INTO accounts (`+accountColumns+`) VALUES (`+marks(len(values))+`) ON CONFLICT DO NOTHING`, values...)
	})
}

// updateAccount replaces all columns but the id, when the e-mail address is free.
var updateAccount = `UPDATE accounts SET ` + strings.ReplaceAll(strings.TrimPrefix(accountColumns, "id, "), ",", " = ?,") +
	` = ? WHERE id = ? AND version = ? AND NOT EXISTS (SELECT 1 FROM accounts WHERE email = ? AND id <> ?)`

// UpdateAccount implements accounts.Repository.
func (d *desk) UpdateAccount(ctx context.Context, a *accounts.Account, e *accounts.Entry) error {
	values, err := accountValues(a)
	if err != nil {
		return err
	}
	return d.change(ctx, "changing an account", e, func(c *change) error {
		n, err := c.exec(updateAccount, append(values[1:len(values):len(values)], a.ID, a.Version-1, text(a.Email), a.ID)...)
		if err != nil || n > 0 {
			return err
		}
		switch n, err := c.number(`SELECT count(*) FROM accounts WHERE id = ? AND version = ?`, a.ID, a.Version-1); {
		case err != nil:
			return err
		case n > 0:
			return accounts.ErrExists
		}
		return accounts.ErrConflict
	})
}

// RemoveAccount implements accounts.Repository.
func (d *desk) RemoveAccount(ctx context.Context, id string, e *accounts.Entry) error {
	return d.change(ctx, "removing an account", e, func(c *change) error {
		for _, table := range []string{"sessions", "links"} {
			if _, err := c.exec(`DELETE FROM `+table+` WHERE account = ?`, id); err != nil {
				return err
			}
		}
		return c.must(accounts.ErrNotFound, `DELETE FROM accounts WHERE id = ?`, id)
	})
}

// AddEntries implements accounts.Repository.
func (d *desk) AddEntries(ctx context.Context, entries []*accounts.Entry) error {
	return d.change(ctx, "writing the audit log", nil, func(c *change) error {
		for _, e := range entries {
			if err := c.log(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Expire implements accounts.Repository.
func (d *desk) Expire(ctx context.Context, b accounts.Bounds) (removed int, err error) {
	err = d.change(ctx, "removing what is over", nil, func(c *change) error {
		removed = 0
		for _, x := range []struct {
			text string
			args []any
		}{
			{`DELETE FROM sessions WHERE seen_ms < ? OR created_ms < ? OR factor = ? AND created_ms < ?`,
				[]any{b.SessionsSeen, b.SessionsCreated, int64(accounts.Pending), b.PendingCreated}},
			{`DELETE FROM links WHERE expires_ms < ?`, []any{b.Links}},
			{`DELETE FROM tokens WHERE expires_ms < ?`, []any{b.Tokens}},
		} {
			n, err := c.exec(x.text, x.args...)
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	return removed, err
}

// marks are n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// limit ends a list after n rows; 0: never.
func (q *statement) limit(n int) {
	if n > 0 {
		fmt.Fprintf(&q.text, " LIMIT %d", n)
	}
}
