// Package accountstest holds a Repository in memory, and the suite that every
// Repository has to pass.
package accountstest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/sipward/sipward/collector/accounts"
)

// Memory is a Repository for tests. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex // guards what follows
	accounts map[string]accounts.Account
	sessions map[accounts.Digest]accounts.Session
	tokens   map[accounts.Digest]accounts.Token
	links    map[accounts.Digest]accounts.Link
	entries  []accounts.Entry

	// Fail is asked before each method with its name; an error ends the method.
	Fail func(method string) error
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{accounts: map[string]accounts.Account{}, sessions: map[accounts.Digest]accounts.Session{},
		tokens: map[accounts.Digest]accounts.Token{}, links: map[accounts.Digest]accounts.Link{}}
}

// Entries returns the audit log, the oldest first.
func (m *Memory) Entries() []accounts.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.entries)
}

func (m *Memory) lock(method string) (unlock func(), err error) {
	m.mu.Lock()
	if m.Fail != nil {
		err = m.Fail(method)
	}
	if err != nil {
		m.mu.Unlock()
		return func() {}, err
	}
	return m.mu.Unlock, nil
}

func (m *Memory) log(e *accounts.Entry) {
	if e != nil {
		m.entries = append(m.entries, *e)
	}
}

func clone(a accounts.Account) *accounts.Account {
	a.Recovery = slices.Clone(a.Recovery)
	return &a
}

// Account implements accounts.Repository, as do all methods below.
func (m *Memory) Account(_ context.Context, id string) (*accounts.Account, error) {
	unlock, err := m.lock("Account")
	defer unlock()
	if err != nil {
		return nil, err
	}
	a, ok := m.accounts[id]
	if !ok {
		return nil, accounts.ErrNotFound
	}
	return clone(a), nil
}

// AccountByEmail finds an account by its address.
func (m *Memory) AccountByEmail(_ context.Context, email string) (*accounts.Account, error) {
	unlock, err := m.lock("AccountByEmail")
	defer unlock()
	if err != nil {
		return nil, err
	}
	for _, a := range m.accounts {
		if a.Email == email {
			return clone(a), nil
		}
	}
	return nil, accounts.ErrNotFound
}

// Accounts lists accounts.
func (m *Memory) Accounts(_ context.Context, f accounts.AccountFilter) ([]*accounts.Account, error) {
	unlock, err := m.lock("Accounts")
	defer unlock()
	if err != nil {
		return nil, err
	}
	var out []*accounts.Account
	for _, a := range m.accounts {
		if (f.Role == 0 || a.Role == f.Role) && (f.Customer == "" || a.Customer == f.Customer) &&
			(!f.Enabled || !a.Disabled) && a.Email > f.After {
			out = append(out, clone(a))
		}
	}
	slices.SortFunc(out, func(a, b *accounts.Account) int { return cmp.Compare(a.Email, b.Email) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// taken reports whether another account has this address.
func (m *Memory) taken(id, email string) bool {
	for _, a := range m.accounts {
		if a.ID != id && a.Email == email {
			return true
		}
	}
	return false
}

// AddAccount stores a new account.
func (m *Memory) AddAccount(_ context.Context, a *accounts.Account, e *accounts.Entry) error {
	unlock, err := m.lock("AddAccount")
	defer unlock()
	if err != nil {
		return err
	}
	if m.taken("", a.Email) {
		return accounts.ErrExists
	}
	m.accounts[a.ID] = *clone(*a)
	m.log(e)
	return nil
}

// UpdateAccount replaces an account.
func (m *Memory) UpdateAccount(_ context.Context, a *accounts.Account, e *accounts.Entry) error {
	unlock, err := m.lock("UpdateAccount")
	defer unlock()
	if err != nil {
		return err
	}
	if was, ok := m.accounts[a.ID]; !ok || was.Version != a.Version-1 {
		return accounts.ErrConflict
	}
	if m.taken(a.ID, a.Email) {
		return accounts.ErrExists
	}
	m.accounts[a.ID] = *clone(*a)
	m.log(e)
	return nil
}

// RemoveAccount removes an account and what belongs to it.
func (m *Memory) RemoveAccount(_ context.Context, id string, e *accounts.Entry) error {
	unlock, err := m.lock("RemoveAccount")
	defer unlock()
	if err != nil {
		return err
	}
	if _, ok := m.accounts[id]; !ok {
		return accounts.ErrNotFound
	}
	delete(m.accounts, id)
	maps.DeleteFunc(m.sessions, func(_ accounts.Digest, s accounts.Session) bool { return s.Account == id })
	maps.DeleteFunc(m.links, func(_ accounts.Digest, l accounts.Link) bool { return l.Account == id })
	m.log(e)
	return nil
}

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
