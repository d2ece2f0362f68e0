package accounts_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

// TestRun: the chores are done every second, what fails is handed on and tried
// again, and the end of the context ends them.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *accounts.Options) { o.Now = time.Now })
		r.boss()
		_, err := r.login(boss, "wrong")
		r.want("wrong", err, accounts.ErrLogin)
		down := errors.New("the disk is full")
		var fail atomic.Bool
		fail.Store(true)
		r.repo.Fail = func(m string) error {
			if m == "Expire" && fail.Load() {
				return down
			}
			return nil
		}
		var failures []error
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute+500*time.Millisecond)
		defer cancel()
		done := make(chan error)
		go func() { done <- r.Run(ctx, func(err error) { failures = append(failures, err) }) }()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if r.wantEntry("session.login_failed |  | 192.0.2.10 | boss@example.net | once"); len(failures) != 1 {
			t.Errorf("failures: %v", failures)
		}
		r.want("what failed", failures[0], down)
		fail.Store(false)
		r.must(<-done)
		if len(failures) != 1 {
			t.Errorf("failures: %v", failures)
		}
	})
}

// TestUnwrittenFailuresAreCounted: a line that the database did not take is
// not tried for ever, and not lost in silence.
func TestUnwrittenFailuresAreCounted(t *testing.T) {
	r := newRig(t)
	r.boss()
	_, err := r.login(boss, "wrong")
	r.want("wrong", err, accounts.ErrLogin)
	down := errors.New("the disk is full")
	r.repo.Fail = func(m string) error {
		if m == "AddEntries" {
			return down
		}
		return nil
	}
	r.want("tick", r.Tick(context.Background()), down)
	if n := r.Stats().Unlogged; n != 1 {
		t.Errorf("%d unlogged", n)
	}
}
