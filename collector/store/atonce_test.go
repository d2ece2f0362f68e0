package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// TestReadersWhileCommitting: whoever reads sees whole commits, is not waited
// for, and sums are right at any moment.
func TestReadersWhileCommitting(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		const per, rounds = 200, 20
		mustCommit(t, s, batch("sw1", 7, 1, per, noon))
		inside, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { // a reader that stays
			n := 0
			if err := s.Calls(ctx, query.CallFilter{}, func(*query.CallRow) error {
				if n++; n == 1 {
					close(inside)
					<-release
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if n != per {
				t.Errorf("%d rows, want the %d of the beginning", n, per)
			}
		})
		<-inside
		wg.Go(func() {
			for range 5 {
				verified(t, s)
			}
		})
		for i := range uint64(rounds) {
			mustCommit(t, s, batch("sw1", 7, per*(i+1)+1, per, noon.AddDate(0, int(i)/5, 0))) // new months too
		}
		close(release)
		wg.Wait()
		if n := len(stored(t, s)); n != per*(rounds+1) {
			t.Errorf("%d rows", n)
		}
	})
}

// TestCommitsAtOnce commits the same and overlapping ranges from many sides,
// with pools of their own where the store allows it.
func TestCommitsAtOnce(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			first := open(Options{})
			stores := []Store{first, first}
			if b.name == "postgres" {
				stores[1] = open(Options{})
				defer stores[1].Close()
			}
			defer first.Close()
			const pieces, per = 24, 50
			var wg sync.WaitGroup
			for worker := range 6 {
				wg.Go(func() {
					s := stores[worker%len(stores)]
					for i := range pieces {
						at := uint64((i*(2*worker+1)+worker)%pieces*per + 1) // each in an order of its own
						x, y := batch("sw1", 7, at, per+per/2, noon), batch("sw2", 7, at, per, noon)
						group := []*record.Received{x, y}
						if worker%2 == 1 {
							group = []*record.Received{y, x}
						}
						if err := s.Commit(ctx, group); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			wantStored(t, first, "sw1", 7, ranges(1, pieces*per+per/2))
			wantStored(t, first, "sw2", 7, ranges(1, pieces*per))
			wantCursor(t, first, "sw1", 7, record.Calls, ranges(1, pieces*per+per/2))
			verified(t, first)
			t.Logf("%+v", first.Stats())
		})
	}
}

func TestCancelled(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		done, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Commit(done, []*record.Received{batch("sw1", 7, 1, 5, noon)}); !errors.Is(err, context.Canceled) || IsPoison(err) {
			t.Errorf("err = %v", err)
		}
		mustCommit(t, s, batch("sw1", 7, 1, 5, noon))
		wantStored(t, s, "sw1", 7, ranges(1, 5))
	})
}
