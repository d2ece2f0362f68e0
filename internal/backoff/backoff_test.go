package backoff

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestPause(t *testing.T) {
	for _, v := range []struct {
		b     Backoff
		n     int
		below time.Duration
	}{
		{Backoff{time.Second, time.Minute}, 0, time.Second},
		{Backoff{time.Second, time.Minute}, 1, 2 * time.Second},
		{Backoff{time.Second, time.Minute}, 5, 32 * time.Second},
		{Backoff{time.Second, time.Minute}, 6, time.Minute},
		{Backoff{time.Second, time.Minute}, 63, time.Minute},
		{Backoff{time.Second, time.Minute}, math.MaxInt, time.Minute},
		{Backoff{3, math.MaxInt64}, 61, math.MaxInt64}, // 3<<61 is none
		{Backoff{time.Minute, time.Second}, 0, time.Second},
		{Backoff{}, 0, 1},
		{Backoff{}, 99, 1},
	} {
		longest := time.Duration(-1)
		for range 2000 {
			d := v.b.Pause(v.n)
			if d < 0 || d >= v.below {
				t.Fatalf("%+v after %d: %v", v.b, v.n, d)
			}
			longest = max(longest, d)
		}
		if longest < v.below/10*9 {
			t.Errorf("%+v after %d: never longer than %v", v.b, v.n, longest)
		}
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := Wait(t.Context(), time.Hour); err != nil || time.Since(begin) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := Wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if err := (Backoff{time.Hour, time.Hour}).Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
