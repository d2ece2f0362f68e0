package ingest

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff waits with full jitter, so that those who failed together do not come
// back together.
type backoff struct{ first, most time.Duration }

// wait waits after the nth failure, counted from 0.
func (b backoff) wait(ctx context.Context, n int) error {
	limit := b.most
	if n < 20 {
		limit = min(b.most, b.first<<n)
	}
	t := time.NewTimer(time.Duration(rand.Int64N(int64(limit) + 1))) //nolint:gosec // nothing secret
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
