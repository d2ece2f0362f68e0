package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func tablesOf(t *testing.T, s interface {
	Tables(context.Context, query.TableFilter, func(*query.Table) error) error
}, f query.TableFilter) (out []query.Table) {
	t.Helper()
	if err := s.Tables(ctx, f, func(x *query.Table) error {
		y := *x
		y.Signed = bytes.Clone(x.Signed)
		out = append(out, y)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func versions(list []query.Table) string {
	var words []string
	for _, t := range list {
		words = append(words, fmt.Sprint(t.Version))
	}
	return strings.Join(words, " ")
}

func TestTables(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		if got := tablesOf(t, s, query.TableFilter{}); got != nil {
			t.Errorf("a new store has %v", got)
		}
		first := query.Table{Version: 1, Signed: []byte("one\x00\xff"), KeyID: "k1", Who: "ann", Comment: "first"}
		if err := s.PutTable(ctx, 0, &first); err != nil {
			t.Fatal(err)
		}
		c.t = c.t.Add(time.Minute)
		if err := s.PutTable(ctx, 1, &query.Table{Version: 7, Signed: []byte("seven"), KeyID: "k1", Stage: []string{"sw1", "sw2"}}); err != nil {
			t.Fatal(err)
		}
		ms := noon.UnixMilli()
		want := []query.Table{
			{Version: 7, Size: 5, KeyID: "k1", MadeUnixMs: ms + 60_000, Stage: []string{"sw1", "sw2"}},
			{Version: 1, Size: 5, KeyID: "k1", MadeUnixMs: ms, Who: "ann", Comment: "first", Stage: []string{}, PublishedUnixMs: ms},
		}
		if diff := cmp.Diff(want, tablesOf(t, s, query.TableFilter{})); diff != "" {
			t.Error(diff)
		}
		want[1].Signed = []byte("one\x00\xff")
		if diff := cmp.Diff(want[1:], tablesOf(t, s, query.TableFilter{Version: 1, Signed: true})); diff != "" {
			t.Error(diff)
		}
		if got := versions(tablesOf(t, s, query.TableFilter{Most: 1})); got != "7" {
			t.Errorf("the newest is %s", got)
		}
		c.t = c.t.Add(time.Minute)
		if err := s.StageTable(ctx, 7, nil); err != nil {
			t.Fatal(err)
		}
		if got := tablesOf(t, s, query.TableFilter{Most: 1})[0]; len(got.Stage) != 0 || got.PublishedUnixMs != ms+120_000 {
			t.Errorf("after publishing: %+v", got)
		}
	})
}

func TestTablesAreRefused(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		x := []byte("x")
		if err := s.PutTable(ctx, 0, &query.Table{Version: 3, Signed: x}); err != nil {
			t.Fatal(err)
		}
		tests := map[string]struct {
			do      func() error
			changed bool
			says    string
		}{
			"made from none":      {func() error { return s.PutTable(ctx, 0, &query.Table{Version: 4, Signed: x}) }, true, "somebody else"},
			"made from an old":    {func() error { return s.PutTable(ctx, 2, &query.Table{Version: 4, Signed: x}) }, true, "somebody else"},
			"made from a later":   {func() error { return s.PutTable(ctx, 4, &query.Table{Version: 5, Signed: x}) }, true, "somebody else"},
			"not upwards":         {func() error { return s.PutTable(ctx, 3, &query.Table{Version: 3, Signed: x}) }, false, "does not come after 3"},
			"version 0":           {func() error { return s.PutTable(ctx, 0, &query.Table{Signed: x}) }, false, "does not come after 0"},
			"beyond any version":  {func() error { return s.PutTable(ctx, 3, &query.Table{Version: 1 << 60, Signed: x}) }, false, "no version"},
			"empty":               {func() error { return s.PutTable(ctx, 3, &query.Table{Version: 4}) }, false, "empty"},
			"staged to no node":   {func() error { return s.PutTable(ctx, 3, &query.Table{Version: 4, Signed: x, Stage: []string{"a b"}}) }, false, `"a b" is no node`},
			"another one staged":  {func() error { return s.StageTable(ctx, 2, nil) }, true, "somebody else"},
			"staged to a pattern": {func() error { return s.StageTable(ctx, 3, []string{"+"}) }, false, `"+" is no node`},
			"staged to too many":  {func() error { return s.StageTable(ctx, 3, make([]string, maxStage+1)) }, false, "at most"},
		}
		for name, tt := range tests {
			if err := tt.do(); err == nil || errors.Is(err, query.ErrTableChanged) != tt.changed || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := versions(tablesOf(t, s, query.TableFilter{})); got != "3" {
			t.Errorf("there are %s", got)
		}
	})
}

// TestTableEditors: many change the table at once, each from the newest that they
// saw. Every change that was taken is a version of its own; none is lost.
func TestTableEditors(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		const editors, edits = 4, 10
		var group sync.WaitGroup
		for e := range editors {
			group.Go(func() {
				for done := 0; done < edits; {
					var newest uint64
					err := s.Tables(ctx, query.TableFilter{Most: 1}, func(x *query.Table) error { newest = x.Version; return nil })
					if err == nil {
						err = s.PutTable(ctx, newest, &query.Table{Version: newest + 1, Signed: []byte{byte(e)}, Who: fmt.Sprint(e)})
					}
					switch {
					case err == nil:
						done++
					case !errors.Is(err, query.ErrTableChanged):
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		by := map[string]int{}
		for _, x := range tablesOf(t, s, query.TableFilter{}) {
			by[x.Who]++
		}
		if diff := cmp.Diff(map[string]int{"0": edits, "1": edits, "2": edits, "3": edits}, by); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOldTablesGo: the history is bounded, but what a node may still get stays.
func TestOldTablesGo(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{MaxTables: 5, MaxTableBytes: 100})
			defer s.Close()
			put := func(v uint64, size int, stage ...string) {
				t.Helper()
				if err := s.PutTable(ctx, v-1, &query.Table{Version: v, Signed: make([]byte, size), Stage: stage}); err != nil {
					t.Fatal(err)
				}
			}
			has := func(want string) {
				t.Helper()
				if got := versions(tablesOf(t, s, query.TableFilter{})); got != want {
					t.Errorf("kept are %s, want %s", got, want)
				}
			}
			put(1, 25)
			put(2, 25)
			put(3, 25)
			has("3 2 1")
			put(4, 50, "sw1")
			has("4 3 2")
			put(5, 60, "sw1")
			has("5 4 3") // more than fits: nodes other than sw1 get 3
			put(6, 1)
			has("6 5")
			for v := uint64(7); v < 20; v++ {
				put(v, 1)
			}
			has("19 18 17 16 15")
		})
	}
}

// TestTablesBesideACollector: the command line and the collector have one folder
// open, and each sees what the other has done.
func TestTablesBesideACollector(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cli, err := OpenSQLiteTables(ctx, dir, Options{}) // before a collector ever ran
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if err := cli.PutTable(ctx, 0, &query.Table{Version: 1, Signed: []byte("one")}); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSQLite(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reader, err := OpenSQLiteReader(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	again, err := OpenSQLiteTables(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var group sync.WaitGroup
	group.Go(func() { // the collector has work to do meanwhile
		for n := range uint64(50) {
			if err := s.Commit(ctx, []*record.Received{batch("sw1", 7, 1+10*n, 10, noon)}); err != nil {
				t.Error(err)
			}
			if err := s.Hello(ctx, "sw1", &record.Hello{Epoch: 7}); err != nil {
				t.Error(err)
			}
		}
	})
	writers := []Tables{s, cli, again}
	for n := range uint64(60) {
		if err := writers[n%3].PutTable(ctx, n+1, &query.Table{Version: n + 2, Signed: []byte("more")}); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
	for _, r := range []interface {
		Tables(context.Context, query.TableFilter, func(*query.Table) error) error
	}{s, cli, again, reader} {
		if got := tablesOf(t, r, query.TableFilter{}); len(got) != 61 || got[0].Version != 61 {
			t.Errorf("%T has %d versions", r, len(got))
		}
	}
	wantStored(t, s, "sw1", 7, ranges(1, 500))
}

// TestTablesOfAnOlderCollector: the schema is not changed under a collector that
// runs, and is when none does.
func TestTablesOfAnOlderCollector(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	older(t, dir)
	lock, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLiteTables(ctx, dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "restart it") {
		t.Errorf("beside an older collector: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSQLiteTables(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutTable(ctx, 0, &query.Table{Version: 1, Signed: []byte("x")}), s.Close()); err != nil {
		t.Error(err)
	}
	newer := filepath.Join(t.TempDir(), "store")
	if s, err := OpenSQLite(ctx, newer, Options{}); err != nil {
		t.Fatal(err)
	} else if err := errors.Join(s.files[place{kind: baseKind}].setVersion(99), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLiteTables(ctx, newer, Options{}); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("a newer folder: %v", err)
	}
}

// older makes a folder as the first version of this program left it.
func older(t *testing.T, dir string) {
	t.Helper()
	s, err := OpenSQLite(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := s.files[place{kind: baseKind}]
	for _, table := range append([]string{"number_tables"}, deskTables...) {
		if _, err := base.exec("DROP TABLE " + table); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(base.setVersion(1), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func (f *file) setVersion(n int) error {
	_, err := f.exec(fmt.Sprintf("PRAGMA user_version=%d", n))
	return err
}

// TestTablesAreBackedUp: a copy of the store has the history.
func TestTablesAreBackedUp(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSQLite(ctx, filepath.Join(dir, "store"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutTable(ctx, 0, &query.Table{Version: 9, Signed: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	r, err := OpenSQLiteReader(ctx, filepath.Join(dir, "copy"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := versions(tablesOf(t, r, query.TableFilter{})); got != "9" {
		t.Errorf("the copy has %q", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "copy", "sipward.db")); err != nil {
		t.Error(err)
	}
}
