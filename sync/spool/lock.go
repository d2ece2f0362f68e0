package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// whole is a lock of a whole file. It belongs to the open file, not to the process
// (F_OFD_SETLK): it ends with the file, however the process ends, and asking whether it
// is held does not take it.
func whole(kind int16) *unix.Flock_t { return &unix.Flock_t{Type: kind} }

// lockFolder takes the folder for this process until the file is closed.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the spool folder: %w", err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, whole(unix.F_WRLCK)); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		who, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w: process %s holds %s", ErrLocked, strings.TrimSpace(string(who)), path)
	}
	if err := f.Truncate(0); err == nil { // only for people: a full disk is no reason to stop
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// locked reports whether somebody holds the lock of a folder.
func locked(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	l := whole(unix.F_WRLCK)
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, l) == nil && l.Type != unix.F_UNLCK
}

// checkFormat reads the version of the folder, and writes it into a new one.
func checkFormat(dir string, write bool) error {
	path := filepath.Join(dir, "format")
	want := fmt.Appendf(nil, "sipward-spool %d\n", formatNumber)
	got, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(got) == 0: // new, or it ended before its first record
		if !write {
			return nil
		}
		if err := os.WriteFile(path, want, 0o600); err != nil {
			return fmt.Errorf("writing the spool's format: %w", err)
		}
		return syncDir(dir)
	case err != nil:
		return fmt.Errorf("reading the spool's format: %w", err)
	case bytes.Equal(got, want):
		return nil
	}
	word, number, _ := strings.Cut(strings.TrimSpace(string(got)), " ")
	if n, err := strconv.Atoi(number); word == "sipward-spool" && err == nil && n > formatNumber {
		return fmt.Errorf("%w: format %d in %s, this program knows %d", ErrFormat, n, path, formatNumber)
	}
	return fmt.Errorf("reading the spool's format: %s says %.40q, which no version wrote; name another folder in spool.dir", path, got)
}

// syncDir makes the names that were added to a folder, changed or removed durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the spool folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing the spool folder: %w", err)
	}
	return nil
}
