package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/collector/web"
)

// dashboard is the web server with the accounts of those who use it.
type dashboard struct {
	server  *web.Server
	service *accounts.Service
	log     *slog.Logger
}

// newDashboard builds it; nil when there is to be none.
func (c *collector) newDashboard(s store.Store, alarm web.Alarm) (*dashboard, error) {
	cfg := &c.cfg.Web
	if !cfg.On() {
		return nil, nil //nolint:nilnil // it is off, and that is no error
	}
	service, err := accounts.New(s, accounts.Options{})
	if err != nil {
		return nil, err
	}
	server, err := web.New(web.Config{
		Listen: cfg.Listen, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile, BehindProxy: cfg.BehindProxy, PublicURL: cfg.PublicURL,
		Service: service, Reads: s, Desk: s, Live: c.liveNodes, Table: &webTable{newEditor(c.cfg, s), c}, Ask: c.askForWeb, Calls: c.callsForWeb, Alarm: alarm, Log: c.log,
	})
	if err != nil {
		return nil, err
	}
	return &dashboard{server, service, c.log}, nil
}

// liveNodes is what nodes say of themselves, for those who watch.
func (c *collector) liveNodes() []web.Now {
	p := c.parts.Load()
	if p == nil {
		return nil
	}
	var out []web.Now
	for _, n := range p.ingest.Nodes() {
		out = append(out, web.Now{ID: n.ID, Live: n.Live, LiveAt: n.LiveAt, State: n.State})
	}
	return out
}

// webTable is the table of customers as the dashboard changes it.
type webTable struct {
	*table.Editor
	c *collector
}

// Save makes a version above all that nodes say they have, as the command line does, and
// has it sent at once.
func (t *webTable) Save(ctx context.Context, d *table.Draft, s table.Save) (*table.Version, error) {
	p := t.c.parts.Load()
	if p == nil {
		return nil, errors.New("the collector is not running yet")
	}
	s.Above = newestOf(p.ingest.Nodes())
	v, err := t.Editor.Save(ctx, d, s)
	if err == nil {
		p.tables.poke()
	}
	return v, err
}

// newestOf is the highest version of the table that a node says it has.
func newestOf(nodes []ingest.Node) (newest uint64) {
	for i := range nodes {
		if s := nodes[i].State; s != nil && s.Table != nil {
			newest = max(newest, s.Table.Version)
		}
	}
	return newest
}

// askForWeb asks nodes who is registered.
func (c *collector) askForWeb(ctx context.Context, f web.BindingFilter) ([]web.NodeBindings, error) {
	want := asked{customer: f.Customer, ranges: make([]admin.Range, len(f.Ranges)), limit: f.Limit}
	for i, r := range f.Ranges {
		want.ranges[i] = admin.Range(r)
	}
	answers, err := c.askFor(ctx, want)
	if errors.Is(err, ingest.ErrBusy) {
		return nil, web.ErrBusy
	}
	if err != nil {
		return nil, err
	}
	var out []web.NodeBindings
	for _, n := range answers.Nodes {
		x := web.NodeBindings{Node: n.Node, Error: n.Error, Bindings: n.Bindings, More: n.More}
		if x.Error == "" && n.State != admin.Answered {
			x.Error = n.State
		}
		out = append(out, x)
	}
	return out, nil
}

// open opens the listener, and says how the first account is made.
func (d *dashboard) open(ctx context.Context) error {
	if err := d.server.Open(ctx); err != nil {
		return err
	}
	link, err := d.service.Setup(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		// As on a full disk: what is stored can be read, and nodes are told to wait.
		d.log.Error("the link for the first account cannot be made; restart when the database can be written", "error", err)
	case link != nil:
		d.log.Warn("nobody can log in to the dashboard yet: open this link once to make the first account",
			"url", d.server.Link(link.Token), "until", link.Expires.Format(time.RFC3339))
	default:
		d.log.Info("dashboard", "url", d.server.URL())
	}
	return nil
}

// run serves until ctx ends.
func (d *dashboard) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.server.Run(ctx) })
	group.Go(func() error {
		return d.service.Run(ctx, func(err error) { d.log.Error("looking after accounts", "error", err) })
	})
	return group.Wait()
}
