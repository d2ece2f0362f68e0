package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipward/sipward/internal/site"
)

// Credentials are what a login form sends, and where it came from.
type Credentials struct {
	Email, Password string
	From            netip.Addr
	Agent           string // what the browser calls itself
}

// Login is a session that has begun. Token goes into the cookie and is kept
// nowhere else.
type Login struct {
	Token   string
	CSRF    string
	Pending bool // the code of the second factor comes next: SecondFactor
	Ends    time.Time
	Account *Account
}

// Login checks a password. A name that does not exist, a wrong password and an
// account that is disabled take the same time and get the same ErrLogin; too
// many of them get a LockedError, for names that do not exist as well.
func (s *Service) Login(ctx context.Context, in Credentials) (*Login, error) {
	email, err := cleanEmail(in.Email)
	var a *Account
	if err == nil {
		if a, err = s.repo.AccountByEmail(ctx, email); err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("look an account up: %w", err)
		}
	}
	try, err := s.begin(in.Email, email, a, in.From)
	if err != nil {
		return nil, err
	}
	ok, weak, err := s.checkLogin(ctx, a, in.Password)
	if err != nil {
		try.undo()
		s.counts.busy(err)
		return nil, err
	}
	if !ok {
		s.failures.note(a, in.From, s.now(), "")
		s.counts.failed.Add(1)
		return nil, ErrLogin
	}
	try.success()
	return s.enter(ctx, a, in, weak)
}

// checkLogin takes the same time for every a, nil too.
func (s *Service) checkLogin(ctx context.Context, a *Account, password string) (ok, weak bool, err error) {
	stored, may := Secret(""), false
	if a != nil {
		stored, may = a.Password, mayLogIn(a)
	}
	if len(password) > MaxPassword {
		password, may = "", false
	}
	ok, weak, err = s.hash.check(ctx, stored, password)
	return ok && may, weak, err
}

func mayLogIn(a *Account) bool {
	return !a.Disabled && a.Password != "" && a.Role.Can(EditSelf) && (a.Role != Customer || a.Customer != "")
}

// try is one guess at an account from an address.
type try struct {
	s                *Service
	account, address string
}

// begin counts a guess. Who comes from where the account was used last is
// counted apart from strangers, so that they cannot lock it out.
func (s *Service) begin(raw, email string, a *Account, from netip.Addr) (try, error) {
	if email == "" {
		email = cut(raw, maxEmail) // no address, but guesses at it count
	}
	t := try{s, accountKey(email), site.Name(from)}
	if a != nil && a.LastLoginFrom != "" && a.LastLoginFrom == t.address {
		t.account += knownPlace
	}
	now := s.now()
	if wait := s.byAddress.begin(t.address, now); wait > 0 {
		s.counts.refused.Add(1)
		return t, &LockedError{wait}
	}
	if wait := s.byAccount.begin(t.account, now); wait > 0 {
		s.byAddress.undo(t.address)
		s.counts.refused.Add(1)
		return t, &LockedError{wait}
	}
	return t, nil
}

// accountKey is what guesses at an address are counted under: of one length,
// whatever was typed.
func accountKey(email string) string { return digest(email).String() }

// knownPlace ends the key of who comes from where the account was used last.
const knownPlace = " known"

func (t try) undo() {
	t.s.byAccount.undo(t.account)
	t.s.byAddress.undo(t.address)
}

// success takes back one guess of the address only: whoever has an account of
// its own must not be able to clear what it did to others.
func (t try) success() {
	t.s.byAccount.success(t.account)
	t.s.byAddress.undo(t.address)
}

// enter begins a session for a password that was right.
func (s *Service) enter(ctx context.Context, a *Account, in Credentials, weak bool) (*Login, error) {
	checked, fresh := a.Password, a.Password
	if weak {
		var err error
		if fresh, err = s.hash.make(ctx, in.Password); err != nil {
			fresh, weak = checked, false // the next login will do it
		}
	}
	if a.TwoFactor() && !weak {
		return s.open(ctx, a, Pending, in.From, in.Agent)
	}
	a, err := s.change(ctx, a.ID, func(a *Account) (*Entry, error) {
		if a.Password != checked || !mayLogIn(a) {
			return nil, ErrLogin // changed in between
		}
		a.Password = fresh
		if a.TwoFactor() {
			return nil, nil //nolint:nilnil // no line: the login is not over yet
		}
		return s.loggedIn(a, in.From, ""), nil
	})
	if err != nil {
		return nil, err
	}
	if weak {
		s.counts.rehashed.Add(1)
	}
	if a.TwoFactor() {
		return s.open(ctx, a, Pending, in.From, in.Agent)
	}
	s.counts.logins.Add(1)
	return s.open(ctx, a, NotAsked, in.From, in.Agent)
}

// loggedIn notes a login in the account and returns its line of the audit log.
func (s *Service) loggedIn(a *Account, from netip.Addr, detail string) *Entry {
	a.LastLoginUnixMs = s.now().UnixMilli()
	a.LastLoginFrom = site.Name(from)
	p := &Principal{Account: a.ID, Name: a.Email, From: from}
	return s.entry(p, ActionLogin, a.Email, detail)
}

// open begins a session.
func (s *Service) open(ctx context.Context, a *Account, state SecondFactor, from netip.Addr, agent string) (*Login, error) {
	now := s.now()
	token := newToken()
	x := &Session{Hash: digest(token), Account: a.ID, Epoch: a.SessionEpoch, SecondFactor: state,
		CreatedUnixMs: now.UnixMilli(), SeenUnixMs: now.UnixMilli(), From: addressText(from), Agent: cut(agent, 256)}
	if err := s.repo.AddSession(ctx, x, maxSessions); err != nil {
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	life := s.opt.Longest
	if state == Pending {
		life = pendingLife
	}
	return &Login{Token: token, CSRF: CSRF(token), Pending: state == Pending, Ends: now.Add(life), Account: a}, nil
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// SecondFactor completes a login with a code of the app or a recovery code. The
// session gets a new token: the one that stood for half a login is over.
func (s *Service) SecondFactor(ctx context.Context, token, code string, from netip.Addr) (*Login, error) {
	x, a, err := s.session(ctx, token)
	if err != nil {
		return nil, err
	}
	if x.SecondFactor != Pending {
		return nil, ErrTwoFactorOff
	}
	if wait := s.byCode.begin(a.ID, s.now()); wait > 0 {
		s.counts.refused.Add(1)
		return nil, &LockedError{wait}
	}
	changed, err := s.change(ctx, a.ID, func(a *Account) (*Entry, error) {
		if !mayLogIn(a) || a.SessionEpoch != x.Epoch {
			return nil, ErrUnauthenticated
		}
		detail, err := s.useCode(a, code)
		if err != nil {
			return nil, err
		}
		return s.loggedIn(a, from, detail), nil
	})
	if errors.Is(err, ErrCode) {
		s.failures.note(a, from, s.now(), "second factor")
		s.counts.failed.Add(1)
		return nil, err
	}
	if err != nil {
		s.byCode.undo(a.ID)
		return nil, err
	}
	s.byCode.success(a.ID)
	if err := s.repo.EndSession(ctx, x.Hash, nil); err != nil {
		return nil, fmt.Errorf("end the session that waited for a code: %w", err)
	}
	s.counts.logins.Add(1)
	return s.open(ctx, changed, Passed, from, x.Agent)
}

// useCode marks a code of the app or a recovery code as used in a.
func (s *Service) useCode(a *Account, code string) (detail string, err error) {
	if !a.TwoFactor() {
		return "", ErrCode
	}
	step, ok, err := checkTOTP(a.TOTP, code, a.TOTPStep, s.now())
	if err != nil {
		return "", err
	}
	if ok {
		a.TOTPStep = step
		return "with a second factor", nil
	}
	if a.Recovery, ok = useRecovery(a.Recovery, code); ok {
		return fmt.Sprintf("with a recovery code, %d are left", len(a.Recovery)), nil
	}
	return "", ErrCode
}
