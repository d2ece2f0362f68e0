package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// file is one SQLite database. Writing is done by the store's one writer, over
// one connection with its prepared statements, which no context interrupts: an
// interrupted connection is of no more use. Reading goes over a pool of its own.
type file struct {
	place
	path string
	id   string // drawn when the file was made

	db    *sql.DB // for write
	write *sql.Conn
	stmts map[string]*sql.Stmt
	texts map[insertKey]string
	args  []any // reused
	used  int64 // last transaction, Unix milliseconds; 0: it rests

	read *sql.DB
	info os.FileInfo // of a file that another process may replace; else nil
}

// writePragmas are set on the connection that writes. A commit is on disk when
// it returns (FULL); the WAL is moved into the file every 16 MiB.
var writePragmas = []string{"busy_timeout=10000", "page_size=8192", "journal_mode=WAL", "synchronous=FULL",
	"wal_autocheckpoint=2048", "journal_size_limit=67108864", "cache_size=-32768", "temp_store=MEMORY"}

// openFile opens or creates a database for writing.
func openFile(ctx context.Context, at place, path string) (*file, error) {
	f := &file{place: at, path: path, stmts: make(map[string]*sql.Stmt), texts: make(map[insertKey]string)}
	if err := f.open(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *file) open(ctx context.Context) (err error) {
	if f.db, err = sql.Open("sqlite", dsn(f.path, nil)); err != nil {
		return fmt.Errorf("opening %s: %w", f.path, err)
	}
	if f.write, err = f.db.Conn(ctx); err != nil {
		return fmt.Errorf("opening %s: %w", f.path, err)
	}
	for _, p := range writePragmas {
		if _, err := f.write.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("opening %s: setting %s: %w", f.path, p, err)
		}
	}
	if err := f.migrate(ctx); err != nil {
		return err
	}
	if f.id, err = f.meta(ctx, "file", newID()); err != nil {
		return err
	}
	f.read, err = openReader(f.path)
	return err
}

// openReader opens a database for reading only.
func openReader(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(1)
	return db, nil
}

func dsn(path string, options url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String()
}

// meta returns the value of key, which is set to value when there is none.
func (f *file) meta(ctx context.Context, key, value string) (string, error) {
	if _, err := f.write.ExecContext(ctx, `INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING`, key, value); err != nil {
		return "", fmt.Errorf("writing %s of %s: %w", key, f.path, err)
	}
	if err := f.write.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, key).Scan(&value); err != nil {
		return "", fmt.Errorf("reading %s of %s: %w", key, f.path, err)
	}
	return value, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// close closes what is open of f. Readers that have begun end first.
func (f *file) close() error {
	var errs []error
	for _, s := range f.stmts {
		errs = append(errs, s.Close())
	}
	if f.read != nil {
		errs = append(errs, f.read.Close())
	}
	if f.write != nil {
		errs = append(errs, f.write.Close())
	}
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	return errors.Join(errs...)
}

// exec runs a prepared statement of the writer. A transaction is short and of
// bounded length: it runs to its end, whatever a caller waits for.
func (f *file) exec(query string, args ...any) (sql.Result, error) {
	s, err := f.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

// row reads one row by a prepared statement of the writer; without one, to stays
// as it is.
func (f *file) row(query string, args []any, to ...any) error {
	s, err := f.stmt(query)
	if err != nil {
		return err
	}
	if err := s.QueryRowContext(context.Background(), args...).Scan(to...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return nil
}

func (f *file) stmt(query string) (*sql.Stmt, error) {
	s := f.stmts[query]
	if s == nil {
		var err error
		if s, err = f.write.PrepareContext(context.Background(), query); err != nil {
			return nil, fmt.Errorf("preparing %q: %w", query, err)
		}
		f.stmts[query] = s
	}
	return s, nil
}

// tx runs do within a transaction.
func (f *file) tx(do func() error) (err error) {
	if _, err := f.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction on %s: %w", f.path, err)
	}
	defer func() {
		if err != nil {
			_, _ = f.exec("ROLLBACK") // the first error is the one to tell; a failed commit has rolled back
		}
	}()
	if err := do(); err != nil {
		return err
	}
	if _, err := f.exec("COMMIT"); err != nil {
		return fmt.Errorf("committing to %s: %w", f.path, err)
	}
	return nil
}

// rest gives back what a file holds that nobody has written to for a while: the
// pages in memory, and the room of the WAL.
func (f *file) rest() error {
	for _, q := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA shrink_memory"} {
		if _, err := f.write.ExecContext(context.Background(), q); err != nil {
			return fmt.Errorf("putting %s to rest: %w", f.path, err)
		}
	}
	f.used = 0
	return nil
}

// rowsPerInsert is how many rows one statement inserts.
const rowsPerInsert = 16

// insert adds n rows of one table, of which row appends the values of number i.
// tail ends each statement.
func (f *file) insert(table string, columns []string, n int, tail string, row func(to []any, i int) []any) error {
	for i := 0; i < n; {
		many := 1
		if n-i >= rowsPerInsert {
			many = rowsPerInsert
		}
		f.args = f.args[:0]
		for range many {
			f.args = row(f.args, i)
			i++
		}
		k := insertKey{table, many}
		if f.texts[k] == "" {
			f.texts[k] = insertSQL(table, columns, many, tail)
		}
		if _, err := f.exec(f.texts[k], f.args...); err != nil {
			return fmt.Errorf("inserting into %s of %s: %w", table, f.path, err)
		}
	}
	return nil
}

// insertKey names the text of a statement: there are two for each table.
type insertKey struct {
	table string
	rows  int
}

func insertSQL(table string, columns []string, rows int, tail string) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	return "INSERT INTO " + table + " (" + strings.Join(columns, ",") + ") VALUES " + one + strings.Repeat(","+one, rows-1) + " " + tail
}
