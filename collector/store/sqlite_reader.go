package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/sipward/sipward/sync/record"
)

// SQLiteReader reads a folder that a collector may be writing to at the same
// time, from another process. It takes no lock that the collector would wait for.
type SQLiteReader struct {
	dir string
	id  string

	open  sync.Mutex // guards files
	files map[place]*file

	reads
}

var _ Reader = (*SQLiteReader)(nil)

// OpenSQLiteReader opens a folder for reading. It returns ErrNewerSchema, and an
// error when no collector has opened the folder with this schema before.
func OpenSQLiteReader(ctx context.Context, dir string, o Options) (*SQLiteReader, error) {
	r := &SQLiteReader{dir: dir, files: make(map[place]*file)}
	r.reads = reads{dialect: sqliteDialect, sources: r.readFrom, done: r.doneOf, now: o.withDefaults().Now}
	files, err := r.refresh(ctx)
	if err == nil {
		base := files[0] // it has no month
		if err = base.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'store'`).Scan(&r.id); err != nil {
			err = fmt.Errorf("reading the id of %s: %w", base.path, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// refresh opens the months that came since, and closes those that went.
func (r *SQLiteReader) refresh(ctx context.Context) ([]*file, error) {
	r.open.Lock()
	defer r.open.Unlock()
	months, err := listMonths(r.dir)
	if err != nil {
		return nil, err
	}
	for at, f := range r.files {
		if vanished(f) {
			delete(r.files, at)
			if err := f.close(); err != nil {
				return nil, err
			}
		}
	}
	for _, at := range append(months, place{kind: baseKind}) {
		if r.files[at] != nil {
			continue
		}
		f, err := openReadFile(ctx, at, pathOf(r.dir, at))
		if errors.Is(err, errUnready) && at.kind != baseKind {
			continue // it was dropped since it was listed, or is just being made, and nothing is in it
		}
		if err != nil {
			return nil, err
		}
		r.files[at] = f
	}
	return sortedFiles(r.files), nil
}

// vanished reports whether a file was unlinked, or is another one now.
func vanished(f *file) bool {
	info, err := os.Stat(f.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && f.info != nil && !os.SameFile(info, f.info)
}

// errUnready says that a file is not there, or has no tables yet.
var errUnready = errors.New("no collector has opened it yet")

// openReadFile opens a file for reading only.
func openReadFile(ctx context.Context, at place, path string) (*file, error) {
	f := &file{place: at, path: path}
	var err error
	if f.info, err = os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errUnready
		}
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if f.read, err = openReader(path); err != nil {
		return nil, err
	}
	var version int
	if err = f.read.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		err = fmt.Errorf("reading the schema version of %s: %w", path, err)
	} else if newest := len(sqliteSchema[at.kind]); version > newest {
		err = fmt.Errorf("%s has schema %d, this program knows up to %d: %w", path, version, newest, ErrNewerSchema)
	} else if version < newest {
		err = fmt.Errorf("%s has schema %d, this program reads %d: %w", path, version, newest, errUnready)
	} else if err = f.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'file'`).Scan(&f.id); err != nil {
		err = fmt.Errorf("reading the id of %s: %w", path, errUnready)
	}
	if err != nil && vanished(f) { // while it was being opened
		err = fmt.Errorf("opening %s: %w", path, errUnready)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (r *SQLiteReader) readFrom(ctx context.Context, k kind, from, to int64) ([]source, error) {
	files, err := r.refresh(ctx)
	if err != nil {
		return nil, err
	}
	return sourcesOf(files, k, from, to, vanished), nil
}

// doneOf returns what is committed of streams.
func (r *SQLiteReader) doneOf(ctx context.Context, keys []streamKey) (map[streamKey]record.Ranges, error) {
	files, err := r.refresh(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[streamKey]record.Ranges, len(keys))
	for _, k := range keys {
		var all record.Ranges
		for i := len(files) - 1; i >= 0; i-- { // the base last: a month may be moved into it meanwhile
			part, err := readRanges(ctx, files[i], k)
			if err != nil && (files[i].kind == baseKind || !vanished(files[i])) {
				return nil, err
			}
			all = append(all, part...)
		}
		out[k] = union(all)
	}
	return out, nil
}

// ID implements Reader.
func (r *SQLiteReader) ID() string { return r.id }

// Backup implements Reader.
func (r *SQLiteReader) Backup(ctx context.Context, path string) error {
	files, err := r.refresh(ctx)
	if err != nil {
		return err
	}
	return backup(ctx, files, vanished, path)
}

// Close implements Reader.
func (r *SQLiteReader) Close() error {
	r.open.Lock()
	defer r.open.Unlock()
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.close())
	}
	clear(r.files)
	return errors.Join(errs...)
}
