package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// tableKeyFile is the name of the key in the collector's folder. Keys before it are
// beside it, with their ids as endings.
const tableKeyFile = "table.key"

type key = ed25519.PrivateKey

// tableKeys are the keys that sign the table.
type tableKeys struct{ folder *nodes.Folder }

func newTableKeys(cfg *configs.Collector) *tableKeys { return &tableKeys{nodes.New(cfg.Data)} }

func (k *tableKeys) path() string { return k.folder.Path(tableKeyFile) }

// load reads the key. It makes one when nobody has ever signed a version: nodes do
// not know any yet.
func (k *tableKeys) load(ctx context.Context, s tableReader) (key, error) {
	if _, err := os.Stat(k.path()); errors.Is(err, fs.ErrNotExist) {
		v, err := newestVersion(ctx, s, query.TableFilter{Most: 1})
		if err != nil {
			return nil, err
		}
		if v != nil {
			return nil, fmt.Errorf("the key of the table, %s, is not in %s: copy it from the collector where the table was made, or from a backup, as %s; or make another with `sipward-collector blocks key --new`, which all nodes must be given", v.KeyID, filepath.Dir(k.path()), k.path())
		}
	}
	return k.keep()
}

// keep reads the key, and makes one when there is none.
func (k *tableKeys) keep() (key, error) {
	_, err := k.folder.Keep(tableKeyFile, func() ([]byte, error) {
		fresh, err := seal.Generate()
		if err != nil {
			return nil, err
		}
		return seal.EncodePrivate(fresh)
	})
	if err != nil {
		return nil, err
	}
	return seal.LoadPrivate(k.path())
}

// retired returns the public halves of keys that came before.
func (k *tableKeys) retired() (out []ed25519.PublicKey, err error) {
	files, err := filepath.Glob(k.path() + ".????????????????")
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	for _, f := range files {
		old, err := seal.LoadPrivate(f)
		if err != nil {
			return nil, err
		}
		out = append(out, seal.Public(old))
	}
	return out, nil
}

// replace makes a new key and keeps the old one beside it.
func (k *tableKeys) replace() error {
	old, err := seal.LoadPrivate(k.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := os.Rename(k.path(), k.path()+"."+seal.KeyID(seal.Public(old))); err != nil {
			return fmt.Errorf("keeping the old key: %w", err)
		}
	}
	_, err = k.keep()
	return err
}

type blocksKeyCmd struct {
	place
	New bool `help:"Make a new key. The next version is signed by it, and nodes that do not have it refuse that; versions before stay good. The file that is printed has both keys."`
}

// Help says what the key is for.
func (*blocksKeyCmd) Help() string {
	return `Nodes take a table only when it is signed by a key of their table.public_key_file. The key
itself is table.key in the collector's folder, made when it is first needed: who has it can
say who owns which number.

  sipward-collector blocks key > table.pub
  scp table.pub switch-1:/etc/sipward/table.pub

To change the key: give all nodes what --new prints, reload their agents, and then make the
next change. Once all nodes have that, table.key.OLDID may go, and with it the old key from
what is printed. A node that was forgotten refuses the change, and is sent it again every
few minutes.`
}

// Run prints the public keys as PEM.
func (c *blocksKeyCmd) Run() error { return c.withBlocks(c.print) }

func (c *blocksKeyCmd) print(_ context.Context, b *blocks) error {
	keys := newTableKeys(b.cfg)
	if c.New {
		if err := keys.replace(); err != nil {
			return err
		}
	}
	current, err := b.Key()
	if err != nil {
		return err
	}
	retired, err := keys.retired()
	if err != nil {
		return err
	}
	text, err := seal.EncodePublic(append([]ed25519.PublicKey{seal.Public(current)}, retired...)...)
	if err != nil {
		return err
	}
	if c.New {
		warn("the next change is signed by %s: give this file to all nodes before", seal.KeyID(seal.Public(current)))
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
