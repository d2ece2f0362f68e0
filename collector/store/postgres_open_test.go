package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/sync/record"
)

// TestPostgresCopy: a database made from another, or from its dump, has an id
// of its own.
func TestPostgresCopy(t *testing.T) {
	url := newDatabase(t)
	s, err := OpenPostgres(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := s.ID()
	mustCommit(t, s, batch("sw1", 7, 1, 10, noon))
	must(t, s.AddAccount(ctx, anAccount("ann", accounts.Operator), nil))
	must(t, s.AddSession(ctx, &accounts.Session{Hash: digestOf("s"), Account: "ann", SecondFactor: accounts.Passed}, 5))
	if err := s.Backup(ctx, t.TempDir()); !errors.Is(err, ErrNoBackup) || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("Backup: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	from := url[strings.LastIndex(url, "=")+1:]
	startCluster().exec(t, "postgres", "CREATE DATABASE "+from+"copy TEMPLATE "+from)
	ids := []string{id}
	for i, u := range []string{url, startCluster().url(from + "copy"), startCluster().url(from + "copy")} {
		s, err := OpenPostgres(ctx, u, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID())
		wantStored(t, s, "sw1", 7, ranges(1, 10))
		if i > 0 {
			wantNoSession(t, s, digestOf("s"))
		} else if _, err := s.Session(ctx, digestOf("s")); err != nil {
			t.Errorf("the database itself, opened again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if ids[1] != id || ids[2] == id || ids[3] != ids[2] {
		t.Errorf("ids %v", ids)
	}
}

// TestPostgresDroppedElsewhere: another collector has dropped a month that this
// one knows a partition of.
func TestPostgresDroppedElsewhere(t *testing.T) {
	url := newDatabase(t)
	c := &clock{noon.AddDate(1, 0, 0)}
	a, err := OpenPostgres(ctx, url, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := OpenPostgres(ctx, url, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	mustCommit(t, a, batch("sw1", 7, 1, 10, noon))
	if _, err := b.Retain(ctx, Retention{Calls: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, a, batch("sw1", 7, 11, 10, noon))
	wantStored(t, b, "sw1", 7, ranges(11, 20))
	verified(t, b)
}

// TestPostgresStuck: a collector stands still, or is gone without a word, while it has
// locked what another one needs.
func TestPostgresStuck(t *testing.T) {
	url := newDatabase(t)
	a, err := OpenPostgres(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := OpenPostgres(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	mustCommit(t, a, batch("sw1", 7, 1, 10, noon))
	usual := stuck
	stuck = 100 * time.Millisecond // for the next connection, which does nothing else
	a.pool.Reset()
	must(t, a.pool.Ping(ctx))
	stuck = usual
	locked, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- a.retry(ctx, func(tx pgx.Tx) error {
			_, err := lockCursors(ctx, tx, []streamKey{{"sw1", 7, record.Calls}})
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := b.Commit(within, []*record.Received{batch("sw1", 7, 11, 10, noon)}); err != nil {
		t.Errorf("the other collector's commit: %v", err)
	}
	close(release)
	if err := <-ended; err == nil || IsPoison(err) {
		t.Errorf("the one that stood still: %v", err)
	}
	mustCommit(t, a, batch("sw1", 7, 11, 20, noon)) // it goes on, and stores nothing twice
	wantStored(t, b, "sw1", 7, ranges(1, 30))
	verified(t, b)
}

// TestPostgresPatience: the server's operator decides, and a reader may take its time.
func TestPostgresPatience(t *testing.T) {
	const setting = "idle_in_transaction_session_timeout"
	url := newDatabase(t)
	for _, tt := range []struct{ url, writes, reads string }{{url, "30s", "0"}, {url + " " + setting + "=7s", "7s", "7s"}} {
		s, err := OpenPostgres(ctx, tt.url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var writes, reads string
		must(t, s.pool.QueryRow(ctx, "SHOW "+setting).Scan(&writes))
		must(t, s.db.QueryRowContext(ctx, "SHOW "+setting).Scan(&reads))
		if writes != tt.writes || reads != tt.reads {
			t.Errorf("%s: %s and %s, want %s and %s", tt.url, writes, reads, tt.writes, tt.reads)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPostgresAddress(t *testing.T) {
	_, err := OpenPostgres(ctx, "postgres://me:hunter2@[", Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("err = %v", err)
	}
}

// TestPostgresErrors has the database fail in the middle of a commit.
func TestPostgresErrors(t *testing.T) {
	tests := []struct {
		name, do string
		poison   bool
		ok       bool
		retries  uint64
	}{
		{"serialization failures", `IF nextval('sipward.tries') <= 2 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF`, false, true, 2},
		{"deadlock", `IF nextval('sipward.tries') <= 1 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END IF`, false, true, 1},
		{"serialization failures without end", `RAISE EXCEPTION 'x' USING ERRCODE = '40001'`, false, false, maxTries},
		{"disk full", `RAISE EXCEPTION 'x' USING ERRCODE = '53100'`, false, false, 0},
		{"out of range", `RAISE EXCEPTION 'x' USING ERRCODE = '22003'`, true, false, 0},
		{"a constraint", `RAISE EXCEPTION 'x' USING ERRCODE = '23514'`, true, false, 0},
		{"connection lost", `IF nextval('sipward.tries') <= 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF`, false, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := OpenPostgres(ctx, newDatabase(t), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.pool.Exec(ctx, `CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+tt.do+
				`; RETURN NULL; END $$; CREATE TRIGGER fail BEFORE INSERT ON sums FOR EACH STATEMENT EXECUTE FUNCTION fail()`); err != nil {
				t.Fatal(err)
			}
			b := batch("sw1", 7, 1, 20, noon)
			err = s.Commit(ctx, []*record.Received{b})
			if (err == nil) != tt.ok || IsPoison(err) != tt.poison || s.Stats().Retries != tt.retries {
				t.Errorf("%v, %+v", err, s.Stats())
			}
			if !tt.ok {
				wantCursor(t, s, "sw1", 7, record.Calls, nil)
				wantStored(t, s, "sw1", 7, nil)
			}
			if _, err := s.pool.Exec(ctx, `DROP TRIGGER fail ON sums`); err != nil {
				t.Fatal(err)
			}
			mustCommit(t, s, b)
			wantStored(t, s, "sw1", 7, ranges(1, 20))
			verified(t, s)
		})
	}
}
