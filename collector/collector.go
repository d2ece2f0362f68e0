package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/internal/seldom"
)

// collector is all parts of one collector.
type collector struct {
	cfg     *configs.Collector
	log     *slog.Logger
	started time.Time
	certs   *certs.Watch
	hint    string        // flags by which other commands find this collector
	folder  *nodes.Folder // nil with external brokers
	admin   *adminhttp.Server
	parts   atomic.Pointer[parts]  // nil until the store is open
	serving chan struct{}          // closed when it is, and the broker listens
	waiting atomic.Pointer[string] // what the store lacks
}

// parts is what needs an open store. It does not change while it runs.
type parts struct {
	store   store.Store
	ingest  *ingest.Ingest
	broker  *broker.Broker // nil with external brokers
	secure  *tls.Config    // of the broker; nil when it has no TLS
	watcher *watcher
	chores  *chores
	tables  *distributor
	alerts  *alerting
	web     *dashboard // nil when it is off
}

// newCollector builds what needs no store; nothing runs yet.
func newCollector(cfg *configs.Collector, log *slog.Logger) *collector {
	c := &collector{cfg: cfg, log: log, started: time.Now(), serving: make(chan struct{}), certs: certs.NewWatch(certFiles(cfg)...)}
	if !cfg.External.On() {
		c.folder = nodes.New(cfg.Data)
	}
	listen, socket := cfg.Admin.Places()
	c.admin = admin.New(admin.Config{Listen: listen, Socket: socket, Source: c, Ask: c.ask, People: people{c}, Log: log})
	return c
}

// build makes everything that needs the store; none of it runs yet.
func (c *collector) build(s store.Store) (*parts, error) {
	p := &parts{store: s, watcher: &watcher{store: s, folder: c.folder, log: c.log}, chores: newChores(s, c.cfg.Retention, c.log)}
	in := ingest.Config{Name: c.cfg.ID, Store: s, Log: c.log}
	var err error
	if c.folder == nil {
		if err = external(&in, &c.cfg.External); err != nil {
			return nil, err
		}
	} else {
		if p.broker, p.secure, err = c.newBroker(); err != nil {
			return nil, err
		}
		in.Local = p.broker
	}
	if p.ingest, err = ingest.New(in); err != nil {
		return nil, err
	}
	p.tables = &distributor{store: s, ingest: p.ingest, nodes: p.watcher.last.Load, log: c.log, poked: make(chan struct{}, 1)}
	if p.alerts, err = newAlerting(&c.cfg.Alerts, s, p.ingest, time.Now, c.log); err != nil {
		return nil, err
	}
	p.web, err = c.newDashboard(s, p.alerts)
	return p, err
}

// external sets up the way to brokers of one's own.
func external(in *ingest.Config, x *configs.External) (err error) {
	in.Brokers, in.Username, in.Group = x.Brokers, x.Username, x.ShareSecret.Reveal()
	if in.Username != "" {
		in.Password = x.Password
	}
	if in.TLS, err = x.TLS(); err != nil {
		return fmt.Errorf("external: %w", err)
	}
	if in.Group == "" { // one collector alone: a group that nobody knows
		if _, in.Group, err = nodes.NewPassword("collector", time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// storeDir is where SQLite is.
func storeDir(cfg *configs.Collector) string { return filepath.Join(cfg.Data, "store") }

// openStore opens the database. One that is not there yet is waited for, as after
// a boot or while it is restarted; one that cannot be used is an error.
func (c *collector) openStore(ctx context.Context) (store.Store, error) {
	if c.cfg.Store.URL == configs.SQLite {
		return store.OpenSQLite(ctx, storeDir(c.cfg), store.Options{})
	}
	url, err := postgresURL(c.cfg)
	if err != nil {
		return nil, err
	}
	var failures seldom.Repeats
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		s, err := store.OpenPostgres(ctx, url, store.Options{})
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, store.ErrNewerSchema), ctx.Err() != nil:
			return nil, err
		}
		why := "store: " + program.OneLine(err.Error())
		c.waiting.Store(&why)
		if !failures.Again(time.Now(), why) {
			c.log.Error("opening the database; trying again", "error", program.OneLine(err.Error()), "do", "see that PostgreSQL runs, and that store.url is right")
			program.Waiting(c.log, why)
		}
		if err := backoff.Wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// Status returns the state of all parts at this moment. It waits for nothing,
// and is safe for concurrent use.
func (c *collector) Status() *admin.Status {
	now := time.Now()
	s := &admin.Status{
		ID: c.cfg.ID, Version: theVersion(), Broker: brokerWord(c.cfg), Store: storeWord(c.cfg),
		StartedUnixMs: c.started.UnixMilli(), TakenUnixMs: now.UnixMilli(), UptimeS: int64(now.Sub(c.started) / time.Second),
		Nodes: []admin.Node{}, Losses: []admin.Loss{}, NotReady: c.notReady(),
	}
	s.Ready = len(s.NotReady) == 0
	p := c.parts.Load()
	if p == nil {
		return s
	}
	v := p.watcher.last.Load()
	if v == nil {
		v = &view{}
	} else {
		s.ReadUnixMs = v.at.UnixMilli()
	}
	s.StoreID, s.Nodes = p.store.ID(), merge(v, p.ingest.Nodes(), now)
	s.Table = p.tables.shown.Load()
	s.Losses, s.DeadLetters = append(s.Losses, v.losses...), v.letters
	s.Reconciliation, s.Retention = p.chores.results()
	al, sent := p.alerts.service.Stats(), p.alerts.dispatcher.Stats()
	s.Alerts = alertStatus(&al, &sent)
	in, st, br := p.stats()
	s.Drops, s.Counts, s.Load = drops(in, st, br, &al), counts(in, st, br, &al), load(in, st, br)
	w, people := p.web.stats()
	s.Drops, s.Counts = append(s.Drops, dashboardDrops(w, people)...), append(s.Counts, dashboardCounts(w, people)...)
	s.Load.DashboardStreams, s.Load.WatchedLogins = w.Streams, people.Watched
	s.Certificates = slices.Concat(c.certs.Ends(now), brokerEnd(p.secure))
	s.Attention = admin.FindAttention(s)
	return s
}

// stats returns the counters of all parts.
func (p *parts) stats() (*ingest.Stats, *store.Stats, *broker.Stats) {
	in, st, br := p.ingest.Stats(), p.store.Stats(), broker.Stats{}
	if p.broker != nil {
		br = p.broker.Stats()
	}
	return &in, &st, &br
}

// notReady says what the collector still waits for.
func (c *collector) notReady() []string {
	p := c.parts.Load()
	if p == nil {
		if why := c.waiting.Load(); why != nil {
			return []string{*why}
		}
		return []string{"store: not open yet"}
	}
	var why []string
	if failed := p.watcher.failed.Load(); failed != nil {
		why = append(why, "store: "+*failed)
	}
	in := p.ingest.Stats()
	if in.Brokers > 0 && in.Connected == 0 {
		why = append(why, fmt.Sprintf("broker: none of %d is connected", in.Brokers))
	}
	if in.StoreFailing {
		why = append(why, "store: the last transaction failed, and is being tried again")
	}
	return why
}
