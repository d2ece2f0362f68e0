package accountstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
)

// Under is a Repository under test.
type Under struct {
	accounts.Repository

	// Entries returns its audit log, the oldest first.
	Entries func() []accounts.Entry
}

// Suite holds a Repository to what the Service expects of it. open makes a
// fresh, empty one.
func Suite(t *testing.T, open func(t *testing.T) Under) {
	for name, test := range map[string]func(*testing.T, Under){
		"accounts": testAccounts, "filters": testFilters, "versions": testVersions, "at once": testAtOnce, "remove": testRemove,
		"sessions": testSessions, "tokens": testTokens, "links": testLinks, "expire": testExpire, "audit": testAudit,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func account(id, email string) *accounts.Account {
	return &accounts.Account{ //nolint:gosec // G101: nobody's
		ID: strings.Repeat(id, 32), Email: email, Role: accounts.Customer, Customer: "Müller & Co", Disabled: true,
		Profile: accounts.Profile{Name: "Anna O'Neill", Phone: "+49 30 1", Mobile: "+49 170 2", Department: "NOC",
			TimeZone: "Europe/Berlin", Language: "de"},
		Password: "$argon2id$...", PasswordUnixMs: 1, TOTP: "JBSWY3DPEHPK3PXP", TOTPPending: "PENDING", TOTPStep: 57_000_000,
		TOTPUnixMs: 2, Recovery: []accounts.Digest{{1}, {2, 0xff}}, SessionEpoch: 7, CreatedUnixMs: 3, LastLoginUnixMs: 4,
		LastLoginFrom: "2001:db8::/64", Version: 1,
	}
}

func entry(n int) *accounts.Entry {
	return &accounts.Entry{AtUnixMs: int64(n), Actor: strings.Repeat("a", 32), Name: "op@example.net", From: "192.0.2.1",
		Action: accounts.ActionUpdate, Target: "x@example.net", Detail: fmt.Sprint("change ", n)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: err = %v, want %v", what, got, want)
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// logged checks how many lines the audit log has.
func logged(t *testing.T, r Under, want int) {
	t.Helper()
	if got := r.Entries(); len(got) != want {
		t.Errorf("the audit log has %d lines, want %d: %+v", len(got), want, got)
	}
}

func testAccounts(t *testing.T, r Under) {
	ctx := context.Background()
	a := account("a", "a@example.net")
	_, err := r.Account(ctx, a.ID)
	wantErr(t, "an unknown id", err, accounts.ErrNotFound)
	_, err = r.AccountByEmail(ctx, a.Email)
	wantErr(t, "an unknown address", err, accounts.ErrNotFound)
	must(t, r.AddAccount(ctx, a, entry(1)))
	got, err := r.Account(ctx, a.ID)
	must(t, err)
	same(t, "by id", got, a)
	got, err = r.AccountByEmail(ctx, a.Email)
	must(t, err)
	same(t, "by address", got, a)
	got.Recovery[0][0] = 9
	again, err := r.Account(ctx, a.ID)
	must(t, err)
	same(t, "what was handed out is the caller's", again, a)

	wantErr(t, "a taken address", r.AddAccount(ctx, account("b", a.Email), entry(2)), accounts.ErrExists)
	logged(t, r, 1)
	bare := &accounts.Account{ID: strings.Repeat("c", 32), Email: "c@example.net", Role: accounts.Operator, Version: 1}
	must(t, r.AddAccount(ctx, bare, entry(3)))
	got, err = r.Account(ctx, bare.ID)
	must(t, err)
	if len(got.Recovery) != 0 {
		t.Errorf("recovery codes out of nothing: %v", got.Recovery)
	}
	got.Recovery = nil
	same(t, "an account without all that may be missing", got, bare)
}

func testFilters(t *testing.T, r Under) {
	ctx := context.Background()
	for i, role := range []accounts.Role{accounts.Operator, accounts.Viewer, accounts.Customer, accounts.Customer, accounts.Operator} {
		a := account(string(rune('a'+i)), string(rune('e'-i))+"@example.net")
		a.Role, a.Customer, a.Disabled = role, "", i == 4
		if role == accounts.Customer {
			a.Customer = fmt.Sprint("customer-", i)
		}
		must(t, r.AddAccount(ctx, a, entry(i)))
	}
	tests := []struct {
		name string
		f    accounts.AccountFilter
		want string
	}{
		{"all", accounts.AccountFilter{}, "abcde"},
		{"role", accounts.AccountFilter{Role: accounts.Operator}, "ae"},
		{"enabled", accounts.AccountFilter{Enabled: true}, "bcde"},
		{"role and enabled", accounts.AccountFilter{Role: accounts.Operator, Enabled: true}, "e"},
		{"customer", accounts.AccountFilter{Customer: "customer-3"}, "b"},
		{"first two", accounts.AccountFilter{Limit: 2}, "ab"},
		{"the next two", accounts.AccountFilter{After: "b@example.net", Limit: 2}, "cd"},
		{"none", accounts.AccountFilter{Customer: "' OR 1=1 --"}, ""},
	}
	for _, tc := range tests {
		all, err := r.Accounts(ctx, tc.f)
		must(t, err)
		got := ""
		for _, a := range all {
			got += a.Email[:1]
		}
		same(t, tc.name, got, tc.want)
	}
}

func testVersions(t *testing.T, r Under) {
	ctx := context.Background()
	a, b := account("a", "a@example.net"), account("b", "b@example.net")
	must(t, r.AddAccount(ctx, a, entry(1)))
	must(t, r.AddAccount(ctx, b, entry(2)))
	fresh := &accounts.Account{ID: a.ID, Email: "new@example.net", Role: accounts.Viewer, Version: 2}
	must(t, r.UpdateAccount(ctx, fresh, entry(3)))
	got, err := r.Account(ctx, a.ID)
	must(t, err)
	got.Recovery = nil
	same(t, "all of it is replaced", got, fresh)
	wantErr(t, "the same version again", r.UpdateAccount(ctx, fresh, entry(4)), accounts.ErrConflict)
	fresh.Version = 4
	wantErr(t, "a version from the future", r.UpdateAccount(ctx, fresh, entry(4)), accounts.ErrConflict)
	fresh.Version, fresh.Email = 3, b.Email
	wantErr(t, "somebody else's address", r.UpdateAccount(ctx, fresh, entry(4)), accounts.ErrExists)
	wantErr(t, "an unknown account", r.UpdateAccount(ctx, &accounts.Account{ID: "x", Email: "x@example.net", Version: 2}, nil), accounts.ErrConflict)
	logged(t, r, 3)
	fresh.Email = "third@example.net"
	must(t, r.UpdateAccount(ctx, fresh, nil))
	logged(t, r, 3)
	_, err = r.AccountByEmail(ctx, "a@example.net")
	wantErr(t, "the address that it had", err, accounts.ErrNotFound)
}

// testAtOnce: of changes to one version exactly one is made.
func testAtOnce(t *testing.T, r Under) {
	ctx := context.Background()
	a := account("a", "a@example.net")
	must(t, r.AddAccount(ctx, a, entry(0)))
	const n = 8
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			x := account("a", a.Email)
			x.Version, x.TOTPStep = 2, int64(i)
			errs[i] = r.UpdateAccount(ctx, x, entry(1+i))
		})
	}
	all.Wait()
	made := 0
	for i, err := range errs {
		if err == nil {
			made++
			got, err := r.Account(ctx, a.ID)
			must(t, err)
			same(t, "the one that was made", got.TOTPStep, int64(i))
		} else {
			wantErr(t, "one that came too late", err, accounts.ErrConflict)
		}
	}
	same(t, "changes that were made", made, 1)
	logged(t, r, 2)
}

func testRemove(t *testing.T, r Under) {
	ctx := context.Background()
	a, b := account("a", "a@example.net"), account("b", "b@example.net")
	for i, x := range []*accounts.Account{a, b} {
		must(t, r.AddAccount(ctx, x, entry(i)))
		must(t, r.AddSession(ctx, &accounts.Session{Hash: accounts.Digest{byte(i)}, Account: x.ID, SecondFactor: accounts.Passed}, 5))
		must(t, r.AddLink(ctx, &accounts.Link{Hash: accounts.Digest{byte(i)}, Purpose: accounts.NewPassword, Account: x.ID}, nil))
	}
	wantErr(t, "an unknown account", r.RemoveAccount(ctx, "x", entry(2)), accounts.ErrNotFound)
	must(t, r.RemoveAccount(ctx, a.ID, entry(3)))
	_, err := r.Account(ctx, a.ID)
	wantErr(t, "the account", err, accounts.ErrNotFound)
	_, err = r.Session(ctx, accounts.Digest{0})
	wantErr(t, "its session", err, accounts.ErrNotFound)
	_, err = r.Link(ctx, accounts.Digest{0})
	wantErr(t, "its link", err, accounts.ErrNotFound)
	_, err = r.Session(ctx, accounts.Digest{1})
	must(t, err)
	_, err = r.Link(ctx, accounts.Digest{1})
	must(t, err)
	logged(t, r, 3)
	must(t, r.AddAccount(ctx, account("c", a.Email), entry(4))) // the address is free again
}
