package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// failureLog collects failed logins between two ticks. They are not written at
// once: a database that writes for some names and not for others would tell
// them apart by the time it takes, and strangers could keep it busy.
type failureLog struct {
	mu        sync.Mutex // guards what follows
	kinds     map[failureKind]*failed
	discarded uint64
}

type failureKind struct{ account, name, from, what string }

type failed struct {
	n     int
	first int64 // Unix milliseconds
}

// note counts a failed login; a is nil for a name that does not exist. That
// name is not kept: people type passwords into the wrong field.
func (l *failureLog) note(a *Account, from netip.Addr, at time.Time, what string) {
	k := failureKind{from: addressText(from), what: what}
	if a != nil {
		k.account, k.name = a.ID, a.Email
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.kinds[k]
	if f == nil {
		if len(l.kinds) >= maxFailures {
			l.discarded++
			return
		}
		if l.kinds == nil {
			l.kinds = map[failureKind]*failed{}
		}
		f = &failed{first: at.UnixMilli()}
		l.kinds[k] = f
	}
	f.n++
}

// take empties the log.
func (l *failureLog) take() []*Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*Entry
	for k, f := range l.kinds {
		e := &Entry{AtUnixMs: f.first, From: k.from, Action: ActionLoginFailed, Target: k.name, Detail: fmt.Sprintf("%d times", f.n)}
		if f.n == 1 {
			e.Detail = "once"
		}
		if k.what != "" {
			e.Detail += ", " + k.what
		}
		if k.account == "" {
			e.Detail += ", no such account"
		}
		out = append(out, e)
	}
	clear(l.kinds)
	return out
}

func (l *failureLog) lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.discarded
}

// Tick does the chores: it writes failed logins into the audit log, and once a
// minute removes what is over. Call it every second.
func (s *Service) Tick(ctx context.Context) error {
	if e := s.failures.take(); len(e) > 0 {
		if err := s.repo.AddEntries(ctx, e); err != nil {
			s.counts.unwritten.Add(uint64(len(e)))
			return fmt.Errorf("write %d kinds of failed logins: %w", len(e), err)
		}
	}
	now := s.now()
	if last := s.lastSweep.Load(); now.Sub(time.UnixMilli(last)) < sweepEvery && now.UnixMilli() >= last {
		return nil
	}
	s.lastSweep.Store(now.UnixMilli())
	for _, l := range []*limiter{s.byAccount, s.byAddress, s.byCode} {
		l.sweep(now)
	}
	n, err := s.repo.Expire(ctx, Bounds{
		SessionsSeen: now.Add(-s.opt.Idle).UnixMilli(), SessionsCreated: now.Add(-s.opt.Longest).UnixMilli(),
		PendingCreated: now.Add(-pendingLife).UnixMilli(), Links: now.UnixMilli(), Tokens: now.Add(-tokenShown).UnixMilli(),
	})
	if err != nil {
		return fmt.Errorf("remove sessions and links that are over: %w", err)
	}
	s.counts.expired.Add(uint64(max(n, 0)))
	return nil
}

// tokenShown is how long a token stays in the list after it expired, for
// people who wonder why their program stopped.
const tokenShown = 30 * 24 * time.Hour

// Run calls Tick every second until ctx ends. What goes wrong is handed to
// failed and tried again.
func (s *Service) Run(ctx context.Context, failed func(error)) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

type counts struct {
	logins, failed, refused, busied, rehashed, expired, unwritten atomic.Uint64
}

// busy counts err when it is ErrBusy.
func (c *counts) busy(err error) {
	if errors.Is(err, ErrBusy) {
		c.busied.Add(1)
	}
}

// Stats are counters since the service was made.
type Stats struct {
	Logins    uint64 // sessions that began
	Failed    uint64 // wrong names, passwords and codes
	Refused   uint64 // tries while locked
	Busy      uint64 // tries that met too many others
	Hashes    uint64 // passwords that were hashed, to check or to store them
	Rehashed  uint64 // passwords whose hash was made stronger
	Locks     uint64 // of accounts, addresses and second factors
	Forgotten uint64 // accounts and addresses whose failures gave way to others'
	Expired   uint64 // sessions, links and tokens that were removed
	Unlogged  uint64 // kinds of failed logins that did not come into the audit log
	Watched   int    // accounts and addresses whose failures are remembered now
}

// Stats returns the counters.
func (s *Service) Stats() Stats {
	c := &s.counts
	out := Stats{Logins: c.logins.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Busy: c.busied.Load(),
		Hashes:   s.hash.worked.Load(),
		Rehashed: c.rehashed.Load(), Expired: c.expired.Load(), Unlogged: c.unwritten.Load() + s.failures.lost()}
	for _, l := range []*limiter{s.byAccount, s.byAddress, s.byCode} {
		keys, locks, discarded := l.stats()
		out.Watched += keys
		out.Locks += locks
		out.Forgotten += discarded
	}
	return out
}

// LockedUntil returns until when nobody can log in to the account except from where it
// was used last; zero when it is not locked.
func (s *Service) LockedUntil(a *Account) time.Time {
	until := s.byAccount.until(accountKey(a.Email))
	if code := s.byCode.until(a.ID); code.After(until) {
		until = code
	}
	if !until.After(s.now()) {
		return time.Time{}
	}
	return until
}

// Unlock ends an account's locks and forgets its failures.
func (s *Service) Unlock(ctx context.Context, p *Principal, id string) error {
	if !p.Can(EditAccounts) {
		return ErrForbidden
	}
	a, err := s.repo.Account(ctx, id)
	if err != nil {
		return err
	}
	s.byAccount.success(accountKey(a.Email))
	s.byAccount.success(accountKey(a.Email) + knownPlace)
	s.byCode.success(a.ID)
	return s.Record(ctx, p, ActionUnlock, a.Email, "")
}
