package accounts_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/accounts/accountstest"
)

// cheap is a cost that tests can pay.
var cheap = accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

var (
	home     = netip.MustParseAddr("192.0.2.10")
	stranger = netip.MustParseAddr("198.51.100.66")
)

const (
	boss     = "boss@example.net"
	bossPass = "a quiet river in may"
	agent    = "Browser/1.0"
)

// rig is a Service over a Repository in memory, with a clock that is set.
type rig struct {
	t    *testing.T
	repo *accountstest.Memory
	*accounts.Service

	mu sync.Mutex // guards at
	at time.Time
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func newRig(t *testing.T, change ...func(*accounts.Options)) *rig {
	t.Helper()
	r := &rig{t: t, repo: accountstest.NewMemory(), at: time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)}
	r.Service = r.service(change...)
	return r
}

// service makes another Service over the same Repository.
func (r *rig) service(change ...func(*accounts.Options)) *accounts.Service {
	r.t.Helper()
	o := accounts.Options{Now: r.now, Cost: cheap}
	for _, f := range change {
		f(&o)
	}
	s, err := accounts.New(r.repo, o)
	r.must(err)
	return s
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) want(what string, got, want error) {
	r.t.Helper()
	if !errors.Is(got, want) {
		r.t.Errorf("%s: err = %v, want %v", what, got, want)
	}
}

// locked checks for a LockedError, and returns the time to wait.
func (r *rig) locked(what string, err error) time.Duration {
	r.t.Helper()
	var l *accounts.LockedError
	if !errors.As(err, &l) {
		r.t.Fatalf("%s: err = %v, want a lock", what, err)
	}
	return l.Wait
}

// boss makes the first operator and logs it in.
func (r *rig) boss() *accounts.Principal {
	r.t.Helper()
	link, err := r.Setup(context.Background())
	r.must(err)
	l, err := r.FirstOperator(context.Background(), link.Token, accounts.NewAccount{Email: boss, Password: bossPass}, home, agent)
	r.must(err)
	return r.who(l)
}

// who authenticates a session.
func (r *rig) who(l *accounts.Login) *accounts.Principal {
	r.t.Helper()
	p, err := r.Authenticate(context.Background(), l.Token, home)
	r.must(err)
	return p
}

// add makes an account with a password.
func (r *rig) add(by *accounts.Principal, email string, role accounts.Role, customer, password string) *accounts.Account {
	r.t.Helper()
	a, link, err := r.Create(context.Background(), by, accounts.NewAccount{Email: email, Role: role, Customer: customer, Password: password})
	r.must(err)
	if link != nil {
		r.t.Fatal("an account with a password needs no link")
	}
	return a
}

func (r *rig) login(email, password string) (*accounts.Login, error) {
	return r.from(home, email, password)
}

func (r *rig) from(a netip.Addr, email, password string) (*accounts.Login, error) {
	return r.Login(context.Background(), accounts.Credentials{Email: email, Password: password, From: a, Agent: agent})
}

// code is what an app would show, so many steps from now.
func (r *rig) code(secret string, steps int) string {
	r.t.Helper()
	c, err := totp.GenerateCode(secret, r.now().Add(time.Duration(steps)*30*time.Second))
	r.must(err)
	return c
}

// enrol switches p's second factor on.
func (r *rig) enrol(p *accounts.Principal) (secret string, recovery []string) {
	r.t.Helper()
	secret, _, err := r.StartTwoFactor(context.Background(), p)
	r.must(err)
	recovery, err = r.ConfirmTwoFactor(context.Background(), p, r.code(secret, 0))
	r.must(err)
	return secret, recovery
}

// lastEntry is the newest line of the audit log, as one text.
func (r *rig) lastEntry() string {
	all := r.repo.Entries()
	if len(all) == 0 {
		return ""
	}
	e := all[len(all)-1]
	return strings.Join([]string{string(e.Action), e.Name, e.From, e.Target, e.Detail}, " | ")
}

func (r *rig) wantEntry(want string) {
	r.t.Helper()
	if got := r.lastEntry(); got != want {
		r.t.Errorf("audit log:\ngot  %s\nwant %s", got, want)
	}
}
