package accounts_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

func TestEnrol(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	_, err := r.ConfirmTwoFactor(ctx, p, "123456")
	r.want("nothing to confirm", err, accounts.ErrTwoFactorOff)
	secret, link, err := r.StartTwoFactor(ctx, p)
	r.must(err)
	u, err := url.Parse(link)
	r.must(err)
	q := u.Query()
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Sipward:boss@example.net" || q.Get("secret") != secret ||
		q.Get("issuer") != "Sipward" || q.Get("digits") != "6" || q.Get("period") != "30" || len(secret) != 32 {
		t.Errorf("url %s", link)
	}
	l, err := r.login(boss, bossPass)
	r.must(err)
	if l.Pending {
		t.Error("a code is asked for that nobody confirmed")
	}
	again, _, err := r.StartTwoFactor(ctx, p)
	r.must(err)
	if again == secret {
		t.Error("the same secret was shown twice")
	}
	_, err = r.ConfirmTwoFactor(ctx, p, r.code(secret, 0))
	r.want("a code of the older secret", err, accounts.ErrCode)
	codes, err := r.ConfirmTwoFactor(ctx, p, r.code(again, 1))
	r.must(err)
	r.wantEntry("account.two_factor.on | boss@example.net | 192.0.2.10 | boss@example.net | ")
	if len(codes) != 10 || len(codes[0]) != 19 || codes[0] == codes[1] {
		t.Errorf("recovery codes %q", codes)
	}
	_, err = r.Authenticate(ctx, l.Token, home)
	r.want("another session, from before", err, accounts.ErrUnauthenticated)
	_, err = r.Me(ctx, p)
	r.must(err)
	_, _, err = r.StartTwoFactor(ctx, p)
	r.want("once more", err, accounts.ErrTwoFactorOn)
	_, err = r.ConfirmTwoFactor(ctx, p, r.code(again, 1))
	r.want("once more", err, accounts.ErrTwoFactorOn)
	if without, all, err := r.WithoutTwoFactor(ctx); err != nil || without != 0 || all != 1 {
		t.Errorf("%d of %d without, %v", without, all, err)
	}
}

// TestOwnSessionGoesOn: who switches the second factor on or off stays logged in.
func TestOwnSessionGoesOn(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	r.boss()
	l, err := r.login(boss, bossPass)
	r.must(err)
	r.enrol(r.who(l))
	r.want("the password is wrong", r.DisableTwoFactor(ctx, r.who(l), "wrong"), accounts.ErrWrongPassword)
	r.must(r.DisableTwoFactor(ctx, r.who(l), bossPass))
	r.wantEntry("account.two_factor.off | boss@example.net | 192.0.2.10 | boss@example.net | by its owner")
	r.want("off already", r.DisableTwoFactor(ctx, r.who(l), bossPass), accounts.ErrTwoFactorOff)
	_, err = r.NewRecoveryCodes(ctx, r.who(l), bossPass)
	r.want("codes for nothing", err, accounts.ErrTwoFactorOff)
	after, err := r.login(boss, bossPass)
	r.must(err)
	if after.Pending {
		t.Error("a code is asked for after it was switched off")
	}
}

func TestSecondFactor(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	secret, _ := r.enrol(r.boss())
	r.pass(5 * time.Minute)
	l, err := r.login(boss, bossPass)
	r.must(err)
	if !l.Pending || !l.Ends.Equal(r.now().Add(10*time.Minute)) {
		t.Fatalf("login: %+v", l)
	}
	_, err = r.Authenticate(ctx, l.Token, home)
	r.want("half a login", err, accounts.ErrSecondFactor)
	_, err = r.Still(ctx, l.Token, home)
	r.want("half a login", err, accounts.ErrSecondFactor)
	_, err = r.SecondFactor(ctx, l.Token, "000000", home)
	r.want("a guess", err, accounts.ErrCode)
	full, err := r.SecondFactor(ctx, l.Token, r.code(secret, 0)[:3]+" "+r.code(secret, 0)[3:], home)
	r.must(err)
	r.wantEntry("session.login | boss@example.net | 192.0.2.10 | boss@example.net | with a second factor")
	if full.Token == l.Token || full.Pending {
		t.Error("the token of half a login became a whole one's")
	}
	r.who(full)
	_, err = r.Authenticate(ctx, l.Token, home)
	r.want("the token of half a login", err, accounts.ErrUnauthenticated)
	_, err = r.SecondFactor(ctx, full.Token, r.code(secret, 1), home)
	r.want("a session that is whole", err, accounts.ErrTwoFactorOff)
}

// TestSteps: a code is good one step early and late, once, and never one that
// is older than the last used one.
func TestSteps(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		steps []int // one login each, at the same time
		good  []bool
	}{
		{"now", []int{0}, []bool{true}},
		{"late", []int{-1}, []bool{true}},
		{"early", []int{1}, []bool{true}},
		{"too late", []int{-2}, []bool{false}},
		{"too early", []int{2}, []bool{false}},
		{"again", []int{0, 0}, []bool{true, false}},
		{"older", []int{0, -1}, []bool{true, false}},
		{"next", []int{0, 1, 1}, []bool{true, true, false}},
		{"in turn", []int{-1, 0, 1}, []bool{true, true, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			secret, _ := r.enrol(r.boss())
			r.pass(5 * time.Minute)
			for i, step := range tc.steps {
				l, err := r.login(boss, bossPass)
				r.must(err)
				_, err = r.SecondFactor(ctx, l.Token, r.code(secret, step), home)
				if good := err == nil; good != tc.good[i] {
					t.Errorf("code %d of step %+d: %v", i, step, err)
				}
			}
		})
	}
}

// TestCodeAtOnce: of logins with the same code at the same time one succeeds.
func TestCodeAtOnce(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	secret, recovery := r.enrol(r.boss())
	r.pass(5 * time.Minute)
	for i, code := range []string{r.code(secret, 0), recovery[3]} {
		tokens := make([]string, 4)
		for i := range tokens {
			l, err := r.login(boss, bossPass)
			r.must(err)
			tokens[i] = l.Token
		}
		errs := make([]error, len(tokens))
		var wg sync.WaitGroup
		for i, token := range tokens {
			wg.Go(func() { _, errs[i] = r.SecondFactor(ctx, token, code, home) })
		}
		wg.Wait()
		good := 0
		for _, err := range errs {
			if err == nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("code %d: %d logins with it: %v", i, good, errs)
		}
	}
}

func TestRecovery(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	_, codes := r.enrol(p)
	use := func(code string) error {
		t.Helper()
		l, err := r.login(boss, bossPass)
		r.must(err)
		_, err = r.SecondFactor(ctx, l.Token, code, home)
		return err
	}
	r.must(use(codes[0]))
	r.wantEntry("session.login | boss@example.net | 192.0.2.10 | boss@example.net | with a recovery code, 9 are left")
	r.want("again", use(codes[0]), accounts.ErrCode)
	r.must(use(strings.ToUpper(strings.ReplaceAll(codes[1], "-", " "))))
	fresh, err := r.NewRecoveryCodes(ctx, p, bossPass)
	r.must(err)
	r.wantEntry("account.recovery_codes | boss@example.net | 192.0.2.10 | boss@example.net | ")
	r.want("one of the old codes", use(codes[2]), accounts.ErrCode)
	for _, c := range fresh {
		r.must(use(c))
	}
	r.want("after the last", use(fresh[9]), accounts.ErrCode)
	a, err := r.Me(ctx, p)
	r.must(err)
	if len(a.Recovery) != 0 {
		t.Errorf("%d codes are left", len(a.Recovery))
	}
}

// TestCodeLock: codes are locked by account, so that new half logins give no
// new guesses.
func TestCodeLock(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	secret, codes := r.enrol(r.boss())
	for range 5 {
		l, err := r.login(boss, bossPass)
		r.must(err)
		_, err = r.SecondFactor(ctx, l.Token, "000000", stranger)
		r.want("a guess", err, accounts.ErrCode)
	}
	l, err := r.login(boss, bossPass)
	r.must(err)
	_, err = r.SecondFactor(ctx, l.Token, r.code(secret, 0), stranger)
	if wait := r.locked("the right code", err); wait != time.Minute {
		t.Errorf("locked for %v", wait)
	}
	_, err = r.SecondFactor(ctx, l.Token, codes[0], stranger)
	r.locked("a recovery code", err)
	r.pass(time.Minute)
	_, err = r.SecondFactor(ctx, l.Token, r.code(secret, 0), stranger)
	r.must(err)
	before := len(r.repo.Entries())
	r.must(r.Tick(ctx))
	if n := len(r.repo.Entries()) - before; n != 1 {
		t.Fatalf("%d lines", n)
	}
	r.wantEntry("session.login_failed |  | 198.51.100.66 | boss@example.net | 5 times, second factor")
}

func TestPendingEnds(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	secret, _ := r.enrol(r.boss())
	l, err := r.login(boss, bossPass)
	r.must(err)
	r.pass(10 * time.Minute)
	_, err = r.SecondFactor(ctx, l.Token, r.code(secret, 0), home)
	r.want("too late", err, accounts.ErrUnauthenticated)
	_, err = r.SecondFactor(ctx, "nonsense", r.code(secret, 0), home)
	r.want("no session", err, accounts.ErrUnauthenticated)
}

// TestPendingIsNotEnough: what ends sessions ends half ones too.
func TestPendingIsNotEnough(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	a := r.add(p, "two@example.net", accounts.Viewer, "", "patience is a virtue")
	first, err := r.login("two@example.net", "patience is a virtue")
	r.must(err)
	secret, _ := r.enrol(r.who(first))
	r.pass(5 * time.Minute)
	half, err := r.login("two@example.net", "patience is a virtue")
	r.must(err)
	r.must(r.ResetTwoFactor(ctx, p, a.ID))
	r.wantEntry("account.two_factor.off | boss@example.net | 192.0.2.10 | two@example.net | by an operator")
	_, err = r.Authenticate(ctx, half.Token, home)
	r.want("half a login", err, accounts.ErrUnauthenticated)
	_, err = r.SecondFactor(ctx, half.Token, r.code(secret, 0), home)
	r.want("half a login", err, accounts.ErrUnauthenticated)
	r.want("off already", r.ResetTwoFactor(ctx, p, a.ID), accounts.ErrTwoFactorOff)
	r.want("the own one", r.ResetTwoFactor(ctx, p, p.Account), accounts.ErrForbidden)
}
