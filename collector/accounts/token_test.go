package accounts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

func TestTokens(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	plain, tok, err := r.CreateToken(ctx, p, accounts.NewToken{Name: " billing ", Role: accounts.Customer, Customer: "customer-1", Expires: r.now().Add(time.Hour)})
	r.must(err)
	r.wantEntry("token.create | boss@example.net | 192.0.2.10 | billing | customer customer-1, until 2026-11-15T13:00:00Z")
	if !strings.HasPrefix(plain, "spw_") || len(plain) != 47 || tok.Hint != plain[:8] || tok.CreatedBy != boss || tok.Name != "billing" {
		t.Errorf("token %q %+v", plain, tok)
	}
	who, err := r.Program(ctx, plain, stranger)
	r.must(err)
	if c, only := who.Scope(); c != "customer-1" || !only || who.Token != tok.ID || who.Account != "" || who.Name != "billing" || who.From != stranger {
		t.Errorf("who %+v", who)
	}
	for _, bad := range []string{plain[:46], plain + "A", "spw_" + strings.Repeat("A", 43), plain[4:], "SPW_" + plain[4:]} {
		_, err := r.Program(ctx, bad, stranger)
		r.want(bad, err, accounts.ErrUnauthenticated)
	}
	_, err = r.Authenticate(ctx, plain, stranger)
	r.want("as a cookie", err, accounts.ErrUnauthenticated)

	all, err := r.Tokens(ctx, p)
	r.must(err)
	if len(all) != 1 || all[0].UsedUnixMs != r.now().UnixMilli() {
		t.Errorf("tokens %+v", all)
	}
	r.pass(time.Hour - time.Millisecond)
	_, err = r.Program(ctx, plain, stranger)
	r.must(err)
	r.pass(time.Millisecond)
	_, err = r.Program(ctx, plain, stranger)
	r.want("expired", err, accounts.ErrUnauthenticated)
	r.must(r.Tick(ctx))
	if all, err = r.Tokens(ctx, p); err != nil || len(all) != 1 {
		t.Errorf("an expired token has gone from the list at once: %v", err)
	}
	r.pass(31 * 24 * time.Hour)
	r.must(r.Tick(ctx))
	if all, err = r.Tokens(ctx, p); err != nil || len(all) != 0 {
		t.Errorf("an expired token stays for ever: %v", err)
	}
}

func TestTokenIsRemoved(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	plain, tok, err := r.CreateToken(ctx, p, accounts.NewToken{Name: "a", Role: accounts.Operator, Expires: r.now().Add(time.Hour)})
	r.must(err)
	who, err := r.Program(ctx, plain, stranger)
	r.must(err)
	r.must(r.Record(ctx, who, "balance.set", "customer-1", "EUR 12.00\nforged line"))
	r.wantEntry("balance.set | a | 198.51.100.66 | customer-1 | EUR 12.00?forged line")
	r.must(r.RemoveToken(ctx, p, tok.ID))
	r.wantEntry("token.remove | boss@example.net | 192.0.2.10 | a | operator")
	_, err = r.Program(ctx, plain, stranger)
	r.want("removed", err, accounts.ErrUnauthenticated)
	r.want("again", r.RemoveToken(ctx, p, tok.ID), accounts.ErrNotFound)
}

// TestTokenUse: use is written at most once a minute.
func TestTokenUse(t *testing.T) {
	r := newRig(t)
	plain, _, err := r.CreateToken(context.Background(), r.boss(), accounts.NewToken{Name: "a", Role: accounts.Viewer, Expires: r.now().Add(time.Hour)})
	r.must(err)
	writes := 0
	r.repo.Fail = func(m string) error {
		if m == "UseToken" {
			writes++
		}
		return nil
	}
	for range 120 {
		_, err := r.Program(context.Background(), plain, stranger)
		r.must(err)
		r.pass(time.Second)
	}
	if writes != 2 {
		t.Errorf("two minutes of use wrote %d times", writes)
	}
}

func TestTokenRefuses(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	soon := r.now().Add(time.Hour)
	for i, n := range []accounts.NewToken{
		{Name: "", Role: accounts.Viewer, Expires: soon},
		{Name: "a\x00", Role: accounts.Viewer, Expires: soon},
		{Name: "a", Expires: soon},
		{Name: "a", Role: accounts.Customer, Expires: soon},
		{Name: "a", Role: accounts.Viewer, Customer: "x", Expires: soon},
		{Name: "a", Role: accounts.Viewer},
		{Name: "a", Role: accounts.Viewer, Expires: r.now()},
		{Name: "a", Role: accounts.Viewer, Expires: r.now().Add(3 * 366 * 24 * time.Hour)},
	} {
		_, _, err := r.CreateToken(context.Background(), p, n)
		r.want(fmt.Sprintf("%d: %+v", i, n), err, accounts.ErrInvalid)
	}
}
