// Package backoff spaces tries that fail, so that those who failed together do
// not come back together, and nobody hammers at what is down.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between tries.
type Backoff struct {
	First time.Duration // at most so long after the first failure
	Most  time.Duration // and after any
}

// Pause is how long to wait after the nth failure in a row, counted from 0: a
// random part (full jitter) of a time that doubles.
func (b Backoff) Pause(n int) time.Duration {
	limit := b.Most
	if b.First < b.Most>>min(n, 62) { // so far doubling does not overflow
		limit = b.First << n
	}
	return rand.N(max(limit, 1)) //nolint:gosec // G404: spreads clients, hides nothing
}

// Wait waits for a Pause, or until ctx ends and then returns its error.
func (b Backoff) Wait(ctx context.Context, n int) error { return Wait(ctx, b.Pause(n)) }

// Wait waits for d, or until ctx ends and then returns its error.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
