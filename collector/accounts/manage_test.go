package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

func ptr[T any](x T) *T { return &x }

func TestSetup(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	old, err := r.Setup(ctx)
	r.must(err)
	link, err := r.Setup(ctx)
	r.must(err)
	if link.Purpose != accounts.FirstAccount || !link.Expires.Equal(r.now().Add(24*time.Hour)) || len(link.Token) != 43 {
		t.Errorf("link %+v", link)
	}
	first := accounts.NewAccount{Email: boss, Password: bossPass, Role: accounts.Viewer, Customer: "x"}
	_, err = r.FirstOperator(ctx, old.Token, first, home, agent)
	r.want("the link of an earlier start", err, accounts.ErrLink)
	_, err = r.FirstOperator(ctx, "guess", first, home, agent)
	r.want("a guess", err, accounts.ErrLink)
	_, err = r.SetPassword(ctx, link.Token, bossPass, home)
	r.want("for another purpose", err, accounts.ErrLink)
	for _, bad := range []accounts.NewAccount{{Email: boss}, {Email: boss, Password: "short"}, {Email: "boss", Password: bossPass}} {
		if _, err := r.FirstOperator(ctx, link.Token, bad, home, agent); err == nil {
			t.Errorf("made an account of %+v", bad)
		}
	}
	r.pass(24*time.Hour - time.Millisecond)
	purpose, email, err := r.Opened(ctx, link.Token)
	if err != nil || purpose != accounts.FirstAccount || email != "" {
		t.Errorf("opened: %v %q %v", purpose, email, err)
	}
	l, err := r.FirstOperator(ctx, link.Token, first, home, agent)
	r.must(err)
	r.wantEntry("account.setup | boss@example.net | 192.0.2.10 | boss@example.net | with the set-up link")
	if p := r.who(l); p.Role != accounts.Operator || p.Customer != "" {
		t.Errorf("the first account is %+v", p)
	}
	_, err = r.FirstOperator(ctx, link.Token, first, home, agent)
	r.want("used", err, accounts.ErrLink)
	if again, err := r.Setup(ctx); err != nil || again != nil {
		t.Errorf("another link although there is an operator: %v %v", again, err)
	}
}

func TestSetupExpires(t *testing.T) {
	r := newRig(t)
	link, err := r.Setup(context.Background())
	r.must(err)
	r.pass(24 * time.Hour)
	_, err = r.FirstOperator(context.Background(), link.Token, accounts.NewAccount{Email: boss, Password: bossPass}, home, agent)
	r.want("a day later", err, accounts.ErrLink)
}

// TestSetupDies: a link that nobody used is dead once an operator exists.
func TestSetupDies(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	link, err := r.Setup(ctx)
	r.must(err)
	other := accounts.Account{ID: "1", Email: "op@example.net", Role: accounts.Operator, Password: "x", Version: 1}
	r.must(r.repo.AddAccount(ctx, &other, nil))
	_, err = r.FirstOperator(ctx, link.Token, accounts.NewAccount{Email: boss, Password: bossPass}, home, agent)
	r.want("an operator exists", err, accounts.ErrLink)
	_, _, err = r.Opened(ctx, link.Token)
	r.want("an operator exists", err, accounts.ErrLink)
}

func TestSetupAtOnce(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	link, err := r.Setup(ctx)
	r.must(err)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			n := accounts.NewAccount{Email: fmt.Sprintf("op%d@example.net", i), Password: bossPass}
			_, errs[i] = r.FirstOperator(ctx, link.Token, n, home, agent)
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			r.want("too late", err, accounts.ErrLink)
		}
	}
	if made != 1 {
		t.Errorf("one link made %d operators", made)
	}
}

func TestCreateByLink(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a, link, err := r.Create(ctx, p, accounts.NewAccount{Email: " Anna@Customer.example ", Role: accounts.Customer, Customer: "customer-1"})
	r.must(err)
	r.wantEntry("account.create | boss@example.net | 192.0.2.10 | anna@customer.example | customer customer-1")
	if a.Email != "anna@customer.example" || a.Password != "" || link.Purpose != accounts.NewPassword {
		t.Errorf("account %+v, link %+v", a, link)
	}
	purpose, email, err := r.Opened(ctx, link.Token)
	if err != nil || purpose != accounts.NewPassword || email != a.Email {
		t.Errorf("opened: %v %q %v", purpose, email, err)
	}
	_, err = r.SetPassword(ctx, link.Token, "anna1234567890", stranger)
	r.want("made of the name", err, accounts.ErrPassword)
	email, err = r.SetPassword(ctx, link.Token, "patience is a virtue", stranger)
	r.must(err)
	r.wantEntry("account.password | anna@customer.example | 198.51.100.66 | anna@customer.example | with a one-time link")
	if email != a.Email {
		t.Errorf("email %q", email)
	}
	_, err = r.SetPassword(ctx, link.Token, "patience is no virtue", stranger)
	r.want("used", err, accounts.ErrLink)
	l, err := r.login(a.Email, "patience is a virtue")
	r.must(err)
	if c, only := r.who(l).Scope(); c != "customer-1" || !only {
		t.Errorf("scope %q %v", c, only)
	}
}

// TestLinksDie: with the next link, with what ends sessions, with time.
func TestLinksDie(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Viewer, "", "patience is a virtue")
	link := func() string {
		t.Helper()
		l, err := r.ResetPassword(ctx, p, a.ID)
		r.must(err)
		return l.Token
	}
	dead := func(what, token string) {
		t.Helper()
		_, err := r.SetPassword(ctx, token, "another fine day", home)
		r.want(what, err, accounts.ErrLink)
	}
	first := link()
	r.wantEntry("account.link | boss@example.net | 192.0.2.10 | anna@example.net | to set a password")
	second := link()
	dead("replaced", first)
	l, err := r.login(a.Email, "patience is a virtue")
	r.must(err) // the password is good until the link is used
	r.must(r.ChangePassword(ctx, r.who(l), "patience is a virtue", "patience is no virtue"))
	dead("the password was changed", second)
	third := link()
	_, err = r.Update(ctx, p, a.ID, accounts.Change{Disabled: ptr(true)})
	r.must(err)
	dead("disabled", third)
	_, err = r.ResetPassword(ctx, p, a.ID)
	r.want("a link for a disabled account", err, accounts.ErrInvalid)
	_, err = r.Update(ctx, p, a.ID, accounts.Change{Disabled: ptr(false)})
	r.must(err)
	dead("enabled again", third)
	fourth := link()
	r.pass(7 * 24 * time.Hour)
	dead("a week later", fourth)
	r.must(r.Tick(ctx))
}

func TestCreateRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	before := len(r.repo.Entries())
	for _, tc := range []struct {
		name string
		n    accounts.NewAccount
		want error
	}{
		{"a taken address", accounts.NewAccount{Email: "BOSS@example.net", Role: accounts.Viewer}, accounts.ErrExists},
		{"no address", accounts.NewAccount{Email: "boss", Role: accounts.Viewer}, accounts.ErrInvalid},
		{"two addresses", accounts.NewAccount{Email: "a@b@c", Role: accounts.Viewer}, accounts.ErrInvalid},
		{"a line break", accounts.NewAccount{Email: "a@b\r\nBcc: x", Role: accounts.Viewer}, accounts.ErrInvalid},
		{"a long address", accounts.NewAccount{Email: strings.Repeat("a", 250) + "@b.cd", Role: accounts.Viewer}, accounts.ErrInvalid},
		{"no role", accounts.NewAccount{Email: "a@example.net"}, accounts.ErrInvalid},
		{"an unknown role", accounts.NewAccount{Email: "a@example.net", Role: 4}, accounts.ErrInvalid},
		{"a customer without one", accounts.NewAccount{Email: "a@example.net", Role: accounts.Customer}, accounts.ErrInvalid},
		{"an operator of one", accounts.NewAccount{Email: "a@example.net", Role: accounts.Operator, Customer: "x"}, accounts.ErrInvalid},
		{"a bad password", accounts.NewAccount{Email: "a@example.net", Role: accounts.Viewer, Password: "1234567890"}, accounts.ErrPassword},
		{"a bad profile", accounts.NewAccount{Email: "a@example.net", Role: accounts.Viewer, Profile: accounts.Profile{Name: "\x00"}}, accounts.ErrInvalid},
	} {
		_, _, err := r.Create(ctx, p, tc.n)
		r.want(tc.name, err, tc.want)
	}
	if n := len(r.repo.Entries()) - before; n != 0 {
		t.Errorf("%d refused changes were logged as made", n)
	}
}

// TestUpdate: what changes who an account is or what it sees ends its sessions.
func TestUpdate(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		c     accounts.Change
		ends  bool
		entry string
	}{
		{"role", accounts.Change{Role: ptr(accounts.Viewer), Customer: ptr("")}, true, "account.update | customer customer-1 -> viewer"},
		{"customer", accounts.Change{Customer: ptr("customer-2")}, true, "account.update | customer customer-1 -> customer customer-2"},
		{"address", accounts.Change{Email: ptr("Berta@example.net")}, true, "account.update | e-mail address is now berta@example.net"},
		{"disabled", accounts.Change{Disabled: ptr(true)}, true, "account.disable | "},
		{"profile", accounts.Change{Profile: &accounts.Profile{Name: "Anna"}}, false, "account.update | name"},
		{"nothing", accounts.Change{}, false, "account.update | "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			p := r.boss()
			a := r.add(p, "anna@example.net", accounts.Customer, "customer-1", "patience is a virtue")
			l, err := r.login(a.Email, "patience is a virtue")
			r.must(err)
			_, err = r.Update(ctx, p, a.ID, tc.c)
			r.must(err)
			action, detail, _ := strings.Cut(tc.entry, " | ")
			r.wantEntry(action + " | boss@example.net | 192.0.2.10 | anna@example.net | " + detail)
			_, err = r.Authenticate(ctx, l.Token, home)
			if ended := errors.Is(err, accounts.ErrUnauthenticated); ended != tc.ends {
				t.Errorf("the session ended: %v, want %v (%v)", ended, tc.ends, err)
			}
		})
	}
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Customer, "customer-1", "patience is a virtue")
	for name, c := range map[string]accounts.Change{
		"no customer": {Customer: ptr("")}, "both": {Role: ptr(accounts.Viewer)}, "no role": {Role: ptr(accounts.Role(0))}, "no address": {Email: ptr("x")},
	} {
		_, err := r.Update(ctx, p, a.ID, c)
		r.want(name, err, accounts.ErrInvalid)
	}
	_, err := r.Update(ctx, p, a.ID, accounts.Change{Email: ptr(boss)})
	r.want("a taken address", err, accounts.ErrExists)
	_, err = r.Update(ctx, p, "x", accounts.Change{})
	r.want("an unknown account", err, accounts.ErrNotFound)
}

func TestLastOperator(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	// Neither a viewer nor an operator who never set a password counts.
	r.add(p, "viewer@example.net", accounts.Viewer, "", "patience is a virtue")
	_, _, err := r.Create(ctx, p, accounts.NewAccount{Email: "invited@example.net", Role: accounts.Operator})
	r.must(err)
	for name, c := range map[string]accounts.Change{
		"disable": {Disabled: ptr(true)}, "demote": {Role: ptr(accounts.Viewer)}, "sell": {Role: ptr(accounts.Customer), Customer: ptr("x")},
	} {
		_, err := r.Update(ctx, p, p.Account, c)
		r.want(name, err, accounts.ErrLastOperator)
	}
	r.want("remove", r.Remove(ctx, p, p.Account), accounts.ErrLastOperator)
	r.who(must(r.login(boss, bossPass)))

	two := r.add(p, "two@example.net", accounts.Operator, "", "patience is a virtue")
	_, err = r.Update(ctx, p, p.Account, accounts.Change{Role: ptr(accounts.Viewer)})
	r.must(err)
	r.want("now the other is the last", r.Remove(ctx, p, two.ID), accounts.ErrLastOperator)
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// TestLastOperatorAtOnce: two who remove one another at the same time do not
// leave nobody.
func TestLastOperatorAtOnce(t *testing.T) {
	ctx := context.Background()
	for round := range 20 {
		r := newRig(t)
		p := r.boss()
		two := r.add(p, "two@example.net", accounts.Operator, "", "patience is a virtue")
		q := r.who(must(r.login("two@example.net", "patience is a virtue")))
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { errs[0] = r.Remove(ctx, p, two.ID) })
		wg.Go(func() { _, errs[1] = r.Update(ctx, q, p.Account, accounts.Change{Disabled: ptr(true)}) })
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: %v and %v, want exactly one", round, errs[0], errs[1])
		}
	}
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Customer, "customer-1", "patience is a virtue")
	l := must(r.login(a.Email, "patience is a virtue"))
	r.must(r.Remove(ctx, p, a.ID))
	r.wantEntry("account.remove | boss@example.net | 192.0.2.10 | anna@example.net | customer customer-1")
	_, err := r.Authenticate(ctx, l.Token, home)
	r.want("its session", err, accounts.ErrUnauthenticated)
	_, err = r.login(a.Email, "patience is a virtue")
	r.want("its login", err, accounts.ErrLogin)
	r.want("again", r.Remove(ctx, p, a.ID), accounts.ErrNotFound)
}

func TestEndSessions(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Customer, "customer-1", "patience is a virtue")
	l := must(r.login(a.Email, "patience is a virtue"))
	r.must(r.EndSessions(ctx, p, a.ID))
	r.wantEntry("session.end_all | boss@example.net | 192.0.2.10 | anna@example.net | by an operator")
	_, err := r.Authenticate(ctx, l.Token, home)
	r.want("its session", err, accounts.ErrUnauthenticated)
}

// TestForbidden: every method that needs a role refuses all who do not have it,
// before it looks at anything.
func TestForbidden(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	boss := r.boss()
	viewer := &accounts.Principal{Account: boss.Account, Role: accounts.Viewer}
	customer := &accounts.Principal{Account: boss.Account, Role: accounts.Customer, Customer: "customer-1"}
	program := &accounts.Principal{Token: "t", Role: accounts.Operator}
	operators := map[string]func(p *accounts.Principal) error{
		"List":     func(p *accounts.Principal) error { _, err := r.List(ctx, p, accounts.AccountFilter{}); return err },
		"Get":      func(p *accounts.Principal) error { _, err := r.Get(ctx, p, boss.Account); return err },
		"Create":   func(p *accounts.Principal) error { _, _, err := r.Create(ctx, p, accounts.NewAccount{}); return err },
		"Update":   func(p *accounts.Principal) error { _, err := r.Update(ctx, p, "", accounts.Change{}); return err },
		"Remove":   func(p *accounts.Principal) error { return r.Remove(ctx, p, boss.Account) },
		"Reset":    func(p *accounts.Principal) error { _, err := r.ResetPassword(ctx, p, boss.Account); return err },
		"Reset2FA": func(p *accounts.Principal) error { return r.ResetTwoFactor(ctx, p, boss.Account) },
		"Unlock":   func(p *accounts.Principal) error { return r.Unlock(ctx, p, boss.Account) },
		"End":      func(p *accounts.Principal) error { return r.EndSessions(ctx, p, boss.Account) },
		"Tokens":   func(p *accounts.Principal) error { _, err := r.Tokens(ctx, p); return err },
		"NewToken": func(p *accounts.Principal) error { _, _, err := r.CreateToken(ctx, p, accounts.NewToken{}); return err },
		"DelToken": func(p *accounts.Principal) error { return r.RemoveToken(ctx, p, "x") },
	}
	people := map[string]func(p *accounts.Principal) error{
		"Me":       func(p *accounts.Principal) error { _, err := r.Me(ctx, p); return err },
		"Profile":  func(p *accounts.Principal) error { _, err := r.UpdateProfile(ctx, p, accounts.Profile{}); return err },
		"Password": func(p *accounts.Principal) error { return r.ChangePassword(ctx, p, "", "") },
		"Others":   func(p *accounts.Principal) error { return r.EndOtherSessions(ctx, p) },
		"Start":    func(p *accounts.Principal) error { _, _, err := r.StartTwoFactor(ctx, p); return err },
		"Confirm":  func(p *accounts.Principal) error { _, err := r.ConfirmTwoFactor(ctx, p, ""); return err },
		"Disable":  func(p *accounts.Principal) error { return r.DisableTwoFactor(ctx, p, "") },
		"Recovery": func(p *accounts.Principal) error { _, err := r.NewRecoveryCodes(ctx, p, ""); return err },
	}
	r.repo.Fail = func(m string) error { t.Errorf("%s was asked", m); return errors.New("asked") }
	for name, call := range operators {
		for _, p := range []*accounts.Principal{viewer, customer, program, {}} {
			if name == "List" || name == "Get" {
				if p == program {
					continue // a program of an operator may look
				}
			}
			r.want(fmt.Sprintf("%s by %+v", name, p), call(p), accounts.ErrForbidden)
		}
	}
	for name, call := range people {
		for _, p := range []*accounts.Principal{program, {}, {Account: boss.Account, Role: accounts.Customer}} {
			r.want(fmt.Sprintf("%s by %+v", name, p), call(p), accounts.ErrForbidden)
		}
	}
}

// TestCommandLine: the only operator lost the password and the phone, and is let in again
// from the host of the collector.
func TestCommandLine(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	_, _ = r.enrol(p)
	host := accounts.CommandLine("root@host\n")
	early := must(r.ResetPassword(ctx, host, p.Account))
	r.must(r.ResetTwoFactor(ctx, host, p.Account))
	r.wantEntry("account.two_factor.off | root@host?, command line |  | boss@example.net | by an operator")
	l := must(r.ResetPassword(ctx, host, p.Account))
	r.wantEntry("account.link | root@host?, command line |  | boss@example.net | to set a password")
	_, err := r.SetPassword(ctx, early.Token, "a loud river in june", home)
	r.want("a link from before the reset", err, accounts.ErrLink)
	_, err = r.SetPassword(ctx, l.Token, "a loud river in june", home)
	r.must(err)
	if in := must(r.login(boss, "a loud river in june")); in.Pending {
		t.Error("a code is asked for")
	}
	_, err = r.Me(ctx, host)
	r.want("it has no account of its own", err, accounts.ErrForbidden)
}

func TestUnlock(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Viewer, "", "patience is a virtue")
	if until := r.LockedUntil(a); !until.IsZero() {
		t.Errorf("locked until %v", until)
	}
	for range 5 {
		_, err := r.from(stranger, a.Email, "wrong")
		r.want("wrong", err, accounts.ErrLogin)
	}
	if until := r.LockedUntil(a); !until.Equal(r.now().Add(time.Minute)) {
		t.Errorf("locked until %v", until)
	}
	r.must(r.Unlock(ctx, p, a.ID))
	r.wantEntry("account.unlock | boss@example.net | 192.0.2.10 | anna@example.net | ")
	if until := r.LockedUntil(a); !until.IsZero() {
		t.Errorf("locked until %v", until)
	}
	_, err := r.from(stranger, a.Email, "patience is a virtue")
	r.must(err)
	r.want("an unknown account", r.Unlock(ctx, p, "x"), accounts.ErrNotFound)
}

// TestLockedUntilIsOver: a lock that has ended is none.
func TestLockedUntilIsOver(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "anna@example.net", accounts.Viewer, "", "patience is a virtue")
	for range 5 {
		_, err := r.from(stranger, a.Email, "wrong")
		r.want("wrong", err, accounts.ErrLogin)
	}
	r.pass(time.Minute)
	if until := r.LockedUntil(a); !until.IsZero() {
		t.Errorf("locked until %v", until)
	}
}
