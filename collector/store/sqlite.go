package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// SQLite is a store in a folder: sipward.db, and two files a month, with calls
// and with telemetry. Each file has the numbers of its own rows and the sums of its own
// calls, so that a transaction is about one file: those over several are not
// atomic with a write-ahead log.
type SQLite struct {
	dir string
	o   Options

	lock *os.File // held while the folder is open for writing; nil for a reader

	writing sync.Mutex // guards all below but files, and what is written
	cursors map[streamKey]*cursor
	ranges  int              // in cursors
	seen    map[string]int64 // last batch of a node, and
	saved   map[string]int64 // what of it is written down, Unix milliseconds
	rested  int64            // when files were last put to rest

	open  sync.RWMutex // guards files and id
	files map[place]*file
	id    string

	stats counters
	reads
	desk
}

var _ Store = (*SQLite)(nil)

// maxCursors bounds the cursors in memory, and maxHeldRanges what is in them; others
// are read when needed.
const (
	maxCursors    = 1 << 14
	maxHeldRanges = 1 << 22 // of 16 bytes
)

// OpenSQLite opens a folder for writing and reading, or creates it. It returns
// ErrInUse when another process writes to it, and ErrNewerSchema.
func OpenSQLite(ctx context.Context, dir string, o Options) (*SQLite, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the folder of the store: %w", err)
	}
	s := newSQLite(dir, o)
	var err error
	if s.lock, err = lockFolder(dir); err != nil {
		return nil, err
	}
	if err := s.openAll(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newSQLite(dir string, o Options) *SQLite {
	s := &SQLite{dir: dir, o: o.withDefaults(), cursors: make(map[streamKey]*cursor), seen: make(map[string]int64),
		saved: make(map[string]int64), files: make(map[place]*file)}
	s.reads = reads{dialect: sqliteDialect, sources: s.readFrom, done: s.doneOf, now: s.o.Now}
	s.desk = desk{&s.reads, s.edit}
	return s
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxLetters == 0 {
		o.MaxLetters = 1000
	}
	if o.MaxLetterBytes == 0 {
		o.MaxLetterBytes = 64 << 20
	}
	if o.MaxTables == 0 {
		o.MaxTables = 1000
	}
	if o.MaxTableBytes == 0 {
		o.MaxTableBytes = 256 << 20
	}
	return o
}

// openAll opens the base and the months, removes months that had been dropped,
// and gives a restored backup its own id.
func (s *SQLite) openAll(ctx context.Context) error {
	base, err := openFile(ctx, place{kind: baseKind}, s.path(place{kind: baseKind}))
	if err != nil {
		return err
	}
	s.files[base.place] = base
	places, err := listMonths(s.dir)
	if err != nil {
		return err
	}
	for _, at := range places {
		f, err := openFile(ctx, at, s.path(at))
		if err != nil {
			return err
		}
		s.files[at] = f
		if err := s.finishDrop(ctx, base, f); err != nil {
			return err
		}
	}
	s.id, err = s.mint(ctx, base)
	return err
}

// endedSince are the tables of what may have ended since a copy was made: who logged out,
// or took a link, before the copy was restored must not find it open again.
var endedSince = []string{"sessions", "links"}

// mint returns the store's id, which is a new one for a restored backup.
func (s *SQLite) mint(ctx context.Context, base *file) (string, error) {
	if _, err := base.write.ExecContext(ctx, `UPDATE meta SET value = ? WHERE key = 'store' AND EXISTS (SELECT 1 FROM meta WHERE key = 'backup')`, newID()); err != nil {
		return "", fmt.Errorf("giving the restored store an id: %w", err)
	}
	for _, table := range endedSince {
		//nolint:gosec // G202: names of tables, which are constants
		if _, err := base.write.ExecContext(ctx, `DELETE FROM `+table+` WHERE EXISTS (SELECT 1 FROM meta WHERE key = 'backup')`); err != nil {
			return "", fmt.Errorf("ending the %s of the restored store: %w", table, err)
		}
	}
	if _, err := base.write.ExecContext(ctx, `DELETE FROM meta WHERE key = 'backup'`); err != nil {
		return "", fmt.Errorf("giving the restored store an id: %w", err)
	}
	return base.meta(ctx, "store", newID())
}

func (s *SQLite) path(at place) string { return pathOf(s.dir, at) }

// file returns the file of a place, which is created when there is none.
func (s *SQLite) file(ctx context.Context, at place) (*file, error) {
	s.open.RLock()
	f := s.files[at]
	s.open.RUnlock()
	if f != nil {
		return f, nil
	}
	f, err := s.create(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := syncFolder(s.dir); err != nil { // the name of a new file is on disk before a row of it is acked
		return nil, errors.Join(err, f.close())
	}
	s.open.Lock()
	s.files[at] = f
	s.open.Unlock()
	return f, nil
}

// create opens the file of a place that has none. One may be there all the same, of
// a month that was dropped when it could not be unlinked: what were added to it would
// go with it at the next start.
func (s *SQLite) create(ctx context.Context, at place) (*file, error) {
	f, err := openFile(ctx, at, s.path(at))
	if err != nil || at.kind == baseKind {
		return f, err
	}
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	switch gone, err := isDropped(ctx, base, f); {
	case err != nil:
		return nil, errors.Join(err, f.close())
	case !gone:
		return f, nil
	}
	if err := s.remove(f); err != nil {
		return nil, err
	}
	return openFile(ctx, at, s.path(at))
}

// readFrom lists the files that have rows of a time.
func (s *SQLite) readFrom(_ context.Context, k kind, from, to int64) ([]source, error) {
	return sourcesOf(s.byMonth(), k, from, to, s.gone), nil
}

// gone reports whether a file was dropped.
func (s *SQLite) gone(f *file) bool {
	s.open.RLock()
	defer s.open.RUnlock()
	return s.files[f.place] != f
}

// byMonth returns the files that are open, oldest first.
func (s *SQLite) byMonth() []*file {
	s.open.RLock()
	defer s.open.RUnlock()
	return sortedFiles(s.files)
}

// Stats implements Store.
func (s *SQLite) Stats() Stats { return s.stats.snapshot() }

// ID implements Store.
func (s *SQLite) ID() string {
	s.open.RLock()
	defer s.open.RUnlock()
	return s.id
}

// Close implements Store. It waits for the commit that is under way.
func (s *SQLite) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.open.Lock()
	defer s.open.Unlock()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.close())
	}
	clear(s.files)
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// cursor is what is committed of a stream, in whatever file.
type cursor struct{ done record.Ranges }
