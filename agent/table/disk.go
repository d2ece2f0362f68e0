package table

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// Files in the folder.
const (
	tableName   = "table.yaml"         // as it came, signed
	versionName = "table.version"      // the highest version ever taken
	refusedName = "table.refused.yaml" // the last one that was signed and could not be read
	suffixNew   = ".new"               // being written
)

// floor is the highest version that was ever taken, and what it said.
type floor struct {
	version uint64 // 0: none was
	digest  [sha256.Size]byte
}

// check reports whether a table may follow: only a higher version, or the same again.
func (f *floor) check(t *configs.Table, x *taken) (Reason, error) {
	switch {
	case t.Version < f.version:
		return Older, fmt.Errorf("table %d, issued %v, is older than table %d, which was taken before", t.Version, t.Issued, f.version)
	case t.Version == f.version && x.digest != f.digest:
		return Conflict, fmt.Errorf("table %d says something else than the table %d that was taken before: a change needs a higher version", t.Version, f.version)
	}
	return 0, nil
}

// text is what the file holds, as in "version 7 sha256 HEX".
func (f *floor) text() []byte { return fmt.Appendf(nil, "version %d sha256 %x\n", f.version, f.digest) }

func readFloor(path string) (f floor, err error) {
	b, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	words := strings.Fields(string(b))
	if len(words) != 4 || words[0] != "version" || words[2] != "sha256" {
		return f, fmt.Errorf("%s: expected one line as in version 7 sha256 HEX", path)
	}
	version, err := strconv.ParseUint(words[1], 10, 64)
	digest, err2 := hex.DecodeString(words[3])
	if err != nil || err2 != nil || len(digest) != sha256.Size || version == 0 {
		return f, fmt.Errorf("%s: expected one line as in version 7 sha256 HEX", path)
	}
	return floor{version, [sha256.Size]byte(digest)}, nil
}

// store writes the signed table, then its version. After a crash between any two
// steps the folder holds the whole old table or the whole new one, and Open learns
// the version from it: the version must not be there before its table.
func (k *Keeper) store(signed []byte, f floor) error {
	if err := k.replace(tableName, signed); err != nil {
		return err
	}
	if err := k.replace(versionName, f.text()); err != nil {
		return err
	}
	k.floor = f
	return nil
}

// replace puts a file in the place of another, durably.
func (k *Keeper) replace(name string, text []byte) error {
	path := k.path(name)
	for _, s := range []struct {
		stage string
		do    func() error
	}{
		{"writing", func() error { return write(path+suffixNew, text) }},
		{"renaming", func() error { return os.Rename(path+suffixNew, path) }},
		{"noting", func() error { return syncFolder(k.cfg.Dir) }},
	} {
		if k.step != nil {
			if err := k.step(name + " " + s.stage); err != nil {
				return err
			}
		}
		if err := s.do(); err != nil {
			return fmt.Errorf("keeping the table: %w", err)
		}
	}
	return nil
}

// write makes a file whose bytes are on the disk.
func write(path string, text []byte) (err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

func syncFolder(dir string) error {
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readFile reads a file of the folder, and of one that is too large just enough to
// see that.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, seal.MaxSize+1))
}
