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
