package store

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// TestSQLiteReader reads beside a collector: what it has committed is seen, new
// and dropped months too, and also when it does not run.
func TestSQLiteReader(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenSQLiteReader(ctx, dir, Options{}); err == nil {
		t.Error("an empty folder was opened")
	}
	c := &clock{noon.AddDate(0, 3, 0)}
	s, err := OpenSQLite(ctx, dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenSQLiteReader(ctx, dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if r.ID() != s.ID() {
		t.Errorf("id %s, want %s", r.ID(), s.ID())
	}
	count := func(r Reader) (rows int, sums int64) {
		t.Helper()
		if err := r.Calls(ctx, query.CallFilter{}, func(*query.CallRow) error { rows++; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := r.Summaries(ctx, query.SummaryFilter{Kind: "total"}, func(x *query.Summary) error { sums += x.Calls; return nil }); err != nil {
			t.Fatal(err)
		}
		return rows, sums
	}
	want := func(r Reader, rows int, sums int64) {
		t.Helper()
		if a, b := count(r); a != rows || b != sums {
			t.Errorf("%d rows and %d in the sums, want %d and %d", a, b, rows, sums)
		}
	}
	want(r, 0, 0)
	mustCommit(t, s, batch("sw1", 7, 1, 10, noon))
	want(r, 10, 10)
	mustCommit(t, s, batch("sw1", 7, 11, 10, noon.AddDate(0, 3, 0)), mark(21, noon.Unix()))
	want(r, 20, 20)
	complete := 0
	if err := r.Hours(ctx, noon, noon.Add(time.Hour), func(h *query.Hour) error {
		if h.State == query.HourComplete {
			complete++
		}
		return nil
	}); err != nil || complete != 1 {
		t.Errorf("%d hours are complete, %v", complete, err)
	}
	if _, err := s.Retain(ctx, Retention{Calls: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	want(r, 10, 20)
	mustCommit(t, s, batch("sw1", 7, 22, 10, noon)) // the dropped month again: another file of that name
	want(r, 20, 30)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(r, 20, 30)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r, err = OpenSQLiteReader(ctx, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	want(r, 20, 30)
	path := filepath.Join(t.TempDir(), "copy")
	if err := r.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	b, err := OpenSQLite(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want(b, 20, 30)
	wantCursor(t, b, "sw1", 7, record.Calls, ranges(1, 31))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestSumsWhileMonthsGo reads sums beside commits and dropped months, inside
// the collector and from outside: nothing is missing or there twice at any moment.
func TestSumsWhileMonthsGo(t *testing.T) {
	dir := t.TempDir()
	c := &clock{noon.AddDate(2, 0, 0)}
	s, err := OpenSQLite(ctx, dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := OpenSQLiteReader(ctx, dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const months, per = 12, 10
	for m := range months {
		mustCommit(t, s, batch("sw1", 7, uint64(m*per+1), per, noon.AddDate(0, m, 0)))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, from := range []Reader{s, r} {
		wg.Go(func() {
			for reads := 0; ; reads++ {
				sum := int64(0)
				if err := from.Summaries(ctx, query.SummaryFilter{Kind: "total", Step: query.ByDay}, func(x *query.Summary) error { sum += x.Calls; return nil }); err != nil {
					t.Error(err)
				}
				if sum != months*per {
					t.Errorf("%d calls in the sums, want %d", sum, months*per)
				}
				select {
				case <-done:
					t.Logf("read %d times", reads)
					return
				default:
				}
			}
		})
	}
	for m := range months {
		if _, err := s.Retain(ctx, Retention{Calls: c.t.Sub(noon.AddDate(0, m+1, -14))}); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	if left := len(stored(t, s)); left != 0 {
		t.Errorf("%d calls are left", left)
	}
}

// TestSQLiteFull: a full disk is the database's fault, loses nothing, and is
// over when there is room.
func TestSQLiteFull(t *testing.T) {
	s, err := OpenSQLite(ctx, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustCommit(t, s, batch("sw1", 7, 1, 10, noon))
	f := s.files[place{callsKind, monthOf(noon.UnixMilli())}]
	if _, err := f.write.ExecContext(ctx, "PRAGMA max_page_count=20"); err != nil {
		t.Fatal(err)
	}
	big := batch("sw1", 7, 5, 2000, noon)
	if err := s.Commit(ctx, []*record.Received{big}); err == nil || IsPoison(err) {
		t.Fatalf("err = %v", err)
	}
	wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 10))
	if _, err := f.write.ExecContext(ctx, "PRAGMA max_page_count=100000"); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, big)
	wantStored(t, s, "sw1", 7, ranges(1, 2004))
	verified(t, s)
}

// TestSQLiteDamaged: a file that is no database is said so, with its name.
func TestSQLiteDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "calls-2026-11.db"), make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "telemetry-2026-11.db"), []byte("no database at all, but a text that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSQLite(ctx, dir, Options{})
	if err == nil {
		_ = s.Close()
		t.Fatal("it was opened")
	}
	if errors.Is(err, ErrNewerSchema) {
		t.Error(err)
	}
	t.Log(err)
}
