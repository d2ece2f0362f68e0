package accountstest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/sipward/sipward/collector/accounts"
)

// AddSession stores a session and ends the oldest beyond keep.
func (m *Memory) AddSession(_ context.Context, s *accounts.Session, keep int) error {
	unlock, err := m.lock("AddSession")
	defer unlock()
	if err != nil {
		return err
	}
	m.sessions[s.Hash] = *s
	for _, old := range m.newest(s.Account)[min(keep, len(m.newest(s.Account))):] {
		delete(m.sessions, old.Hash)
	}
	return nil
}

// newest lists an account's sessions, the newest first.
func (m *Memory) newest(account string) []*accounts.Session {
	var out []*accounts.Session
	for _, s := range m.sessions {
		if s.Account == account {
			out = append(out, &s)
		}
	}
	slices.SortFunc(out, func(a, b *accounts.Session) int {
		return cmp.Or(cmp.Compare(b.CreatedUnixMs, a.CreatedUnixMs), slices.Compare(a.Hash[:], b.Hash[:]))
	})
	return out
}

// Session finds a session.
func (m *Memory) Session(_ context.Context, hash accounts.Digest) (*accounts.Session, error) {
	unlock, err := m.lock("Session")
	defer unlock()
	if err != nil {
		return nil, err
	}
	s, ok := m.sessions[hash]
	if !ok {
		return nil, accounts.ErrNotFound
	}
	return &s, nil
}

// UpdateSession changes what may change of a session.
func (m *Memory) UpdateSession(_ context.Context, s *accounts.Session) error {
	unlock, err := m.lock("UpdateSession")
	defer unlock()
	if err != nil {
		return err
	}
	if is, ok := m.sessions[s.Hash]; ok {
		is.Epoch, is.SecondFactor, is.SeenUnixMs = s.Epoch, s.SecondFactor, s.SeenUnixMs
		m.sessions[s.Hash] = is
	}
	return nil
}

// EndSession removes a session.
func (m *Memory) EndSession(_ context.Context, hash accounts.Digest, e *accounts.Entry) error {
	unlock, err := m.lock("EndSession")
	defer unlock()
	if err != nil {
		return err
	}
	delete(m.sessions, hash)
	m.log(e)
	return nil
}

// Sessions lists an account's sessions.
func (m *Memory) Sessions(_ context.Context, account string) ([]*accounts.Session, error) {
	unlock, err := m.lock("Sessions")
	defer unlock()
	if err != nil {
		return nil, err
	}
	return m.newest(account), nil
}

// AddToken stores a token.
func (m *Memory) AddToken(_ context.Context, t *accounts.Token, e *accounts.Entry) error {
	unlock, err := m.lock("AddToken")
	defer unlock()
	if err != nil {
		return err
	}
	m.tokens[t.Hash] = *t
	m.log(e)
	return nil
}

// Token finds a token.
func (m *Memory) Token(_ context.Context, hash accounts.Digest) (*accounts.Token, error) {
	unlock, err := m.lock("Token")
	defer unlock()
	if err != nil {
		return nil, err
	}
	t, ok := m.tokens[hash]
	if !ok {
		return nil, accounts.ErrNotFound
	}
	return &t, nil
}

// Tokens lists tokens.
func (m *Memory) Tokens(context.Context) ([]*accounts.Token, error) {
	unlock, err := m.lock("Tokens")
	defer unlock()
	if err != nil {
		return nil, err
	}
	var out []*accounts.Token
	for _, t := range m.tokens {
		out = append(out, &t)
	}
	slices.SortFunc(out, func(a, b *accounts.Token) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// UseToken notes when a token was used.
func (m *Memory) UseToken(_ context.Context, id string, usedUnixMs int64) error {
	unlock, err := m.lock("UseToken")
	defer unlock()
	if err != nil {
		return err
	}
	for h, t := range m.tokens {
		if t.ID == id {
			t.UsedUnixMs = usedUnixMs
			m.tokens[h] = t
		}
	}
	return nil
}

// RemoveToken removes a token.
func (m *Memory) RemoveToken(_ context.Context, id string, e *accounts.Entry) error {
	unlock, err := m.lock("RemoveToken")
	defer unlock()
	if err != nil {
		return err
	}
	n := len(m.tokens)
	maps.DeleteFunc(m.tokens, func(_ accounts.Digest, t accounts.Token) bool { return t.ID == id })
	if len(m.tokens) == n {
		return accounts.ErrNotFound
	}
	m.log(e)
	return nil
}

// AddLink stores a link in the place of others like it.
func (m *Memory) AddLink(_ context.Context, l *accounts.Link, e *accounts.Entry) error {
	unlock, err := m.lock("AddLink")
	defer unlock()
	if err != nil {
		return err
	}
	maps.DeleteFunc(m.links, func(_ accounts.Digest, x accounts.Link) bool {
		return x.Purpose == l.Purpose && x.Account == l.Account
	})
	m.links[l.Hash] = *l
	m.log(e)
	return nil
}

// Link finds a link.
func (m *Memory) Link(_ context.Context, hash accounts.Digest) (*accounts.Link, error) {
	unlock, err := m.lock("Link")
	defer unlock()
	if err != nil {
		return nil, err
	}
	l, ok := m.links[hash]
	if !ok {
		return nil, accounts.ErrNotFound
	}
	return &l, nil
}

// TakeLink removes a link.
func (m *Memory) TakeLink(_ context.Context, hash accounts.Digest) error {
	unlock, err := m.lock("TakeLink")
	defer unlock()
	if err != nil {
		return err
	}
	if _, ok := m.links[hash]; !ok {
		return accounts.ErrNotFound
	}
	delete(m.links, hash)
	return nil
}

// AddEntries writes the audit log.
func (m *Memory) AddEntries(_ context.Context, es []*accounts.Entry) error {
	unlock, err := m.lock("AddEntries")
	defer unlock()
	if err != nil {
		return err
	}
	for _, e := range es {
		m.log(e)
	}
	return nil
}

// Expire removes what is over.
func (m *Memory) Expire(_ context.Context, b accounts.Bounds) (int, error) {
	unlock, err := m.lock("Expire")
	defer unlock()
	if err != nil {
		return 0, err
	}
	n := len(m.sessions) + len(m.links) + len(m.tokens)
	maps.DeleteFunc(m.sessions, func(_ accounts.Digest, s accounts.Session) bool {
		return s.SeenUnixMs < b.SessionsSeen || s.CreatedUnixMs < b.SessionsCreated ||
			s.SecondFactor == accounts.Pending && s.CreatedUnixMs < b.PendingCreated
	})
	maps.DeleteFunc(m.links, func(_ accounts.Digest, l accounts.Link) bool { return l.ExpiresUnixMs < b.Links })
	maps.DeleteFunc(m.tokens, func(_ accounts.Digest, t accounts.Token) bool { return t.ExpiresUnixMs < b.Tokens })
	return n - len(m.sessions) - len(m.links) - len(m.tokens), nil
}
