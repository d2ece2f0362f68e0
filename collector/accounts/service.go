package accounts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrLogin is the one answer to a login that failed, whatever the reason.
	ErrLogin = errors.New("the e-mail address or the password is wrong")
	// ErrCode is the answer to a code of the second factor that is wrong, used or old.
	ErrCode = errors.New("the code is wrong or was used before")
	// ErrWrongPassword is for who is logged in and has to show the password again.
	ErrWrongPassword = errors.New("the password is wrong")
	// ErrUnauthenticated says that a session or token is unknown or over.
	ErrUnauthenticated = errors.New("not logged in")
	// ErrSecondFactor says that the session waits for its code.
	ErrSecondFactor = errors.New("the code of the second factor is missing")
	// ErrForbidden says that the role does not have the permission.
	ErrForbidden = errors.New("this is not allowed to this role")
	// ErrLastOperator says that nobody could manage accounts any more.
	ErrLastOperator = errors.New("this is the last operator who can log in")
	// ErrTwoFactorOn and ErrTwoFactorOff: the second factor is in the wrong state.
	ErrTwoFactorOn  = errors.New("the second factor is on already")
	ErrTwoFactorOff = errors.New("the second factor is off")
	// ErrLink is the one answer to a one-time link that is unknown, used or over.
	ErrLink = errors.New("this link was used, has expired or never existed")
	// ErrBusy says that too many passwords are being checked.
	ErrBusy = errors.New("too many logins at once, try again")
	// ErrInvalid is wrapped by what is wrong with a value.
	ErrInvalid = errors.New("invalid value")
	// ErrFull says that more are not kept.
	ErrFull = errors.New("there are too many already")
)

// LockedError says that there were too many failures.
type LockedError struct{ Wait time.Duration }

// Error says how long to wait.
func (e *LockedError) Error() string {
	return fmt.Sprintf("too many failures, try again in %v", e.Wait.Round(time.Second))
}

// Options of a Service; the zero value is useful.
type Options struct {
	Now     func() time.Time // nil: time.Now
	Issuer  string           // shown by authenticator apps; empty: Sipward
	Cost    Cost             // of a password's hash; zero: DefaultCost
	AtOnce  int              // hashes worked on at once; 0: 1, since one uses all of its lanes
	Waiting int              // and that may wait; 0: 32

	Idle      time.Duration // a session ends when it was not used for so long; 0: 12 h
	Longest   time.Duration // and so long after it began; 0: 7 days
	MaxKeys   int           // addresses and accounts whose failures are remembered; 0: 10,000 each
	SetupLife time.Duration // of the link for the first account; 0: 24 h
	LinkLife  time.Duration // of a link that sets a password; 0: 7 days
}

// Bounds that nobody needs to change.
const (
	pendingLife   = 10 * time.Minute // of a session that waits for its code
	maxSessions   = 20               // of one account; the oldest end
	seenEvery     = time.Minute      // how exact "last seen" is
	maxAccounts   = 10_000
	maxTokens     = 1000
	maxTokenLife  = 366 * 24 * time.Hour
	sweepEvery    = time.Minute
	maxFailures   = 256 // kinds of failed logins between two ticks
	changeRetries = 5
)

// A mistyped password is free four times. An address has more: an ordinary
// office of forty people stands behind a single one.
var (
	accountPolicy = policy{free: 5, window: time.Minute, lock: time.Minute, most: 15 * time.Minute, calm: time.Hour}
	addressPolicy = policy{free: 20, window: time.Minute, lock: time.Minute, most: time.Hour, calm: 2 * time.Hour}
)

// Service is safe for concurrent use.
type Service struct {
	repo Repository
	opt  Options
	hash *hasher

	byAccount *limiter // e-mail address, and whether it comes from where it came from last
	byAddress *limiter
	byCode    *limiter // account id: codes and passwords of who is logged in

	// operators is held from the count of operators to the change that may take one
	// away. It guards one collector; if two took the last two away at once, the
	// set-up link of the next start gives one back.
	operators sync.Mutex

	failures  failureLog
	lastSweep atomic.Int64 // Unix milliseconds
	counts    counts
}

// New makes a service. It starts nothing: Tick or Run does the chores.
func New(repo Repository, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	if err := o.Cost.valid(); err != nil {
		return nil, fmt.Errorf("cost of a password's hash: %w", err)
	}
	if o.Issuer == "" {
		o.Issuer = "Sipward"
	}
	o.AtOnce, o.Waiting, o.MaxKeys = or(o.AtOnce, 1), or(o.Waiting, 32), or(o.MaxKeys, 10_000)
	o.Idle, o.Longest = or(o.Idle, 12*time.Hour), or(o.Longest, 7*24*time.Hour)
	o.SetupLife, o.LinkLife = or(o.SetupLife, 24*time.Hour), or(o.LinkLife, 7*24*time.Hour)
	return &Service{repo: repo, opt: o, hash: newHasher(o.Cost, o.AtOnce, o.Waiting),
		byAccount: newLimiter(accountPolicy, o.MaxKeys), byAddress: newLimiter(addressPolicy, o.MaxKeys),
		byCode: newLimiter(accountPolicy, o.MaxKeys)}, nil
}

func or[T int | time.Duration](x, otherwise T) T {
	if x <= 0 {
		return otherwise
	}
	return x
}

func (s *Service) now() time.Time { return s.opt.Now() }

// change reads an account, changes it and writes it, again when somebody else
// was faster. do may run several times; it returns the line for the audit log,
// or nil for none. An error of do is returned as it is.
func (s *Service) change(ctx context.Context, id string, do func(*Account) (*Entry, error)) (*Account, error) {
	for try := 1; ; try++ {
		a, err := s.repo.Account(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read account %s: %w", id, err)
		}
		e, err := do(a)
		if err != nil {
			return nil, err
		}
		a.Version++
		err = s.repo.UpdateAccount(ctx, a, e)
		if err == nil {
			return a, nil
		}
		if try == changeRetries || !errors.Is(err, ErrConflict) {
			return nil, fmt.Errorf("change account %s: %w", id, err)
		}
	}
}
