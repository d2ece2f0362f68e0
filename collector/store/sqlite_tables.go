package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/sipward/sipward/collector/query"
)

// SQLiteTables is the history of the table in a folder that a collector may have
// open, too: SQLite lets one of them write at a time, and each for a moment.
type SQLiteTables struct {
	o       Options
	writing sync.Mutex // guards what base writes
	base    *file
	reads
	desk
}

var (
	_ Tables = (*SQLite)(nil)
	_ Tables = (*SQLiteTables)(nil)
	_ Tables = (*Postgres)(nil)
	_ Desk   = (*SQLiteTables)(nil)
)

// OpenSQLiteTables opens the history of a folder, which is made when no collector
// has run yet. It returns ErrNewerSchema.
func OpenSQLiteTables(ctx context.Context, dir string, o Options) (*SQLiteTables, error) {
	if err := prepare(ctx, dir, o); err != nil {
		return nil, err
	}
	base, err := openFile(ctx, place{kind: baseKind}, pathOf(dir, place{kind: baseKind}))
	if err != nil {
		return nil, err
	}
	s := &SQLiteTables{o: o.withDefaults(), base: base}
	s.reads = reads{dialect: sqliteDialect, now: s.o.Now, sources: func(context.Context, kind, int64, int64) ([]source, error) {
		return []source{{name: base.path, db: base.read}}, nil
	}}
	s.desk = desk{&s.reads, s.edit}
	return s, nil
}

// prepare brings the folder to the schema that this program knows, unless a
// collector has done so. The folder of a collector that is running is not
// touched: an older one would meet a schema that it does not know.
func prepare(ctx context.Context, dir string, o Options) error {
	f, err := openReadFile(ctx, place{kind: baseKind}, pathOf(dir, place{kind: baseKind}))
	if err == nil {
		return f.close()
	}
	if !errors.Is(err, errUnready) {
		return err
	}
	s, err := OpenSQLite(ctx, dir, o)
	if errors.Is(err, ErrInUse) {
		return fmt.Errorf("%w, and is of an older version than this program: restart it", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(s.Close(), adopt(dir))
}

// adopt gives what root made to the user whose folder it is in, so that the
// service can open it.
func adopt(dir string) error {
	info, err := os.Stat(filepath.Dir(dir))
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("giving the store to its service: %w", err)
		}
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("giving the store to its service: %w", err)
		}
		return nil
	})
}

// PutTable implements Tables.
func (s *SQLiteTables) PutTable(_ context.Context, before uint64, t *query.Table) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return putSQLite(s.base, before, t, &s.o)
}

// StageTable implements Tables.
func (s *SQLiteTables) StageTable(_ context.Context, version uint64, stage []string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return stageSQLite(s.base, version, stage, s.o.Now().UnixMilli())
}

// Close ends the use of the folder.
func (s *SQLiteTables) Close() error { return s.base.close() }

// PutTable implements Tables.
func (s *SQLite) PutTable(ctx context.Context, before uint64, t *query.Table) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return err
	}
	return putSQLite(base, before, t, &s.o)
}

// StageTable implements Tables.
func (s *SQLite) StageTable(ctx context.Context, version uint64, stage []string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return err
	}
	return stageSQLite(base, version, stage, s.o.Now().UnixMilli())
}

func putSQLite(base *file, before uint64, t *query.Table, o *Options) error {
	if err := checkTable(before, t); err != nil {
		return err
	}
	return base.tx(func() error {
		if err := newestIs(base, before); err != nil {
			return err
		}
		if _, err := base.exec(insertTable, tableValues(t, o.Now().UnixMilli())...); err != nil {
			return fmt.Errorf("storing the table: %w", err)
		}
		if _, err := base.exec(oldTables, o.MaxTables, o.MaxTableBytes); err != nil {
			return fmt.Errorf("bounding the history of the table: %w", err)
		}
		return nil
	})
}

func stageSQLite(base *file, version uint64, stage []string, nowMs int64) error {
	if err := checkStage(stage); err != nil {
		return err
	}
	return base.tx(func() error {
		if err := newestIs(base, version); err != nil {
			return err
		}
		if _, err := base.exec(stageTable, stageWord(stage), published(stage, nowMs), signed(version)); err != nil {
			return fmt.Errorf("staging the table: %w", err)
		}
		return nil
	})
}

// newestIs fails when another version is the newest.
func newestIs(base *file, version uint64) error {
	var newest int64
	if err := base.row(newestTable, nil, &newest); err != nil {
		return fmt.Errorf("reading the table's version: %w", err)
	}
	if unsigned(newest) != version {
		return query.ErrTableChanged
	}
	return nil
}
