package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sipward/sipward/configs"
)

type backupCmd struct {
	place
	Dir string `arg:"" name:"dir" help:"New folder for the copy. It is made whole or not at all."`
}

// Run copies the database, and who may connect. The copy is laid out as the data
// folder is: to go back to it, stop the collector and put it in its place.
func (c *backupCmd) Run() (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if cfg.Store.URL != configs.SQLite {
		return errors.New("PostgreSQL has tools of its own: pg_dump, or a base backup")
	}
	ctx, stop := interrupted()
	defer stop()
	if _, err := os.Lstat(c.Dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %s is there already; name a new folder", c.Dir)
	}
	s, err := openReader(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	partial := filepath.Clean(c.Dir) + ".partial"
	if err := os.Mkdir(partial, 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = s.Backup(ctx, filepath.Join(partial, filepath.Base(storeDir(cfg))))
	if err == nil {
		err = copyCredentials(cfg.Data, partial)
	}
	if err == nil {
		err = os.Rename(partial, c.Dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("backup: %w", err), os.RemoveAll(partial))
	}
	fmt.Fprintf(os.Stdout, "%s holds the database and the credentials of the nodes: keep it as safe as %s\n", c.Dir, cfg.Data)
	return nil
}

// copyCredentials copies the authority, the nodes, and the key of the table of customers.
// Without them every node would have to be added anew, and be given another key.
func copyCredentials(data, to string) error {
	keys, err := filepath.Glob(filepath.Join(data, tableKeyFile+"*"))
	if err != nil {
		return err
	}
	for _, f := range append(keys, filepath.Join(data, "ca.pem")) {
		if err := copyFile(f, filepath.Join(to, filepath.Base(f))); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(data, "nodes", "*.json"))
	if err != nil || len(files) == 0 {
		return err
	}
	if err := os.Mkdir(filepath.Join(to, "nodes"), 0o700); err != nil {
		return err
	}
	for _, f := range files {
		if err := copyFile(f, filepath.Join(to, "nodes", filepath.Base(f))); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a small file. One that is not there any more is none to copy.
func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
