package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func TestSQLiteInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSQLite(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLite(ctx, dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("err = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenSQLite(ctx, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewerSchema(t *testing.T) {
	for _, name := range []string{"sipward.db", "calls-2026-11.db", "telemetry-2026-11.db"} {
		dir := t.TempDir()
		s, err := OpenSQLite(ctx, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, batch("sw1", 7, 1, 1, noon), telemetry(7, 1, minute(noon.Unix(), "total", "", 1, 1, 1)))
		for _, f := range s.files {
			if filepath.Base(f.path) == name {
				if _, err := f.write.ExecContext(ctx, "PRAGMA user_version=99"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSQLite(ctx, dir, Options{}); !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "99") {
			t.Errorf("%s: %v", name, err)
		}
	}
	url := newDatabase(t)
	s, err := OpenPostgres(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, `INSERT INTO schema_version VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPostgres(ctx, url, Options{}); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("PostgreSQL: %v", err)
	}
}

// TestDropIsFinished ends a program between the copy of a month's sums and the
// end of its file.
func TestDropIsFinished(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSQLite(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, batch("sw1", 7, 1, 10, noon), batch("sw1", 7, 11, 10, noon.AddDate(0, 1, 0)))
	base, month := s.files[place{kind: baseKind}], s.files[place{callsKind, monthOf(noon.UnixMilli())}]
	if err := base.absorb(month, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenSQLite(ctx, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(month.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	wantStored(t, s, "sw1", 7, ranges(11, 20))
	wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 20))
	var calls int64
	if err := s.Summaries(ctx, query.SummaryFilter{Kind: "total"}, func(x *query.Summary) error { calls += x.Calls; return nil }); err != nil {
		t.Fatal(err)
	}
	if calls != 20 {
		t.Errorf("the sums have %d calls", calls)
	}
}

// TestSQLiteFiles: each file is one of its own, and what is not ours is left alone.
func TestSQLiteFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [b]*?#%20")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"calls-xxxx-xx.db", "calls-2026-13.db", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		s, err := OpenSQLite(ctx, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, batch("sw1", 7, 1, 10, noon), telemetry(7, 1, minute(noon.Unix(), "total", "", 1, 1, 1)))
		wantStored(t, s, "sw1", 7, ranges(1, 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"calls-2026-11.db", "calls-2026-13.db", "calls-xxxx-xx.db", "lock", "notes.txt", "sipward.db", "telemetry-2026-11.db"}
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("%v, want %v", names, want)
	}
}

// TestSQLiteCursorsGiveWay commits more streams than are kept in memory.
func TestSQLiteCursorsGiveWay(t *testing.T) {
	s, err := OpenSQLite(ctx, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustCommit(t, s, batch("sw1", 7, 1, 10, noon))
	for e := range uint64(maxCursors + 10) {
		s.cursors[streamKey{"other", e + 1, record.Calls}] = &cursor{}
	}
	mustCommit(t, s, batch("sw1", 7, 5, 10, noon))
	if len(s.cursors) > maxCursors+1 || s.Stats().CursorsForgotten == 0 {
		t.Errorf("%d cursors, %+v", len(s.cursors), s.Stats())
	}
	clear(s.cursors)
	mustCommit(t, s, batch("sw1", 7, 1, 20, noon))
	wantStored(t, s, "sw1", 7, ranges(1, 20))
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
