package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Backup implements Store.
func (s *SQLite) Backup(ctx context.Context, path string) error {
	return backup(ctx, s.byMonth(), s.gone, path)
}

// backup copies files into a new folder. Each file is copied in one read transaction, the base
// last: a month that is dropped meanwhile is then in it. Each record is in one file with
// its number, so copies of different moments agree.
func backup(ctx context.Context, files []*file, gone func(*file) bool, path string) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing the backup: %s is there already", path)
	}
	tmp := path + ".partial"
	if err := os.Mkdir(tmp, 0o750); err != nil {
		return fmt.Errorf("making the folder of the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	slices.SortFunc(files, func(a, b *file) int { return int(a.kind) - int(b.kind) })
	for _, f := range files {
		if err := copyFile(ctx, f, gone, filepath.Join(tmp, filepath.Base(f.path))); err != nil {
			return err
		}
	}
	if err := markBackup(ctx, pathOf(tmp, place{kind: baseKind})); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("naming the backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func copyFile(ctx context.Context, f *file, gone func(*file) bool, to string) error {
	_, err := f.read.ExecContext(ctx, `VACUUM INTO ?`, to)
	if err == nil {
		return syncFile(to)
	}
	if gone(f) {
		return os.RemoveAll(to) // dropped meanwhile: the base has what is left of it
	}
	return fmt.Errorf("copying %s: %w", f.path, err)
}

// markBackup makes the next opening of a copy mint an id.
func markBackup(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, nil))
	if err != nil {
		return fmt.Errorf("marking the backup: %w", err)
	}
	_, err = db.ExecContext(ctx, `INSERT INTO meta VALUES ('backup', '1') ON CONFLICT DO NOTHING`)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("marking the backup: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("syncing the backup: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing the backup: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	return nil
}
