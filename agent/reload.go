package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/internal/seal"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sip/party"
)

// addressInterval is the time between two looks at the host's addresses.
const addressInterval = 10 * time.Second

// reloader keeps the parties and the host's addresses up to date while the
// agent runs. It is not safe for concurrent use.
type reloader struct {
	agent *agent
	path  string
	cfg   *configs.Agent // as last read
	book  *party.Book    // of cfg
	addrs func() ([]net.Addr, error)

	blind  bool           // the log knows that addrs fails
	seldom *seldom.Logger // of what flapping interfaces bring about
}

func newReloader(a *agent, path string) *reloader {
	return &reloader{agent: a, path: path, cfg: a.cfg, book: a.book, addrs: net.InterfaceAddrs, seldom: seldom.New(a.log)}
}

// run answers SIGHUP and follows the host's addresses until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	look := time.NewTicker(addressInterval)
	defer look.Stop()
	for {
		select {
		case <-hup:
			if r.agent.records != nil {
				r.agent.records.Reopen()
			}
			if err := r.reload(ctx); err != nil {
				r.agent.log.Error("the configuration was not reloaded; the old one stays", "error", program.OneLine(err.Error()))
				program.Waiting(r.agent.log, "the configuration was not reloaded; the old one stays: "+err.Error())
			} else {
				program.Waiting(r.agent.log, "")
			}
		case h := <-r.tables():
			h.done <- r.take(ctx, h.table)
		case <-look.C:
			r.follow(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// reload takes over the parties of the file. What else changed needs a
// restart, and is named.
func (r *reloader) reload(ctx context.Context) error {
	cfg, err := configs.Load(r.path)
	if err != nil {
		return err
	}
	if _, err := cfg.FindLocal(r.addrs); err != nil {
		return err
	}
	if err := r.keepTable(cfg); err != nil {
		return err
	}
	if err := r.use(ctx, cfg); err != nil {
		return err
	}
	was := r.agent.cfg
	for _, part := range []struct {
		name    string
		changed bool
	}{
		{"node", cfg.Node != was.Node},
		{"capture", !reflect.DeepEqual(cfg.Capture, was.Capture)},
		{"calls", cfg.Calls != was.Calls},
		{"dtmf", cfg.DTMF != was.DTMF},
		{"admin", cfg.Admin != was.Admin},
		{"records", cfg.Records != was.Records},
		{"uplink", !reflect.DeepEqual(cfg.Uplink, was.Uplink)},
		{"spool", cfg.Spool != was.Spool},
		{"guard", !reflect.DeepEqual(fixed(cfg.Guard), fixed(was.Guard))},
		{"table", cfg.Table != was.Table},
	} {
		if part.changed {
			r.agent.log.Warn("this part of the configuration changed and needs a restart", "part", part.name)
		}
	}
	r.agent.log.Info("configuration reloaded", "customers", len(cfg.Customers), "carriers", len(cfg.Carriers))
	return nil
}

// keepTable leaves parties to the centre, if they come from there or are to come
// from there after a restart.
func (r *reloader) keepTable(cfg *configs.Agent) error {
	if r.agent.tables == nil && !cfg.Table.On() {
		return nil
	}
	cfg.Customers, cfg.Carriers = r.cfg.Customers, r.cfg.Carriers
	if r.agent.tables == nil || !cfg.Table.On() {
		return nil
	}
	keys, err := seal.LoadPublic(cfg.Table.PublicKeyFile)
	if err != nil {
		return err
	}
	r.agent.tables.SetKeys(keys)
	return nil
}

// tables is where tables of the centre come from; nil when none do.
func (r *reloader) tables() <-chan handover {
	if r.agent.tables == nil {
		return nil
	}
	return r.agent.tables.next
}

// take puts a table of the centre in force.
func (r *reloader) take(ctx context.Context, t *configs.Table) error {
	next := *r.cfg
	next.Use(t)
	return r.use(ctx, &next)
}

// fixed is what of the guard needs a restart.
func fixed(g configs.Guard) configs.Guard {
	g.UnknownCustomer, g.MaxContacts = "", 0
	return g
}

// follow takes over addresses that came and went, as a floating address that
// keepalived moves: what is the switch's own decides which calls come in.
func (r *reloader) follow(ctx context.Context) {
	next := *r.cfg
	changed, err := next.FindLocal(r.addrs)
	if err == nil && changed {
		if err = r.use(ctx, &next); err == nil {
			r.seldom.Info(time.Now(), "the host's addresses changed", "addresses", len(next.Local))
		}
	}
	if err != nil && !r.blind && ctx.Err() == nil {
		r.agent.log.Error("the host's addresses are not followed", "error", err)
	}
	r.blind = err != nil
}

// use makes the parties and addresses of cfg those of the next calls.
func (r *reloader) use(ctx context.Context, cfg *configs.Agent) error {
	book, err := cfg.Book(r.book)
	if err != nil {
		return err
	}
	if err := r.agent.task.SetBook(ctx, book); err != nil {
		return fmt.Errorf("handing the parties over: %w", err)
	}
	r.agent.guard.SetBook(book, cfg.Local)
	r.agent.guard.SetPolicy(cfg.Guard.Policy())
	r.cfg, r.book = cfg, book
	return nil
}
