package accounts

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// TokenPrefix begins every API token, so that one is found in files where it
// should not be.
const TokenPrefix = "spw_"

// NewToken is what a token begins with.
type NewToken struct {
	Name     string
	Role     Role
	Customer string
	Expires  time.Time // at most a year from now: a program that is forgotten must not have a key for ever
}

// CreateToken makes a token for a program. plain is shown this once.
func (s *Service) CreateToken(ctx context.Context, p *Principal, n NewToken) (plain string, t *Token, err error) {
	if !p.Can(EditTokens) {
		return "", nil, ErrForbidden
	}
	n.Name = strings.TrimSpace(n.Name)
	if err := s.checkToken(ctx, n); err != nil {
		return "", nil, err
	}
	plain = TokenPrefix + newToken()
	t = &Token{ID: newID(), Hash: digest(plain), Hint: plain[:len(TokenPrefix)+4], Name: n.Name, Role: n.Role, Customer: n.Customer,
		CreatedBy: p.Name, CreatedUnixMs: s.now().UnixMilli(), ExpiresUnixMs: n.Expires.UnixMilli()}
	detail := scopeText(t.Role, t.Customer) + ", until " + n.Expires.UTC().Format(time.RFC3339)
	if err := s.repo.AddToken(ctx, t, s.entry(p, ActionTokenCreate, t.Name, detail)); err != nil {
		return "", nil, fmt.Errorf("create the token %s: %w", t.Name, err)
	}
	return plain, t, nil
}

func (s *Service) checkToken(ctx context.Context, n NewToken) error {
	if n.Name == "" {
		return invalid("name", "needed", "a token needs a name")
	}
	if err := checkText("name", n.Name); err != nil {
		return err
	}
	if err := checkScope(n.Role, n.Customer); err != nil {
		return err
	}
	if life := n.Expires.Sub(s.now()); life <= 0 || life > maxTokenLife {
		return invalid("expires_unix_ms", "expires", "a token expires in the future, within a year")
	}
	all, err := s.repo.Tokens(ctx)
	if err != nil {
		return fmt.Errorf("count tokens: %w", err)
	}
	if len(all) >= maxTokens {
		return fmt.Errorf("%w: %d tokens", ErrFull, maxTokens)
	}
	return nil
}

// Tokens lists tokens by name.
func (s *Service) Tokens(ctx context.Context, p *Principal) ([]*Token, error) {
	if !p.Can(EditTokens) {
		return nil, ErrForbidden
	}
	return s.repo.Tokens(ctx)
}

// RemoveToken ends a token; ErrNotFound when it is not there.
func (s *Service) RemoveToken(ctx context.Context, p *Principal, id string) error {
	if !p.Can(EditTokens) {
		return ErrForbidden
	}
	all, err := s.repo.Tokens(ctx)
	if err != nil {
		return fmt.Errorf("look a token up: %w", err)
	}
	for _, t := range all {
		if t.ID == id {
			return s.repo.RemoveToken(ctx, id, s.entry(p, ActionTokenRemove, t.Name, scopeText(t.Role, t.Customer)))
		}
	}
	return ErrNotFound
}
