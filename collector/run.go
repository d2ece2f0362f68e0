package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/internal/tally"
)

type runCmd struct {
	configFile
	place
}

// Run takes and stores until SIGTERM or SIGINT.
func (c *runCmd) Run() error { return program.Start(c.run(program.Logger())) }

func (c *runCmd) run(log *slog.Logger) error {
	if err := c.join(&c.Config); err != nil {
		return err
	}
	cfg, err := c.load()
	if err != nil {
		return program.NeedsHand(err)
	}
	for _, odd := range cfg.Odd() {
		log.Warn("odd configuration", "at", odd)
	}
	if needsData(cfg) {
		if err := makeData(cfg); err != nil {
			return err
		}
	}
	ctx, stop := interrupted()
	defer stop()
	collector := newCollector(cfg, log)
	collector.hint = c.flags()
	return collector.run(ctx)
}

// needsData reports whether anything is kept on this host.
func needsData(cfg *configs.Collector) bool {
	return !cfg.External.On() || cfg.Store.URL == configs.SQLite
}

// run runs all parts until ctx ends or one of them fails. The sockets of admin
// are opened before anything else: whoever starts a second collector learns it
// before that one touches the database. The store is closed when all others
// have ended.
func (c *collector) run(ctx context.Context) (err error) {
	if err := c.admin.Open(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.admin.Run(ctx) })
	group.Go(func() error { return c.notify(ctx) })
	group.Go(func() (err error) {
		s, err := c.openStore(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil // stopped before there was anything to stop
		case err != nil:
			return explainStore(err)
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		return c.serve(ctx, s)
	})
	err = group.Wait()
	c.logEnd()
	return err
}

// explainStore says what to do about a database that cannot be opened.
func explainStore(err error) error {
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; stop it, or name another folder with --data DIR", err)
	}
	if errors.Is(err, store.ErrNewerSchema) {
		return program.NeedsHand(fmt.Errorf("%w; install that version again, or restore a backup of before", err))
	}
	if strings.Contains(err.Error(), "disk is full") { // as SQLite says it
		return fmt.Errorf("%w; free some space", err)
	}
	return err
}

// serve runs what needs the store. The broker is opened last: from then on nodes
// send.
func (c *collector) serve(ctx context.Context, s store.Store) error {
	p, err := c.build(s)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if p.broker != nil {
		if err := c.open(ctx, p.broker); err != nil {
			return err
		}
	}
	if p.web != nil {
		if err := p.web.open(ctx); err != nil {
			return err
		}
		p.alerts.dashboard = p.web.server.URL() + "/#/alerts"
		group.Go(func() error { return p.web.run(ctx) })
	}
	c.parts.Store(p)
	close(c.serving)
	group.Go(func() error { return p.ingest.Run(ctx) })
	group.Go(func() error { return p.watcher.run(ctx) })
	group.Go(func() error { return p.chores.run(ctx) })
	group.Go(func() error { return p.tables.run(ctx) })
	group.Go(func() error { return p.alerts.run(ctx) })
	if p.broker != nil {
		group.Go(func() error { return p.broker.Run(ctx) })
		group.Go(func() error { return newBouncer(c.folder, p.broker, c.log).run(ctx) })
	}
	return group.Wait()
}

// open opens the listeners of the embedded broker.
func (c *collector) open(ctx context.Context, b *broker.Broker) error {
	if err := b.Open(ctx); err != nil {
		return fmt.Errorf("%w; set embedded.listen and embedded.listen_tls to free addresses, or off", err)
	}
	var at []string
	for _, a := range b.Addrs() {
		at = append(at, a.String())
	}
	c.log.Info("listening for nodes", "addresses", strings.Join(at, " "))
	return nil
}

// logEnd says what was done, and what was turned away.
func (c *collector) logEnd() {
	p := c.parts.Load()
	if p == nil {
		return
	}
	in, st, br := p.stats()
	al := p.alerts.service.Stats()
	c.log.Info("stopped", "records", st.Rows, "acks", in.Acks, "dropped", tally.Nonzero(drops(in, st, br, &al)))
}
