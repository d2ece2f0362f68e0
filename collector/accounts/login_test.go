package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

func TestLogin(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	if p.Name != boss || p.Role != accounts.Operator || p.Account == "" || p.From != home {
		t.Errorf("who is it: %+v", p)
	}
	r.pass(time.Hour)
	l, err := r.login(" Boss@Example.NET ", bossPass)
	r.must(err)
	if l.Pending || l.Account.Email != boss || !l.Ends.Equal(r.now().Add(7*24*time.Hour)) {
		t.Errorf("login: %+v", l)
	}
	if l.Account.LastLoginFrom != home.String() || l.Account.LastLoginUnixMs != r.now().UnixMilli() {
		t.Errorf("the login is not noted: %+v", l.Account)
	}
	r.wantEntry("session.login | boss@example.net | 192.0.2.10 | boss@example.net | ")
	if r.who(l).Account != p.Account {
		t.Error("the session belongs to somebody else")
	}
	all, err := r.repo.Sessions(context.Background(), p.Account)
	r.must(err)
	for _, s := range all {
		if strings.Contains(fmt.Sprintf("%+v", *s), l.Token) {
			t.Error("the token is stored")
		}
	}
}

// TestOneAnswer: whatever is wrong, the answer is the same, one hash is
// computed, and the repository is asked the same questions.
func TestOneAnswer(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	disabled := r.add(p, "gone@example.net", accounts.Viewer, "", "nobody knows this one")
	yes := true
	_, err := r.Update(context.Background(), p, disabled.ID, accounts.Change{Disabled: &yes})
	r.must(err)
	_, _, err = r.Create(context.Background(), p, accounts.NewAccount{Email: "invited@example.net", Role: accounts.Viewer})
	r.must(err)
	broken := r.add(p, "broken@example.net", accounts.Viewer, "", "nobody knows this one")
	broken.Password, broken.Version = "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AAAA", 2
	r.must(r.repo.UpdateAccount(context.Background(), broken, nil))

	var asked []string
	r.repo.Fail = func(method string) error {
		asked = append(asked, method)
		return nil
	}
	for _, tc := range []struct{ name, email, password string }{
		{"wrong password", boss, "wrong password"},
		{"unknown name", "nobody@example.net", bossPass},
		{"disabled, right password", "gone@example.net", "nobody knows this one"},
		{"no password yet", "invited@example.net", ""},
		{"a broken hash", "broken@example.net", "nobody knows this one"},
		{"empty", boss, ""},
		{"a megabyte", boss, strings.Repeat("x", 1<<20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked = nil
			before := r.Stats().Hashes
			_, err := r.login(tc.email, tc.password)
			if err != accounts.ErrLogin {
				t.Errorf("err = %v", err)
			}
			if n := r.Stats().Hashes - before; n != 1 {
				t.Errorf("%d hashes were computed", n)
			}
			if want := []string{"AccountByEmail"}; !slices.Equal(asked, want) {
				t.Errorf("the repository was asked %v, want %v", asked, want)
			}
		})
	}
}

func TestFailedLoginsAreLoggedAtTheTick(t *testing.T) {
	r := newRig(t)
	r.boss()
	before := len(r.repo.Entries())
	for range 3 {
		_, err := r.from(stranger, boss, "hunter2hunter2")
		r.want("wrong", err, accounts.ErrLogin)
	}
	_, err := r.from(stranger, "my secret password", "x")
	r.want("unknown", err, accounts.ErrLogin)
	if n := len(r.repo.Entries()); n != before {
		t.Errorf("%d lines were written at once", n-before)
	}
	r.must(r.Tick(context.Background()))
	var got []string
	for _, e := range r.repo.Entries()[before:] {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", e.Action, e.Name, e.From, e.Target, e.Detail))
	}
	slices.Sort(got)
	want := []string{
		"session.login_failed||198.51.100.66|boss@example.net|3 times",
		"session.login_failed||198.51.100.66||once, no such account",
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	r.must(r.Tick(context.Background()))
	if n := len(r.repo.Entries()); n != before+2 {
		t.Errorf("the next tick wrote %d lines more", n-before-2)
	}
}

func TestFailureLogIsBounded(t *testing.T) {
	r := newRig(t)
	r.boss()
	before := len(r.repo.Entries())
	for i := range 300 {
		_, err := r.from(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), fmt.Sprintf("u%d@example.net", i), "x")
		r.want("unknown", err, accounts.ErrLogin)
	}
	r.must(r.Tick(context.Background()))
	if n := len(r.repo.Entries()) - before; n != 256 {
		t.Errorf("%d lines", n)
	}
	if n := r.Stats().Unlogged; n != 44 {
		t.Errorf("%d were not counted as missing", n)
	}
}

func TestLockout(t *testing.T) {
	r := newRig(t)
	r.boss()
	for _, email := range []string{boss, "nobody@example.net", "no address"} {
		for i := range 5 {
			_, err := r.from(stranger, email, "wrong")
			r.want(fmt.Sprint(email, " try ", i), err, accounts.ErrLogin)
		}
		_, err := r.from(stranger, email, bossPass)
		if wait := r.locked(email, err); wait != time.Minute {
			t.Errorf("%s: the first lock is %v", email, wait)
		}
	}
	if s := r.Stats(); s.Failed != 15 || s.Refused != 3 || s.Locks != 3 {
		t.Errorf("stats: %+v", s)
	}
	r.pass(time.Minute)
	_, err := r.from(stranger, boss, bossPass)
	r.must(err) // the lock is over
}

// TestLocksGrow: each lock without a calm hour between is twice as long, up to
// a quarter of an hour, and a login in between makes it short again.
func TestLocksGrow(t *testing.T) {
	r := newRig(t)
	r.boss()
	round := func(n int) time.Duration {
		for i := range 5 { // from an address of its own each: the account is what is locked
			_, err := r.from(netip.AddrFrom4([4]byte{10, byte(n), 0, byte(i)}), boss, "wrong")
			r.want("wrong", err, accounts.ErrLogin)
		}
		_, err := r.from(netip.AddrFrom4([4]byte{10, byte(n), 1, 0}), boss, bossPass)
		return r.locked("locked", err)
	}
	for i, minutes := range []int{1, 2, 4, 8, 15, 15} {
		want := time.Duration(minutes) * time.Minute
		if got := round(i); got != want {
			t.Errorf("lock %d is %v, want %v", i, got, want)
		}
		r.pass(want)
	}
	_, err := r.from(stranger, boss, bossPass)
	r.must(err)
	if got := round(20); got != time.Minute {
		t.Errorf("after a login the lock is %v", got)
	}
	r.pass(time.Minute + time.Hour)
	if got := round(21); got != time.Minute {
		t.Errorf("after a calm hour the lock is %v", got)
	}
}

// TestStrangersLockNobodyOut: who comes from where the account was used last
// is counted apart.
func TestStrangersLockNobodyOut(t *testing.T) {
	r := newRig(t)
	r.boss()
	_, err := r.login(boss, bossPass)
	r.must(err)
	for range 5 {
		_, err := r.from(stranger, boss, "wrong")
		r.want("wrong", err, accounts.ErrLogin)
	}
	_, err = r.from(stranger, boss, bossPass)
	r.locked("a stranger", err)
	_, err = r.login(boss, bossPass)
	r.must(err)
	_, err = r.from(stranger, boss, bossPass)
	r.locked("a stranger still", err)
	for range 5 {
		_, err := r.login(boss, "wrong")
		r.want("wrong", err, accounts.ErrLogin)
	}
	_, err = r.login(boss, bossPass)
	r.locked("at home", err)
}

// TestAddressLock: an address that goes through names is locked, an own
// account does not clear what it did, and IPv6 counts by /64.
func TestAddressLock(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	r.add(p, "bad@example.net", accounts.Customer, "customer-1", "patience is a virtue")
	at := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", i+1)) }
	for i := range 20 {
		if i%3 == 0 {
			_, err := r.from(at(1000+i), "bad@example.net", "patience is a virtue")
			r.must(err)
		}
		_, err := r.from(at(i), fmt.Sprintf("user%d@example.net", i), "password")
		r.want("a guess", err, accounts.ErrLogin)
	}
	_, err := r.from(at(77), boss, bossPass)
	if wait := r.locked("the address", err); wait != time.Minute {
		t.Errorf("it is locked for %v", wait)
	}
	_, err = r.from(netip.MustParseAddr("2001:db8:0:2::1"), boss, bossPass)
	r.must(err)
}

// TestTriesAtOnce: guesses that come at the same time are counted as many.
func TestTriesAtOnce(t *testing.T) {
	r := newRig(t, func(o *accounts.Options) { o.Waiting = 1000 })
	r.boss()
	before := r.Stats().Hashes
	var wg sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wg.Go(func() { _, errs[i] = r.from(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), boss, "wrong") })
	}
	wg.Wait()
	if n := r.Stats().Hashes - before; n != 5 {
		t.Errorf("%d of 100 guesses were checked, want 5", n)
	}
	for _, err := range errs {
		var l *accounts.LockedError
		if !errors.Is(err, accounts.ErrLogin) && !errors.As(err, &l) {
			t.Errorf("err = %v", err)
		}
	}
}

// TestRehash: a password that was hashed more cheaply is hashed anew at login,
// once, also before a second factor; and never more cheaply.
func TestRehash(t *testing.T) {
	r := newRig(t)
	p := r.boss()
	_, _ = r.enrol(p)
	strong := accounts.Cost{MemoryKiB: 128, Passes: 2, Lanes: 1}
	r.Service = r.service(func(o *accounts.Options) { o.Cost = strong })
	_, err := r.login(boss, "wrong")
	r.want("wrong", err, accounts.ErrLogin)
	for i, want := range []uint64{1, 1} {
		l, err := r.login(boss, bossPass)
		r.must(err)
		if !l.Pending {
			t.Error("the second factor is not asked for")
		}
		if n := r.Stats().Rehashed; n != want {
			t.Errorf("login %d: hashed anew %d times, want %d", i, n, want)
		}
	}
	a, err := r.repo.AccountByEmail(context.Background(), boss)
	r.must(err)
	if !strings.HasPrefix(string(a.Password), "$argon2id$v=19$m=128,t=2,p=1$") {
		t.Errorf("stored: %.32s", string(a.Password))
	}
	r.Service = r.service()
	_, err = r.login(boss, bossPass)
	r.must(err)
	if n := r.Stats().Rehashed; n != 0 {
		t.Error("a cheaper hash took the place of a better one")
	}
}

// TestRepositoryFails: an error of the database is no wrong password, and costs
// no guess.
func TestRepositoryFails(t *testing.T) {
	r := newRig(t)
	r.boss()
	down := errors.New("the disk is full")
	for _, method := range []string{"AccountByEmail", "UpdateAccount", "AddSession"} {
		r.repo.Fail = func(m string) error {
			if m == method {
				return down
			}
			return nil
		}
		for range 10 {
			_, err := r.login(boss, bossPass)
			r.want(method, err, down)
		}
	}
	r.repo.Fail = nil
	_, err := r.login(boss, bossPass)
	r.must(err)
}
