// Package table keeps the centre's table of customers and number blocks: it
// verifies what comes, never goes back to an earlier version, and has the last good
// copy on the disk before anybody uses it. Whatever goes wrong, what is in force
// stays in force.
//
// The folder holds table.yaml, the signed copy as it came, and table.version, the
// highest version that was ever taken: who deletes the table does not make an
// older one acceptable. Who deletes both begins anew, and the log says so.
// table.refused.yaml is there for people: the last table that was signed and made
// no sense.
package table

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// Config of a Keeper.
type Config struct {
	Dir  string              // folder; it is made
	Keys []ed25519.PublicKey // whose tables are taken
	// Use puts a table in force. It is called for what Offer takes, when that is on
	// the disk, and never twice at once. When it fails, the next copy is another try.
	Use func(*configs.Table) error
	Log *slog.Logger // nil: silent
}

// Keeper keeps a table. It is safe for concurrent use.
type Keeper struct {
	cfg  Config
	log  *slog.Logger
	step func(stage string) error // nil but in tests: a crash

	offers sync.Mutex // guards floor and keys, and lets one table in at a time
	floor  floor
	keys   []ed25519.PublicKey

	mu      sync.Mutex // guards what follows
	current *taken     // nil: none is in force
	refused map[Reason]uint64
	again   uint64
	problem string
}

// taken is a table that is in force.
type taken struct {
	version uint64
	issued  time.Time
	key     string
	digest  [sha256.Size]byte // of its text
}

// Status is what is known of the table at one moment.
type Status struct {
	Version   uint64 // 0: none is in force
	Issued    time.Time
	Age       time.Duration // since then, by this host's clock; 0 when it is ahead
	Key       string        // id of the key that signed it
	Again     uint64        // copies of what is in force
	Refused   map[Reason]uint64
	LastError string // why the last copy was not taken; "" when it was
}

// New returns a keeper. It touches nothing.
func New(c Config) *Keeper {
	k := &Keeper{cfg: c, log: c.Log, keys: c.Keys, refused: map[Reason]uint64{}}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// Open reads the last good copy, verifies it again, and returns it; nil when there
// is none that can be believed, which the log and Status then say. It does not
// call Use. It fails when the folder cannot be used.
func (k *Keeper) Open() (*configs.Table, error) {
	k.offers.Lock()
	defer k.offers.Unlock()
	if err := k.prepare(); err != nil {
		return nil, err
	}
	var err error
	if k.floor, err = readFloor(k.path(versionName)); err != nil {
		k.fail(Disk, "the version of the last table cannot be read: an older one would be taken", err)
	}
	signed, err := readFile(k.path(tableName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.missing()
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the table: %w", err)
	}
	t, x, reason, err := k.readKept(signed)
	if err != nil {
		k.fail(reason, "the table on the disk is not believed: there are no customers until the centre sends one", err)
		return nil, nil
	}
	switch {
	case t.Version > k.floor.version: // a crash before the version was written
		k.floor = floor{t.Version, x.digest}
	case t.Version < k.floor.version:
		k.fail(Older, "somebody put an older table back: it is in force until the centre sends a newer one",
			fmt.Errorf("%s has version %d, and version %d was in force", k.path(tableName), t.Version, k.floor.version))
	}
	k.mu.Lock()
	k.current = x
	k.mu.Unlock()
	return t, nil
}

// prepare makes the folder, and removes what a crash left in it.
func (k *Keeper) prepare() error {
	if err := os.MkdirAll(k.cfg.Dir, 0o750); err != nil {
		return fmt.Errorf("making the folder of the table: %w", err)
	}
	for _, name := range []string{tableName, versionName} {
		if err := os.Remove(k.path(name + suffixNew)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what a crash left: %w", err)
		}
	}
	return nil
}

// missing says that there is no table: at the first start, or because it is gone.
func (k *Keeper) missing() {
	if k.floor.version == 0 {
		k.log.Info("no table was ever taken: there are no customers until the centre sends one")
		return
	}
	k.fail(Missing, "the table is gone: there are no customers until the centre sends one",
		fmt.Errorf("%s is missing; version %d or a higher one is waited for", k.path(tableName), k.floor.version))
}

// SetKeys says whose tables are taken from now on. What is in force stays.
func (k *Keeper) SetKeys(keys []ed25519.PublicKey) {
	k.offers.Lock()
	defer k.offers.Unlock()
	k.keys = keys
}

// Offer takes a signed table if it may be taken. Afterwards it is in force and on
// the disk; or, with an error that says why, the old one is.
func (k *Keeper) Offer(signed []byte) error {
	k.offers.Lock()
	defer k.offers.Unlock()
	reason, err := k.offer(signed)
	if err != nil {
		k.fail(reason, "a table was refused; the old one stays in force", err)
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problem = ""
	return nil
}

func (k *Keeper) offer(signed []byte) (Reason, error) {
	text, id, err := seal.Open(signed, k.keys)
	if err != nil {
		return reasonOf(err), fmt.Errorf("verifying the table: %w", err)
	}
	old, same := k.same(text, id)
	if same {
		return 0, nil
	}
	t, x, err := read(k.path(refusedName), text, id)
	if err != nil {
		_ = os.WriteFile(k.path(refusedName), text, 0o600) // the lines that err names; it is worth as much without
		return Invalid, err
	}
	if reason, err := k.floor.check(t, x); err != nil {
		return reason, err
	}
	if err := k.store(signed, floor{t.Version, x.digest}); err != nil {
		return Disk, err
	}
	if old == nil || old.digest != x.digest { // else only the key that signed it is another
		if err := k.cfg.Use(t); err != nil {
			return Unused, fmt.Errorf("putting table %d in force: %w", t.Version, err)
		}
	}
	k.mu.Lock()
	k.current = x
	k.mu.Unlock()
	k.log.Info("a table is in force", "version", t.Version, "issued", t.Issued, "key", x.key, "customers", len(t.Customers), "carriers", len(t.Carriers))
	return 0, nil
}

// same returns what is in force, and whether it came again, as it does with every
// connection to a broker.
func (k *Keeper) same(text []byte, id string) (old *taken, yes bool) {
	digest := sha256.Sum256(text)
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.current
	yes = c != nil && c.digest == digest && c.key == id && c.version >= k.floor.version // an older one that was put back is not
	if yes {
		k.again++
	}
	return c, yes
}

// read reads a table that the key id has signed; name stands for its file in errors.
func read(name string, text []byte, id string) (*configs.Table, *taken, error) {
	t, err := configs.ParseTable(name, text)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the table that key %s signed:\n%w", id, err)
	}
	return t, &taken{t.Version, t.Issued, id, sha256.Sum256(text)}, nil
}

// readKept verifies and reads the copy on the disk.
func (k *Keeper) readKept(signed []byte) (*configs.Table, *taken, Reason, error) {
	text, id, err := seal.Open(signed, k.keys)
	if err != nil {
		return nil, nil, reasonOf(err), fmt.Errorf("verifying %s: %w", k.path(tableName), err)
	}
	t, x, err := read(k.path(tableName), text, id)
	return t, x, Invalid, err
}

// fail counts and says why a table is not in force, or which is.
func (k *Keeper) fail(reason Reason, what string, err error) {
	k.log.Error(what, "reason", reason, "error", err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused[reason]++
	k.problem = err.Error()
	if len(k.problem) > maxProblem {
		k.problem = strings.ToValidUTF8(k.problem[:maxProblem], "") + "..."
	}
}

// maxProblem is how many bytes of an error Status shows.
const maxProblem = 2000

// Status returns what is known at now.
func (k *Keeper) Status(now time.Time) Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{Refused: maps.Clone(k.refused), Again: k.again, LastError: k.problem}
	if c := k.current; c != nil {
		s.Version, s.Issued, s.Key, s.Age = c.version, c.issued, c.key, max(now.Sub(c.issued), 0)
	}
	return s
}

func (k *Keeper) path(name string) string { return filepath.Join(k.cfg.Dir, name) }
