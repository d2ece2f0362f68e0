package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/configs"
)

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
	_, err = cfg.FindLocal(net.InterfaceAddrs)
	return cfg, err
}

// run runs all parts until ctx ends or one of them fails. They end in the
// order of the packets: captures, then the pipeline with what was queued, then
// the kernel's counters, which it reads for the last time as it closes what is
// open, and then the records of that.
func (a *agent) run(ctx context.Context, path string) error {
	group, ctx := errgroup.WithContext(ctx)
	framing, noFrames := context.WithCancel(context.WithoutCancel(ctx))
	recording, noRecords := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer noFrames()
		return a.runCaptures(ctx)
	})
	group.Go(func() error {
		defer noRecords()
		return errors.Join(a.task.Run(framing), a.closeKernel())
	})
	if a.records != nil {
		group.Go(func() error { return a.records.Run(recording) })
	}
	group.Go(func() error { return a.admin.Run(ctx) })
	group.Go(func() error { return a.notify(ctx) })
	group.Go(func() error { return newReloader(a, path).run(ctx) })
	return group.Wait()
}

// runCaptures returns when all captures have ended. One that fails ends the
// others.
func (a *agent) runCaptures(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if a.live != nil {
		group.Go(func() error { return a.live.Run(ctx) })
	}
	for _, h := range a.heps {
		group.Go(func() error { return h.Run(ctx) })
	}
	return group.Wait()
}

func (a *agent) closeKernel() error {
	if a.live == nil {
		return nil
	}
	return a.live.Close()
}
