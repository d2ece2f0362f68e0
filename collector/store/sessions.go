package store

import (
	"context"
	"fmt"

	"github.com/sipward/sipward/collector/accounts"
)

const (
	sessionColumns = "hash, account, epoch, factor, created_ms, seen_ms, origin, agent"
	tokenColumns   = "id, hash, hint, name, role, customer, created_by, created_ms, expires_ms, used_ms" //nolint:gosec // G101: names
)

func scanSession(r row) (*accounts.Session, error) {
	s := new(accounts.Session)
	var hash []byte
	err := r.Scan(&hash, &s.Account, &s.Epoch, &s.SecondFactor, &s.CreatedUnixMs, &s.SeenUnixMs, &s.From, &s.Agent)
	copy(s.Hash[:], hash)
	return s, err
}

// AddSession implements accounts.Repository.
func (d *desk) AddSession(ctx context.Context, s *accounts.Session, keep int) error {
	return d.change(ctx, "adding a session", nil, func(c *change) error {
		if err := c.room("sessions", maxSessions); err != nil {
			return err
		}
		if err := c.must(accounts.ErrConflict, `INSERT INTO sessions (`+sessionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			s.Hash[:], s.Account, s.Epoch, int64(s.SecondFactor), s.CreatedUnixMs, s.SeenUnixMs, text(s.From), text(s.Agent)); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM sessions WHERE account = ? AND hash <> ? AND hash NOT IN
 (SELECT hash FROM sessions WHERE account = ? AND hash <> ? ORDER BY created_ms DESC, hash LIMIT ?)`, s.Account, s.Hash[:], s.Account, s.Hash[:], max(keep, 1)-1)
		return err
	})
}

// Session implements accounts.Repository.
func (d *desk) Session(ctx context.Context, hash accounts.Digest) (out *accounts.Session, err error) {
	const what = "reading a session"
	err = d.find(ctx, what, `SELECT `+sessionColumns+` FROM sessions WHERE hash = ?`, []any{hash[:]}, func(r row) (err error) {
		out, err = scanSession(r)
		return err
	})
	if err == nil && out == nil {
		return nil, fmt.Errorf("%s: %w", what, accounts.ErrNotFound)
	}
	return out, err
}

// UpdateSession implements accounts.Repository.
func (d *desk) UpdateSession(ctx context.Context, s *accounts.Session) error {
	return d.change(ctx, "changing a session", nil, func(c *change) error {
		_, err := c.exec(`UPDATE sessions SET epoch = ?, factor = ?, seen_ms = ? WHERE hash = ?`, s.Epoch, int64(s.SecondFactor), s.SeenUnixMs, s.Hash[:])
		return err
	})
}

// EndSession implements accounts.Repository.
func (d *desk) EndSession(ctx context.Context, hash accounts.Digest, e *accounts.Entry) error {
	return d.change(ctx, "ending a session", e, func(c *change) error {
		_, err := c.exec(`DELETE FROM sessions WHERE hash = ?`, hash[:])
		return err
	})
}

// Sessions implements accounts.Repository.
func (d *desk) Sessions(ctx context.Context, account string) (out []*accounts.Session, err error) {
	err = d.find(ctx, "reading sessions", `SELECT `+sessionColumns+` FROM sessions WHERE account = ? ORDER BY created_ms DESC, hash`, []any{account}, func(r row) error {
		s, err := scanSession(r)
		out = append(out, s)
		return err
	})
	return out, err
}

func scanToken(r row) (*accounts.Token, error) {
	t := new(accounts.Token)
	var hash []byte
	var role string
	err := r.Scan(&t.ID, &hash, &t.Hint, &t.Name, &role, &t.Customer, &t.CreatedBy, &t.CreatedUnixMs, &t.ExpiresUnixMs, &t.UsedUnixMs)
	if err != nil {
		return nil, err
	}
	copy(t.Hash[:], hash)
	t.Role, err = accounts.ParseRole(role)
	return t, err
}

// AddToken implements accounts.Repository.
func (d *desk) AddToken(ctx context.Context, t *accounts.Token, e *accounts.Entry) error {
	return d.change(ctx, "adding a token", e, func(c *change) error {
		if err := c.room("tokens", maxTokens); err != nil {
			return err
		}
		return c.must(accounts.ErrConflict, `INSERT INTO tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			t.ID, t.Hash[:], text(t.Hint), text(t.Name), t.Role.String(), text(t.Customer), text(t.CreatedBy), t.CreatedUnixMs, t.ExpiresUnixMs, t.UsedUnixMs)
	})
}

// Token implements accounts.Repository.
func (d *desk) Token(ctx context.Context, hash accounts.Digest) (out *accounts.Token, err error) {
	const what = "reading a token"
	err = d.find(ctx, what, `SELECT `+tokenColumns+` FROM tokens WHERE hash = ?`, []any{hash[:]}, func(r row) (err error) {
		out, err = scanToken(r)
		return err
	})
	if err == nil && out == nil {
		return nil, fmt.Errorf("%s: %w", what, accounts.ErrNotFound)
	}
	return out, err
}

// Tokens implements accounts.Repository.
func (d *desk) Tokens(ctx context.Context) (out []*accounts.Token, err error) {
	err = d.find(ctx, "reading tokens", `SELECT `+tokenColumns+` FROM tokens ORDER BY name, id`, nil, func(r row) error {
		t, err := scanToken(r)
		out = append(out, t)
		return err
	})
	return out, err
}

// UseToken implements accounts.Repository.
func (d *desk) UseToken(ctx context.Context, id string, usedUnixMs int64) error {
	return d.change(ctx, "using a token", nil, func(c *change) error {
		_, err := c.exec(`UPDATE tokens SET used_ms = ? WHERE id = ?`, usedUnixMs, id)
		return err
	})
}

// RemoveToken implements accounts.Repository.
func (d *desk) RemoveToken(ctx context.Context, id string, e *accounts.Entry) error {
	return d.change(ctx, "removing a token", e, func(c *change) error {
		return c.must(accounts.ErrNotFound, `DELETE FROM tokens WHERE id = ?`, id)
	})
}

// AddLink implements accounts.Repository.
func (d *desk) AddLink(ctx context.Context, l *accounts.Link, e *accounts.Entry) error {
	return d.change(ctx, "adding a link", e, func(c *change) error {
		if err := c.room("links", maxLinks); err != nil {
			return err
		}
		_, err := c.exec(`INSERT INTO links (hash, purpose, account, epoch, expires_ms) VALUES (?, ?, ?, ?, ?)
 ON CONFLICT (account, purpose) DO UPDATE SET hash = excluded.hash, epoch = excluded.epoch, expires_ms = excluded.expires_ms`, l.Hash[:], int64(l.Purpose), l.Account, l.Epoch, l.ExpiresUnixMs)
		return err
	})
}

// Link implements accounts.Repository.
func (d *desk) Link(ctx context.Context, hash accounts.Digest) (*accounts.Link, error) {
	const what = "reading a link"
	l := &accounts.Link{Hash: hash}
	err := d.find(ctx, what, `SELECT purpose, account, epoch, expires_ms FROM links WHERE hash = ?`, []any{hash[:]}, func(r row) error {
		return r.Scan(&l.Purpose, &l.Account, &l.Epoch, &l.ExpiresUnixMs)
	})
	if err == nil && l.Purpose == 0 {
		err = fmt.Errorf("%s: %w", what, accounts.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// TakeLink implements accounts.Repository.
func (d *desk) TakeLink(ctx context.Context, hash accounts.Digest) error {
	return d.change(ctx, "taking a link", nil, func(c *change) error {
		return c.must(accounts.ErrNotFound, `DELETE FROM links WHERE hash = ?`, hash[:])
	})
}
