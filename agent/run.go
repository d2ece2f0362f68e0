package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// queueBatches is how many batches of 512 frames may wait for the pipeline.
const queueBatches = 64

type runCmd struct {
	Config string `default:"${config}" help:"Configuration file (${default}). Without one there every call is of an unknown customer."`
	Debug  bool   `help:"Log more."`
}

// Run watches until SIGTERM or SIGINT. SIGHUP reads customers, carriers and
// their limits anew, and opens the file of call records anew.
func (c *runCmd) Run() error {
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg, err := c.load(log)
	if err != nil {
		return err
	}
	a, err := newAgent(cfg, log)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return a.run(ctx, c.Config)
}

func (c *runCmd) load(log *slog.Logger) (*configs.Agent, error) {
	cfg, err := configs.Load(c.Config)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Config == defaultConfig:
		log.Warn("no configuration: every call is of an unknown customer", "file", c.Config)
		if cfg, err = configs.Parse("defaults", nil); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, explainConfig(c.Config, err)
	}
	for _, odd := range cfg.Odd() {
		log.Warn("odd configuration", "at", odd)
	}
	return cfg, cfg.FindLocal()
}

// agent is all parts of one agent.
type agent struct {
	cfg    *configs.Agent
	log    *slog.Logger
	book   atomic.Pointer[party.Book] // written by reload, read by the pipeline for records
	source *source
	admin  *admin.Server
}

// newAgent builds every part; none of them does anything yet.
func newAgent(cfg *configs.Agent, log *slog.Logger) (*agent, error) {
	book, err := cfg.Book(nil)
	if err != nil {
		return nil, err
	}
	a := &agent{cfg: cfg, log: log, source: &source{cfg: cfg, started: time.Now(), queue: pipeline.NewQueue(queueBatches)}}
	a.book.Store(book)
	s := a.source
	core := coreConfig(cfg, book)
	if len(cfg.Capture.Interfaces) > 0 {
		if s.live, err = capture.NewLive(liveConfig(cfg, s.queue, log)); err != nil {
			return nil, err
		}
		core.Kernel = s.live.Filter()
	}
	for _, h := range cfg.Capture.HEP {
		hep, err := capture.NewHEP(capture.HEPConfig{
			Listeners: []capture.HEPListener{{Network: h.Network, Address: h.Address, Cert: h.CertFile, Key: h.KeyFile}},
			Secret:    []byte(h.AuthKey.Reveal()),
		}, s.queue)
		if err != nil {
			return nil, err
		}
		s.heps = append(s.heps, hep)
	}
	if cfg.Records.File != "" {
		s.records = newRecorder(cfg.Records.File)
		core.Finished = func(l *dialog.Leg, m *counters.MediaResult) {
			s.records.Add(record.NewCall(cfg.Node, l, m, a.book.Load(), cfg.DTMF.Digits))
		}
	}
	s.task = pipeline.NewTask(pipeline.New(core), s.queue)
	a.admin = admin.New(admin.Config{Listen: unless(cfg.Admin.Listen), Socket: unless(cfg.Admin.Socket), Source: s, Log: log})
	return a, nil
}

func unless(s string) string {
	if s == configs.Off {
		return ""
	}
	return s
}

func liveConfig(cfg *configs.Agent, sink capture.Sink, log *slog.Logger) capture.LiveConfig {
	c := &cfg.Capture
	modes := map[configs.Filter]capture.Mode{configs.FilterEBPF: capture.EBPF, configs.FilterClassic: capture.Classic}
	return capture.LiveConfig{
		Interfaces: c.Interfaces, SIPPorts: c.SIPPorts, RingBytes: c.RingMiB << 20, MaxEndpoints: c.MaxEndpoints,
		Tunnels: c.Tunnels, RTCP: c.RTCP, Promiscuous: c.Promiscuous, Mode: modes[c.Filter], Sink: sink, Log: log,
	}
}

// coreConfig is what run and replay have in common.
func coreConfig(cfg *configs.Agent, book *party.Book) pipeline.Config {
	keep := cfg.DTMF.Digits.Keeps()
	return pipeline.Config{
		Book: book,
		Dialog: dialog.Config{
			MaxLegs: cfg.Calls.Max, SetupTimeout: cfg.Calls.SetupTimeout,
			MediaTimeout: time.Duration(cfg.Calls.MediaTimeout), MaxAge: cfg.Calls.MaxAge, KeepDigits: keep,
		},
		Media: media.Options{Endpoints: cfg.Capture.MaxEndpoints, Digits: keep},
	}
}

// run runs all parts until ctx ends or one of them fails. They end in the
// order of the packets: captures, then the pipeline with what was queued, then
// the records of what it closed.
func (a *agent) run(ctx context.Context, path string) error {
	s := a.source
	group, ctx := errgroup.WithContext(ctx)
	if s.records != nil {
		f, err := s.records.open()
		if err != nil {
			return err
		}
		group.Go(func() error { return s.records.Run(f) })
	}
	upstream, drained := context.WithCancel(context.WithoutCancel(ctx))
	var sources errgroup.Group
	if s.live != nil {
		sources.Go(a.failing(ctx, group, s.live.Run))
	}
	for _, h := range s.heps {
		sources.Go(a.failing(ctx, group, h.Run))
	}
	group.Go(func() error {
		defer drained()
		return sources.Wait()
	})
	group.Go(func() error {
		err := s.task.Run(upstream)
		if s.records != nil {
			s.records.Close()
		}
		return err
	})
	group.Go(func() error { return a.admin.Run(ctx) })
	group.Go(func() error { return a.notify(ctx) })
	group.Go(func() error { return a.reloads(ctx, path) })
	return group.Wait()
}

// failing makes a source's error end the whole group at once, not only when
// the other sources have ended too.
func (a *agent) failing(ctx context.Context, group *errgroup.Group, run func(context.Context) error) func() error {
	return func() error {
		err := run(ctx)
		if err != nil {
			group.Go(func() error { return err })
		}
		return err
	}
}

// reloads answers SIGHUP.
func (a *agent) reloads(ctx context.Context, path string) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			if a.source.records != nil {
				a.source.records.Reopen()
			}
			if err := a.reload(ctx, path); err != nil {
				a.log.Error("the configuration was not reloaded; the old one stays", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// reload takes over the parties of the file. What else changed needs a
// restart, and is named.
func (a *agent) reload(ctx context.Context, path string) error {
	cfg, err := configs.Load(path)
	if err != nil {
		return err
	}
	if err := cfg.FindLocal(); err != nil {
		return err
	}
	book, err := cfg.Book(a.book.Load())
	if err != nil {
		return err
	}
	a.book.Store(book) // before the first call with one of its IDs
	if err := a.source.task.SetBook(ctx, book); err != nil {
		return fmt.Errorf("handing the parties over: %w", err)
	}
	for what, changed := range map[string]bool{
		"node": cfg.Node != a.cfg.Node, "capture": !reflect.DeepEqual(cfg.Capture, a.cfg.Capture), "calls": cfg.Calls != a.cfg.Calls,
		"dtmf": cfg.DTMF != a.cfg.DTMF, "admin": cfg.Admin != a.cfg.Admin, "records": cfg.Records != a.cfg.Records,
	} {
		if changed {
			a.log.Warn("this part of the configuration changed and needs a restart", "part", what)
		}
	}
	a.log.Info("configuration reloaded", "customers", len(cfg.Customers), "carriers", len(cfg.Carriers))
	return nil
}
