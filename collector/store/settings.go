package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// AuditRows implements Audit.
func (d *desk) AuditRows(ctx context.Context, f query.AuditFilter, each func(*query.AuditRow) error) error {
	q := new(statement)
	q.text.WriteString(`SELECT id, at_ms, actor, name, origin, action, target, detail FROM audit`)
	q.where("at_ms >= ?", f.FromUnixMs)
	q.where("at_ms < ?", until(f.ToUnixMs))
	q.equal("actor", f.Actor)
	q.equal("name", f.Name)
	q.equal("target", f.Target)
	if f.Action != "" { // the byte after a dot is a slash
		q.where("(action = ? OR action >= ? AND action < ?)", f.Action, f.Action+".", f.Action+"/")
	}
	if f.Before != 0 {
		q.where("id < ?", f.Before)
	}
	q.text.WriteString(" ORDER BY id DESC")
	q.limit(f.Limit)
	return d.find(ctx, "reading the audit log", q.text.String(), q.args, func(r row) error {
		var x query.AuditRow
		if err := r.Scan(&x.ID, &x.AtUnixMs, &x.Actor, &x.Name, &x.From, &x.Action, &x.Target, &x.Detail); err != nil {
			return err
		}
		return each(&x)
	})
}

// Setting implements Settings.
func (d *desk) Setting(ctx context.Context, key string) (*query.Setting, error) {
	s := new(query.Setting)
	what := "reading the setting " + key
	err := d.find(ctx, what, `SELECT key, value, version, updated_ms FROM settings WHERE key = ?`, []any{text(key)}, func(r row) error {
		return r.Scan(&s.Key, &s.Value, &s.Version, &s.UpdatedUnixMs)
	})
	if err == nil && s.Version == 0 {
		err = fmt.Errorf("%s: %w", what, query.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// document makes a column of JSON.
func document(what string, raw []byte) (string, error) {
	if len(raw) > maxDocument || !json.Valid(raw) {
		return "", fmt.Errorf("%s: %d bytes that are no JSON, or more than %d", what, len(raw), maxDocument)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
}

// PutSetting implements Settings.
func (d *desk) PutSetting(ctx context.Context, s *query.Setting, e *accounts.Entry) error {
	what := "writing the setting " + s.Key
	if s.Key == "" || s.Key != text(s.Key) {
		return errors.New("writing a setting: it needs a key")
	}
	value, err := document(what, s.Value)
	if err != nil {
		return err
	}
	version, ms := s.Version+1, int64(0)
	err = d.change(ctx, what, e, func(c *change) error {
		ms = c.nowMs
		if version > 1 {
			return c.must(query.ErrConflict, `UPDATE settings SET value = ?, version = ?, updated_ms = ? WHERE key = ? AND version = ?`, value, version, ms, s.Key, version-1)
		}
		switch others, err := c.number(`SELECT count(*) FROM settings WHERE key <> ?`, s.Key); {
		case err != nil:
			return err
		case others >= int64(maxSettings):
			return query.ErrFull
		}
		return c.must(query.ErrConflict, `INSERT INTO settings (key, value, version, updated_ms) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`, s.Key, value, version, ms)
	})
	if err == nil {
		s.Version, s.UpdatedUnixMs = version, ms
	}
	return err
}

// Balances implements Balances.
func (d *desk) Balances(ctx context.Context, customer string, each func(*query.Balance) error) error {
	q := new(statement)
	q.text.WriteString(`SELECT customer, amount_minor, currency, payment_url, updated_ms FROM balances`)
	q.equal("customer", customer)
	q.text.WriteString(" ORDER BY customer")
	return d.find(ctx, "reading balances", q.text.String(), q.args, func(r row) error {
		var b query.Balance
		if err := r.Scan(&b.Customer, &b.AmountMinor, &b.Currency, &b.PaymentURL, &b.UpdatedUnixMs); err != nil {
			return err
		}
		return each(&b)
	})
}

// PutBalance implements Balances.
func (d *desk) PutBalance(ctx context.Context, b *query.Balance, e *accounts.Entry) error {
	const what = "setting a balance"
	if b.Customer == "" || b.Customer != text(b.Customer) || b.PaymentURL != text(b.PaymentURL) {
		return errors.New(what + ": it needs a customer, and texts of sane length")
	}
	if len(b.Currency) != 3 || strings.Trim(b.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%s: %.10q is no currency: three capital letters", what, b.Currency)
	}
	var ms int64
	err := d.change(ctx, what, e, func(c *change) error {
		ms = c.nowMs
		n, err := c.exec(`UPDATE balances SET amount_minor = ?, currency = ?, payment_url = ?, updated_ms = ? WHERE customer = ?`,
			b.AmountMinor, b.Currency, b.PaymentURL, ms, b.Customer)
		if err != nil || n > 0 {
			return err
		}
		if err := c.room("balances", maxBalances); err != nil {
			return err
		}
		_, err = c.exec(`INSERT INTO balances (customer, amount_minor, currency, payment_url, updated_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (customer) DO UPDATE
 SET amount_minor = excluded.amount_minor, currency = excluded.currency, payment_url = excluded.payment_url, updated_ms = excluded.updated_ms`,
			b.Customer, b.AmountMinor, b.Currency, b.PaymentURL, ms)
		return err
	})
	if err == nil {
		b.UpdatedUnixMs = ms
	}
	return err
}

// DeleteBalance implements Balances.
func (d *desk) DeleteBalance(ctx context.Context, customer string, e *accounts.Entry) error {
	return d.change(ctx, "removing a balance", e, func(c *change) error {
		return c.must(query.ErrNotFound, `DELETE FROM balances WHERE customer = ?`, customer)
	})
}

// ForgetCustomer implements Desk.
func (d *desk) ForgetCustomer(ctx context.Context, customer string, e *accounts.Entry) (out query.Forgotten, err error) {
	const what = "forgetting a customer"
	if customer == "" {
		return out, errors.New(what + ": which one?")
	}
	const whose = ` WHERE account IN (SELECT id FROM accounts WHERE customer = ?)`
	err = d.change(ctx, what, e, func(c *change) error {
		for _, x := range []struct {
			text string
			n    *int64
		}{
			{`DELETE FROM sessions` + whose, nil},
			{`DELETE FROM links` + whose, nil},
			{`DELETE FROM accounts WHERE customer = ?`, &out.Accounts},
			{`DELETE FROM tokens WHERE customer = ?`, &out.Tokens},
			{`DELETE FROM balances WHERE customer = ?`, &out.Balances},
			{`DELETE FROM settings WHERE key = '` + query.SettingCompany + `:' || ?`, nil},
			{`DELETE FROM alert_rules WHERE kind = 'customer' AND party = ?`, &out.Rules},
			{`DELETE FROM alert_events WHERE kind = 'customer' AND party = ?`, &out.Events},
		} {
			n, err := c.exec(x.text, customer)
			if err != nil {
				return err
			}
			if x.n != nil {
				*x.n = n
			}
		}
		return nil
	})
	return out, err
}
