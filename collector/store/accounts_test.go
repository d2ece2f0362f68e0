package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

func digestOf(word string) accounts.Digest { return sha256.Sum256([]byte(word)) }

// anAccount has something in each field.
func anAccount(name string, role accounts.Role) *accounts.Account {
	return &accounts.Account{ID: fmt.Sprintf("%032x", name), Email: name + "@example.org", Role: role, Disabled: role == accounts.Viewer,
		Profile:  accounts.Profile{Name: "Änn \x00", Phone: "1", Mobile: "2", Department: "3", TimeZone: "Europe/Berlin", Language: "de"},
		Password: "$argon2id$", PasswordUnixMs: 1, TOTP: "A", TOTPPending: "B", TOTPStep: 1 << 40, TOTPUnixMs: 2, Recovery: []accounts.Digest{digestOf("1"), digestOf("2")},
		SessionEpoch: 3, CreatedUnixMs: 4, LastLoginUnixMs: 5, LastLoginFrom: "192.0.2.1", Version: 1}
}

func TestAccounts(t *testing.T) {
	bound(t, &maxAccounts, 3)
	both(t, func(t *testing.T, s Store, _ *clock) {
		ann, bob, eve := anAccount("ann", accounts.Operator), anAccount("bob", accounts.Viewer), anAccount("eve", accounts.Customer)
		eve.Customer, eve.Recovery, eve.Profile = "c1", nil, accounts.Profile{}
		for _, a := range []*accounts.Account{eve, ann, bob} {
			must(t, s.AddAccount(ctx, a, line("account.create", a.Email)))
		}
		got, err := s.Account(ctx, ann.ID)
		must(t, err)
		if diff := cmp.Diff(ann, got); diff != "" {
			t.Error(diff)
		}
		got, err = s.AccountByEmail(ctx, eve.Email)
		must(t, err)
		if diff := cmp.Diff(eve, got); diff != "" {
			t.Error(diff)
		}
		if err := s.AddAccount(ctx, anAccount("dan", accounts.Operator), nil); !errors.Is(err, query.ErrFull) {
			t.Errorf("a fourth: %v", err)
		}
		names := func(f accounts.AccountFilter) (out string) {
			t.Helper()
			list, err := s.Accounts(ctx, f)
			must(t, err)
			for _, a := range list {
				out += a.Email[:3] + " "
			}
			return strings.TrimSpace(out)
		}
		for want, f := range map[string]accounts.AccountFilter{"ann bob eve": {}, "ann eve": {Enabled: true}, "eve": {Customer: "c1"}, "bob": {Role: accounts.Viewer},
			"bob eve": {After: ann.Email}, "ann bob": {Limit: 2}, "": {Role: accounts.Customer, Customer: "c2"}} {
			if got := names(f); got != want {
				t.Errorf("%+v: %q, want %q", f, got, want)
			}
		}
		changed := *ann
		changed.Version, changed.Email, changed.Role, changed.Disabled, changed.Recovery = 2, "anna@example.org", accounts.Customer, true, ann.Recovery[:1]
		changed.Customer, changed.Password, changed.TOTPStep, changed.SessionEpoch = "c9", "x", 1<<40+1, 4
		must(t, s.UpdateAccount(ctx, &changed, line("account.update", changed.Email)))
		got, err = s.Account(ctx, ann.ID)
		must(t, err)
		if diff := cmp.Diff(&changed, got); diff != "" {
			t.Error(diff)
		}
		if err := s.UpdateAccount(ctx, &changed, line("account.update", "")); !errors.Is(err, accounts.ErrConflict) {
			t.Errorf("again: %v", err)
		}
		taken := changed
		taken.Version, taken.Email = 3, bob.Email
		if err := s.UpdateAccount(ctx, &taken, line("account.update", "")); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("to an address that is taken: %v", err)
		}
		nobody := *anAccount("nobody", accounts.Operator)
		if err := s.UpdateAccount(ctx, &nobody, nil); !errors.Is(err, accounts.ErrConflict) {
			t.Errorf("of nobody: %v", err)
		}
		must(t, s.AddSession(ctx, &accounts.Session{Hash: digestOf("s"), Account: bob.ID, SecondFactor: accounts.Passed}, 5))
		must(t, s.AddLink(ctx, &accounts.Link{Hash: digestOf("l"), Account: bob.ID, Purpose: accounts.NewPassword}, nil))
		must(t, s.RemoveAccount(ctx, bob.ID, line("account.remove", bob.Email)))
		_, err1 := s.Session(ctx, digestOf("s"))
		_, err2 := s.Link(ctx, digestOf("l"))
		_, err3 := s.Account(ctx, bob.ID)
		for _, err := range []error{err1, err2, err3, s.RemoveAccount(ctx, bob.ID, line("account.remove", ""))} {
			if !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("of a removed account: %v", err)
			}
		}
		if err := s.AddAccount(ctx, anAccount("eve", accounts.Operator), line("account.create", "")); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("a second eve: %v", err)
		}
		if n := len(auditRows(t, s, query.AuditFilter{Action: "account"})); n != 5 {
			t.Errorf("%d lines in the audit log; what was refused has none", n)
		}
	})
}

// TestOneChanges: of several who change one version of an account, one does. A code of a
// second factor is so used once.
func TestOneChanges(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		must(t, s.AddAccount(ctx, anAccount("ann", accounts.Operator), nil))
		var group sync.WaitGroup
		var done atomic.Int64
		for i := range 8 {
			group.Go(func() {
				a := anAccount("ann", accounts.Operator)
				a.Version, a.TOTPStep = 2, int64(i)
				switch err := s.UpdateAccount(ctx, a, nil); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, accounts.ErrConflict):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if done.Load() != 1 {
			t.Errorf("%d changed it", done.Load())
		}
	})
}

func TestSessions(t *testing.T) {
	bound(t, &maxSessions, 5)
	both(t, func(t *testing.T, s Store, _ *clock) {
		add := func(name, account string, ms int64) *accounts.Session {
			t.Helper()
			x := &accounts.Session{Hash: digestOf(name), Account: account, Epoch: 1, SecondFactor: accounts.Pending, CreatedUnixMs: ms, SeenUnixMs: ms, From: "192.0.2.1", Agent: "b\xff"}
			must(t, s.AddSession(ctx, x, 3))
			x.Agent = "b\uFFFD"
			return x
		}
		s1 := add("1", "ann", 10)
		add("other", "bob", 1)
		s2, s3 := add("2", "ann", 20), add("3", "ann", 30)
		add("0", "ann", 5) // the newest to come, whatever its clock says
		list, err := s.Sessions(ctx, "ann")
		must(t, err)
		if len(list) != 3 || *list[0] != *s3 || *list[1] != *s2 || list[2].Hash != digestOf("0") {
			t.Errorf("%+v", list)
		}
		if _, err := s.Session(ctx, s1.Hash); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("the oldest: %v", err)
		}
		s2.Epoch, s2.SecondFactor, s2.SeenUnixMs = 2, accounts.Passed, 99
		must(t, s.UpdateSession(ctx, s2))
		gone := *s1
		must(t, s.UpdateSession(ctx, &gone))
		got, err := s.Session(ctx, s2.Hash)
		must(t, err)
		if *got != *s2 {
			t.Errorf("%+v", got)
		}
		add("more", "eve", 1)
		if err := s.AddSession(ctx, &accounts.Session{Hash: digestOf("x"), Account: "x"}, 3); !errors.Is(err, query.ErrFull) {
			t.Errorf("too many: %v", err)
		}
		must(t, s.EndSession(ctx, s2.Hash, line("session.logout", "")))
		must(t, s.EndSession(ctx, s2.Hash, nil))
		n, err := s.Expire(ctx, accounts.Bounds{})
		if err != nil || n != 0 {
			t.Errorf("%d are over at no time: %v", n, err)
		}
		for _, tt := range []struct {
			b    accounts.Bounds
			want int
		}{{accounts.Bounds{SessionsSeen: 5}, 2}, {accounts.Bounds{PendingCreated: 6}, 1}, {accounts.Bounds{SessionsCreated: 30}, 0}, {accounts.Bounds{SessionsCreated: 31}, 1}} {
			if n, err := s.Expire(ctx, tt.b); err != nil || n != tt.want {
				t.Errorf("%+v: %d, %v", tt.b, n, err)
			}
		}
	})
}

func TestTokensAndLinks(t *testing.T) {
	bound(t, &maxTokens, 2)
	both(t, func(t *testing.T, s Store, _ *clock) {
		x := &accounts.Token{ID: "1", Hash: digestOf("1"), Hint: "sw_1", Name: "z", Role: accounts.Customer, Customer: "c", CreatedBy: "ann", CreatedUnixMs: 1, ExpiresUnixMs: 50}
		y := &accounts.Token{ID: "2", Hash: digestOf("2"), Name: "a", Role: accounts.Viewer, ExpiresUnixMs: 60}
		must(t, s.AddToken(ctx, x, line("token.create", "z")))
		must(t, s.AddToken(ctx, y, nil))
		if err := s.AddToken(ctx, &accounts.Token{ID: "3", Role: accounts.Viewer}, nil); !errors.Is(err, query.ErrFull) {
			t.Errorf("a third: %v", err)
		}
		x.UsedUnixMs = 9
		must(t, s.UseToken(ctx, "1", 9))
		must(t, s.UseToken(ctx, "none", 9))
		list, err := s.Tokens(ctx)
		must(t, err)
		if diff := cmp.Diff([]*accounts.Token{y, x}, list); diff != "" {
			t.Error(diff)
		}
		got, err := s.Token(ctx, x.Hash)
		must(t, err)
		if *got != *x {
			t.Errorf("%+v", got)
		}
		if n, err := s.Expire(ctx, accounts.Bounds{Tokens: 51}); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		must(t, s.RemoveToken(ctx, "2", line("token.remove", "a")))
		if err := s.RemoveToken(ctx, "2", line("token.remove", "a")); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		if _, err := s.Token(ctx, y.Hash); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("of a removed one: %v", err)
		}

		first := &accounts.Link{Hash: digestOf("a"), Purpose: accounts.NewPassword, Account: "ann", ExpiresUnixMs: 10}
		second := &accounts.Link{Hash: digestOf("b"), Purpose: accounts.NewPassword, Account: "ann", ExpiresUnixMs: 20}
		setup := &accounts.Link{Hash: digestOf("c"), Purpose: accounts.FirstAccount, ExpiresUnixMs: 30}
		for _, l := range []*accounts.Link{first, setup, second} {
			must(t, s.AddLink(ctx, l, nil))
		}
		if _, err := s.Link(ctx, first.Hash); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("of one that was replaced: %v", err)
		}
		link, err := s.Link(ctx, second.Hash)
		must(t, err)
		if *link != *second {
			t.Errorf("%+v", link)
		}
		must(t, s.TakeLink(ctx, second.Hash))
		if err := s.TakeLink(ctx, second.Hash); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if n, err := s.Expire(ctx, accounts.Bounds{Links: 31}); err != nil || n != 1 {
			t.Errorf("%d links, %v", n, err)
		}
	})
}
