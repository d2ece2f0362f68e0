package store

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// backend opens one kind of store; both have to pass every test here.
type backend struct {
	name string
	// fresh returns what opens one store, which is empty at first, any number of times.
	fresh func(t testing.TB) func(o Options) Store
}

var backends = []backend{
	{"sqlite", func(t testing.TB) func(Options) Store {
		dir := t.TempDir()
		return func(o Options) Store {
			s, err := OpenSQLite(context.Background(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
	{"postgres", func(t testing.TB) func(Options) Store {
		url := newDatabase(t)
		return func(o Options) Store {
			s, err := OpenPostgres(context.Background(), url, o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
}

// both runs a test on an empty store of each kind, and checks at its end that
// the sums are what the calls add up to.
func both(t *testing.T, f func(t *testing.T, s Store, c *clock)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			c := &clock{noon}
			s := b.fresh(t)(Options{Now: c.now})
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			f(t, s, c)
			verified(t, s)
		})
	}
}

var ctx = context.Background()

func ranges(pairs ...uint64) (s record.Ranges) {
	for i := 0; i < len(pairs); i += 2 {
		s.Add(record.Range{First: pairs[i], Last: pairs[i+1]})
	}
	return s
}

func wantStored(t *testing.T, s Store, node string, epoch uint64, want record.Ranges) {
	t.Helper()
	var got record.Ranges
	for k := range stored(t, s) {
		if k.Node == node && k.Epoch == epoch {
			got.Add(record.Range{First: k.Seq, Last: k.Seq})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of %s %x: %s", node, epoch, diff)
	}
}

func wantCursor(t *testing.T, s Store, node string, epoch uint64, st record.Stream, want record.Ranges) {
	t.Helper()
	if diff := cmp.Diff(want, cursorOf(t, s, node, epoch, st)); diff != "" {
		t.Errorf("cursor of %s %x: %s", node, epoch, diff)
	}
}

func letters(t *testing.T, s Store) (out []query.DeadLetter) {
	t.Helper()
	if err := s.DeadLetters(ctx, true, func(l *query.DeadLetter) error {
		l.Raw = append([]byte{}, l.Raw...)
		out = append(out, *l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCommitTwice(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 100, noon)
		mustCommit(t, s, b)
		mustCommit(t, s, b)
		mustCommit(t, s, b, b)
		wantStored(t, s, "sw1", 7, ranges(1, 100))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 100))
		if st := s.Stats(); st.Rows != 100 || st.Known != 300 {
			t.Errorf("stats: %+v", st)
		}
	})
}

func TestCommitOverlapping(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		mustCommit(t, s, batch("sw1", 7, 10, 20, noon), batch("sw1", 7, 20, 20, noon), batch("sw2", 7, 1, 5, noon), batch("sw1", 1<<63|5, 1, 3, noon))
		mustCommit(t, s, batch("sw1", 7, 1, 60, noon))
		wantStored(t, s, "sw1", 7, ranges(1, 60))
		wantStored(t, s, "sw2", 7, ranges(1, 5))
		wantStored(t, s, "sw1", 1<<63|5, ranges(1, 3))
		wantCursor(t, s, "sw1", 1<<63|5, record.Calls, ranges(1, 3))
		wantCursor(t, s, "sw1", 7, record.Telemetry, nil)
		wantCursor(t, s, "other", 7, record.Calls, nil)
	})
}

// TestGapsInAnyOrder fills a sequence from shuffled pieces, some twice, with the
// store opened anew in between.
func TestGapsInAnyOrder(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			s := open(Options{})
			r := rand.New(rand.NewPCG(1, 2))
			var done record.Ranges
			order := append(r.Perm(30), r.Perm(30)...)
			for i, piece := range order {
				first, n := uint64(piece*7+1), 7+r.IntN(5)
				mustCommit(t, s, batch("sw1", 7, first, n, noon))
				done.Add(record.Range{First: first, Last: first + uint64(n) - 1})
				if i%20 == 10 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(Options{})
				}
				wantCursor(t, s, "sw1", 7, record.Calls, done)
			}
			wantStored(t, s, "sw1", 7, done)
			verified(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
