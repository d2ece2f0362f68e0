package store

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// lockFolder makes sure that one process writes. The lock ends with the process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the lock is the error to tell
		return nil, fmt.Errorf("locking %s: %w", dir, ErrInUse)
	}
	return f, nil
}

func pathOf(dir string, at place) string {
	name := kindNames[at.kind] + ".db"
	if at.kind != baseKind {
		name = kindNames[at.kind] + "-" + at.month.String() + ".db"
	}
	return filepath.Join(dir, name)
}

// listMonths returns the months that dir has files of, in their order.
func listMonths(dir string) ([]place, error) {
	var out []place
	for _, k := range []kind{callsKind, telemetryKind} {
		names, err := filepath.Glob(filepath.Join(globEscape(dir), kindNames[k]+"-????-??.db"))
		if err != nil {
			return nil, fmt.Errorf("listing the months of the store: %w", err)
		}
		for _, n := range names {
			word := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(n), kindNames[k]+"-"), ".db")
			if m, ok := parseMonth(word); ok { // else not ours
				out = append(out, place{k, m})
			}
		}
	}
	return out, nil
}

// globEscape keeps what is special in a pattern from being so.
func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// sourcesOf picks the files that have rows of a kind and a time.
func sourcesOf(files []*file, k kind, from, to int64, gone func(*file) bool) (out []source) {
	for _, f := range files {
		if f.kind != k || k != baseKind && ((f.month+1).start().UnixMilli() <= from || f.month.start().UnixMilli() >= to) {
			continue
		}
		out = append(out, source{name: f.path, db: f.read, file: f.id, gone: func() bool { return gone(f) }})
	}
	return out
}

func sortedFiles(files map[place]*file) []*file {
	return slices.SortedFunc(maps.Values(files), func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.month, b.month), cmp.Compare(a.kind, b.kind))
	})
}
