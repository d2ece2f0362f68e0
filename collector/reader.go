package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
)

// interrupted is a context that ends when the command is stopped.
func interrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

// withReader opens the database beside a running collector, and closes it after do.
func (p *place) withReader(do func(ctx context.Context, cfg *configs.Collector, s store.Reader) error) (err error) {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	ctx, stop := interrupted()
	defer stop()
	s, err := openReader(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(ctx, cfg, s)
}

// openReader opens the database beside a running collector.
func openReader(ctx context.Context, cfg *configs.Collector) (store.Reader, error) {
	if cfg.Store.URL != configs.SQLite {
		url, err := postgresURL(cfg)
		if err != nil {
			return nil, err
		}
		return store.OpenPostgres(ctx, url, store.Options{})
	}
	return openFolder(ctx, storeDir(cfg))
}

// openFolder opens SQLite beside a running collector.
func openFolder(ctx context.Context, dir string) (store.Reader, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, explainData(err)
	case err != nil:
		return nil, fmt.Errorf("opening the database: %w; name the data folder of the collector with --data, or its --config", err)
	}
	s, err := store.OpenSQLiteReader(ctx, dir, store.Options{})
	// SQLite writes a little beside its files even to read, and has many words
	// for not being allowed to.
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && err != nil && os.Geteuid() != 0 && os.Geteuid() != int(owner.Uid) {
		return nil, fmt.Errorf("%w; user %d does not own %s: run as user %d, who does, or as root", err, os.Geteuid(), dir, owner.Uid)
	}
	return s, err
}
