package accounts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

func TestSessionsEnd(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name  string
		every time.Duration // how often it is used
		after time.Duration // how long it is good for
	}{
		{"idle", 0, 12 * time.Hour},
		{"used all the time", 11 * time.Hour, 7 * 24 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.boss()
			l, err := r.login(boss, bossPass)
			r.must(err)
			began := r.now()
			if tc.every > 0 {
				for r.now().Sub(began)+tc.every < tc.after {
					r.pass(tc.every)
					r.who(l)
				}
			}
			r.pass(began.Add(tc.after).Sub(r.now()) - time.Millisecond)
			_, err = r.Still(ctx, l.Token, home)
			r.must(err)
			r.pass(time.Millisecond)
			_, err = r.Authenticate(ctx, l.Token, home)
			r.want("over", err, accounts.ErrUnauthenticated)
			_, err = r.Still(ctx, l.Token, home)
			r.want("over", err, accounts.ErrUnauthenticated)
			r.pass(time.Minute)
			r.must(r.Tick(ctx))
			all, err := r.repo.Sessions(ctx, l.Account.ID)
			r.must(err)
			if len(all) != 0 {
				t.Errorf("%d sessions are left after the sweep", len(all))
			}
		})
	}
}

// TestSeen: use is written at most once a minute, and a stream that stays open
// is no use.
func TestSeen(t *testing.T) {
	r := newRig(t)
	r.boss()
	l, err := r.login(boss, bossPass)
	r.must(err)
	writes := 0
	r.repo.Fail = func(m string) error {
		if m == "UpdateSession" {
			writes++
		}
		return nil
	}
	for range 600 { // ten minutes
		r.pass(time.Second)
		_, err := r.Still(context.Background(), l.Token, home)
		r.must(err)
	}
	if writes != 0 {
		t.Errorf("a stream wrote %d times", writes)
	}
	for range 600 {
		r.pass(time.Second)
		r.who(l)
	}
	if writes != 10 {
		t.Errorf("ten minutes of use wrote %d times", writes)
	}
}

func TestUnknownTokens(t *testing.T) {
	r := newRig(t)
	r.boss()
	l, err := r.login(boss, bossPass)
	r.must(err)
	asked := 0
	r.repo.Fail = func(string) error { asked++; return nil }
	for _, s := range []string{"", "x", strings.Repeat("A", 43), l.Token + "A", l.Token[1:], strings.ToUpper(l.Token), strings.Repeat("A", 1<<20),
		accounts.CSRF(l.Token), "spw_" + l.Token} {
		_, err := r.Authenticate(context.Background(), s, home)
		r.want(fmt.Sprintf("%.50q", s), err, accounts.ErrUnauthenticated)
		_, err = r.Program(context.Background(), s, home)
		r.want(fmt.Sprintf("%.50q", s), err, accounts.ErrUnauthenticated)
	}
	if asked > 4 {
		t.Errorf("what cannot be a token was looked up: %d questions", asked)
	}
}

func TestLogout(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	r.boss()
	one, err := r.login(boss, bossPass)
	r.must(err)
	two, err := r.login(boss, bossPass)
	r.must(err)
	r.must(r.Logout(ctx, one.Token, home))
	r.wantEntry("session.logout | boss@example.net | 192.0.2.10 | boss@example.net | ")
	_, err = r.Authenticate(ctx, one.Token, home)
	r.want("logged out", err, accounts.ErrUnauthenticated)
	r.who(two)
	lines := len(r.repo.Entries())
	r.must(r.Logout(ctx, one.Token, home))
	r.must(r.Logout(ctx, "nonsense", home))
	if len(r.repo.Entries()) != lines {
		t.Error("logging out of nothing was logged")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	first, err := r.login(boss, bossPass)
	r.must(err)
	for range 20 {
		r.pass(time.Second)
		_, err := r.login(boss, bossPass)
		r.must(err)
	}
	all, err := r.repo.Sessions(context.Background(), p.Account)
	r.must(err)
	if len(all) != 20 {
		t.Errorf("%d sessions", len(all))
	}
	_, err = r.Authenticate(context.Background(), first.Token, home)
	r.want("the oldest", err, accounts.ErrUnauthenticated)
}

func TestCSRF(t *testing.T) {
	r := newRig(t)
	r.boss()
	a, err := r.login(boss, bossPass)
	r.must(err)
	b, err := r.login(boss, bossPass)
	r.must(err)
	if a.CSRF != accounts.CSRF(a.Token) || a.CSRF == b.CSRF || a.CSRF == a.Token {
		t.Errorf("csrf %q and %q", a.CSRF, b.CSRF)
	}
	for _, tc := range []struct {
		given string
		want  bool
	}{{a.CSRF, true}, {b.CSRF, false}, {"", false}, {a.CSRF + "A", false}, {a.Token, false}, {a.CSRF[:42], false}} {
		if got := accounts.CheckCSRF(a.Token, tc.given); got != tc.want {
			t.Errorf("%q: %v", tc.given, got)
		}
	}
}

// TestPasswordEndsOtherSessions: those of the same account, and no others.
func TestPasswordEndsOtherSessions(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	r.add(p, "other@example.net", accounts.Viewer, "", "patience is a virtue")
	own, err := r.login(boss, bossPass)
	r.must(err)
	stolen, err := r.login(boss, bossPass)
	r.must(err)
	others, err := r.login("other@example.net", "patience is a virtue")
	r.must(err)
	me := r.who(own)

	const fresh = "a louder river in june"
	r.want("the old password is wrong", r.ChangePassword(ctx, me, "not this one", fresh), accounts.ErrWrongPassword)
	r.want("the same again", r.ChangePassword(ctx, me, bossPass, bossPass), accounts.ErrPassword)
	r.want("too short", r.ChangePassword(ctx, me, bossPass, "short"), accounts.ErrPassword)
	r.who(stolen)
	r.must(r.ChangePassword(ctx, me, bossPass, fresh))
	r.wantEntry("account.password | boss@example.net | 192.0.2.10 | boss@example.net | by its owner")
	r.who(own)
	r.who(others)
	_, err = r.Authenticate(ctx, stolen.Token, stranger)
	r.want("the other session", err, accounts.ErrUnauthenticated)
	_, err = r.login(boss, bossPass)
	r.want("the old password", err, accounts.ErrLogin)
	_, err = r.login(boss, fresh)
	r.must(err)
}

func TestEndOtherSessions(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	r.boss()
	own, err := r.login(boss, bossPass)
	r.must(err)
	other, err := r.login(boss, bossPass)
	r.must(err)
	r.must(r.EndOtherSessions(ctx, r.who(own)))
	r.who(own)
	_, err = r.Authenticate(ctx, other.Token, home)
	r.want("the other session", err, accounts.ErrUnauthenticated)
}

// TestEndedMeanwhile: a request that was let in before its session was ended changes
// nothing after it, and does not bring the session back.
func TestEndedMeanwhile(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	r.boss()
	own, err := r.login(boss, bossPass)
	r.must(err)
	stolen, err := r.login(boss, bossPass)
	r.must(err)
	inside := r.who(stolen)
	secret, _, err := r.StartTwoFactor(ctx, inside)
	r.must(err)
	r.must(r.ChangePassword(ctx, r.who(own), bossPass, "a louder river in june"))

	r.want("ending others", r.EndOtherSessions(ctx, inside), accounts.ErrUnauthenticated)
	_, err = r.ConfirmTwoFactor(ctx, inside, r.code(secret, 0))
	r.want("a second factor", err, accounts.ErrUnauthenticated)
	_, err = r.UpdateProfile(ctx, inside, accounts.Profile{Name: "Mallory"})
	r.want("a profile", err, accounts.ErrUnauthenticated)
	_, err = r.Authenticate(ctx, stolen.Token, home)
	r.want("the stolen session", err, accounts.ErrUnauthenticated)
	r.who(own)
}

// TestPasswordGuessesInside: a session that somebody left open is no place to
// guess the password at.
func TestPasswordGuessesInside(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	for range 5 {
		r.want("a guess", r.ChangePassword(ctx, p, "not this one", "a louder river in june"), accounts.ErrWrongPassword)
	}
	r.locked("one more", r.ChangePassword(ctx, p, bossPass, "a louder river in june"))
	r.locked("by another way", r.DisableTwoFactor(ctx, p, bossPass))
	_, err := r.NewRecoveryCodes(ctx, p, bossPass)
	r.locked("by a third way", err)
	r.pass(time.Minute)
	r.must(r.ChangePassword(ctx, p, bossPass, "a louder river in june"))
}

func TestProfile(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	f := accounts.Profile{Name: "Zoë", Phone: "+49 30 123", Department: "NOC", TimeZone: "America/Argentina/Buenos_Aires", Language: "de"}
	a, err := r.UpdateProfile(ctx, p, f)
	r.must(err)
	if a.Profile != f || a.Email != boss || a.Role != accounts.Operator {
		t.Errorf("account: %+v", a)
	}
	r.wantEntry("account.profile | boss@example.net | 192.0.2.10 | boss@example.net | name, phone, department, time_zone, language")
	me, err := r.Me(ctx, p)
	r.must(err)
	if me.Profile != f {
		t.Errorf("me: %+v", me)
	}
	for _, bad := range []accounts.Profile{
		{Name: strings.Repeat("x", 101)}, {Phone: "1\x002"}, {Department: "\xff"}, {TimeZone: "../../etc/passwd"}, {TimeZone: "/etc/localtime"},
		{TimeZone: "a b"}, {Language: "<script>"}, {Language: "d"}, {Mobile: "a\nb"},
	} {
		_, err := r.UpdateProfile(ctx, p, bad)
		r.want(fmt.Sprintf("%.40q", bad), err, accounts.ErrInvalid)
	}
	for _, zone := range []string{"UTC", "Etc/GMT+5", "Europe/Berlin", ""} {
		_, err := r.UpdateProfile(ctx, p, accounts.Profile{TimeZone: zone})
		r.must(err)
	}
}

// TestSecretsDoNotShow: neither printing nor JSON takes a secret out of an
// account, and no line of the audit log has one.
func TestSecretsDoNotShow(t *testing.T) {
	ctx := context.Background()
	r := newRig(t)
	p := r.boss()
	secret, recovery := r.enrol(p)
	_, link, err := r.Create(ctx, p, accounts.NewAccount{Email: "new@example.net", Role: accounts.Viewer})
	r.must(err)
	plain, token, err := r.CreateToken(ctx, p, accounts.NewToken{Name: "billing", Role: accounts.Operator, Expires: r.now().Add(time.Hour)})
	r.must(err)
	_, err = r.login(boss, bossPass+"x")
	r.want("wrong", err, accounts.ErrLogin)
	const fresh = "a louder river in june"
	r.must(r.ChangePassword(ctx, p, bossPass, fresh))
	more, err := r.NewRecoveryCodes(ctx, p, fresh)
	r.must(err)
	_, err = r.SetPassword(ctx, link.Token, fresh+"!", stranger)
	r.must(err)
	r.must(r.Tick(ctx))

	a, err := r.Me(ctx, p)
	r.must(err)
	shown := fmt.Sprintf("%v %+v %#v %s %+v", *a, a, *a, a.Password, *token)
	for _, e := range r.repo.Entries() {
		shown += fmt.Sprintf("\n%+v", e)
	}
	secrets := append([]string{secret, bossPass, fresh, plain, plain[8:20], link.Token, string(a.Password), "argon2id"}, append(recovery, more...)...)
	for _, s := range secrets {
		if strings.Contains(shown, s) {
			t.Errorf("%q shows in %s", s, shown)
		}
	}
	if _, err := json.Marshal(a); err == nil {
		t.Error("an account with its secrets became JSON")
	}
}
