package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// TestRetention drops months: rows go, sums and cursors stay, and what comes
// for a dropped month afterwards is neither lost nor counted twice.
func TestRetention(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			open := b.fresh(t)
			c := &clock{time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)}
			s := open(Options{Now: c.now})
			oct, dec := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)
			mustCommit(t, s, batch("sw1", 7, 1, 10, oct), batch("sw1", 7, 11, 10, dec), batch("sw1", 7, 21, 10, oct), telemetry(7, 1, minute(oct.Unix(), "total", "", 1, 1, 1)))
			sums := func() (out []query.Summary) {
				if err := s.Summaries(ctx, query.SummaryFilter{Step: query.ByMonth, AllNodes: true}, func(x *query.Summary) error { out = append(out, *x); return nil }); err != nil {
					t.Fatal(err)
				}
				return out
			}
			before := sums()
			drop := func(r Retention, want ...string) {
				t.Helper()
				got, err := s.Retain(ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("dropped %v, want %v", got, want)
				}
			}
			drop(Retention{})
			drop(Retention{Calls: 60 * 24 * time.Hour, Telemetry: 60 * 24 * time.Hour})
			drop(Retention{Calls: 40 * 24 * time.Hour}, "calls-2026-10")
			drop(Retention{Calls: 40 * 24 * time.Hour, Telemetry: 40 * 24 * time.Hour}, "telemetry-2026-10")
			check := func() {
				t.Helper()
				wantStored(t, s, "sw1", 7, ranges(11, 20))
				wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 30))
				wantCursor(t, s, "sw1", 7, record.Telemetry, ranges(1, 1))
				if diff := cmp.Diff(before, sums()); diff != "" {
					t.Error(diff)
				}
				verified(t, s)
			}
			check()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(Options{Now: c.now})
			check()
			mustCommit(t, s, batch("sw1", 7, 1, 10, oct), telemetry(7, 1, minute(oct.Unix(), "total", "", 1, 1, 1)))
			check()
			mustCommit(t, s, batch("sw1", 7, 31, 10, oct)) // late, and stored all the same
			wantStored(t, s, "sw1", 7, ranges(11, 20, 31, 40))
			after := sums()
			if i := slices.IndexFunc(after, func(x query.Summary) bool { return x.Kind == "total" }); after[i].Calls != 30 {
				t.Errorf("%+v", after[i])
			}
			verified(t, s)
			drop(Retention{Calls: 40 * 24 * time.Hour}, "calls-2026-10")
			if diff := cmp.Diff(after, sums()); diff != "" {
				t.Error(diff)
			}
			wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 40))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSQLiteBackup(t *testing.T) {
	s, err := OpenSQLite(ctx, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := s.ID()
	mustCommit(t, s, batch("sw1", 7, 1, 50, noon), batch("sw1", 7, 51, 50, noon.AddDate(0, 1, 0)))
	must(t, s.AddAccount(ctx, anAccount("ann", accounts.Operator), nil))
	must(t, s.AddSession(ctx, &accounts.Session{Hash: digestOf("s"), Account: "ann", SecondFactor: accounts.Passed}, 5))
	path := filepath.Join(t.TempDir(), "copy ?#[1]")
	stop, running := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // in use all the while
		for i := uint64(101); ; i += 50 {
			mustCommit(t, s, batch("sw1", 7, i, 50, noon.AddDate(0, int(i/50%2), 0)))
			if i == 101 {
				close(running)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-running
	err = s.Backup(ctx, path)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, path); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("onto a backup: %v", err)
	}
	ids := []string{id}
	for round := range 2 {
		c, err := OpenSQLite(ctx, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID())
		wantNoSession(t, c, digestOf("s"))
		done := cursorOf(t, c, "sw1", 7, record.Calls)
		rows := uint64(len(stored(t, c)))
		if rows < 150 || round == 0 && rows != done.Len() {
			t.Errorf("%d rows, cursor %v", rows, done)
		}
		verified(t, c)
		last := cursorOf(t, s, "sw1", 7, record.Calls).Contiguous()
		if err := c.Hello(ctx, "sw1", &record.Hello{StoreId: c.ID(), Epoch: 7, Released: []*record.Held{held(7, record.Calls, 1, last+10)}}); err != nil {
			t.Fatal(err)
		}
		wantCursor(t, c, "sw1", 7, record.Calls, ranges(1, last+10))
		var lost uint64
		for _, l := range losses(t, c) {
			lost += l.Count
		}
		if lost+rows != last+10 {
			t.Errorf("%d stored and %d lost of %d", rows, lost, last+10)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if ids[0] == ids[1] || ids[1] != ids[2] || len(ids[0]) != 32 {
		t.Errorf("ids %v: want a new one at the first opening of the copy, and the same at the second", ids)
	}
}

// wantNoSession fails unless a copy has its accounts, and nobody is logged in.
func wantNoSession(t *testing.T, s Store, hash accounts.Digest) {
	t.Helper()
	if _, err := s.Session(ctx, hash); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a session has come back: %v", err)
	}
	if list, err := s.Accounts(ctx, accounts.AccountFilter{}); err != nil || len(list) != 1 {
		t.Errorf("%d accounts: %v", len(list), err)
	}
}

// TestDroppedFileThatStayed: the file of a dropped month could not be unlinked, and
// a late call of that month comes.
func TestDroppedFileThatStayed(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)}
	oct := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	open := func() *SQLite {
		s, err := OpenSQLite(ctx, dir, Options{Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	mustCommit(t, s, batch("sw1", 7, 1, 10, oct))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "calls-2026-10.db")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s = open()
	if _, err := s.Retain(ctx, Retention{Calls: 40 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, batch("sw1", 7, 11, 5, oct))
	for range 2 {
		wantStored(t, s, "sw1", 7, ranges(11, 15))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 15))
		var calls int64
		if err := s.Summaries(ctx, query.SummaryFilter{Kind: "total"}, func(x *query.Summary) error { calls += x.Calls; return nil }); err != nil || calls != 15 {
			t.Errorf("%d calls in the sums: %v", calls, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
