package peers

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // driver "sqlite"
)

// QuerySQLite hands the rows of a query to each, from all files that match the
// pattern of filepath.Glob, as anybody could read them: without the collector's
// code, beside its writing. A file without the table is left out; it is an error
// when none of them has it. No file means no row.
func QuerySQLite(ctx context.Context, files, query string, each func(*sql.Rows) error) error {
	names, err := filepath.Glob(files)
	if err != nil {
		return fmt.Errorf("look for %s: %w", files, err)
	}
	found := len(names) == 0
	var without error
	for _, name := range names {
		switch err := querySQLiteFile(ctx, name, query, each); {
		case err == nil:
			found = true
		case strings.Contains(err.Error(), "no such table"):
			without = err
		default:
			return err
		}
	}
	if !found {
		return without
	}
	return nil
}

// busyMs is how long a file that is being written is waited for, in milliseconds.
const busyMs = 10_000

func querySQLiteFile(ctx context.Context, name, query string, each func(*sql.Rows) error) error {
	options := url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMs)}}
	at := url.URL{Scheme: "file", Opaque: name, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", at.String())
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer db.Close()
	if err := QueryDatabase(ctx, db, query, each); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// QueryDatabase hands the rows of a query to each.
func QueryDatabase(ctx context.Context, db *sql.DB, query string, each func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	return rows.Err()
}
