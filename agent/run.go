package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/internal/tally"
)

type runCmd struct {
	configFile
}

// Run watches until SIGTERM or SIGINT. SIGHUP reads customers, carriers and
// their limits anew, and opens the file of call records anew.
func (c *runCmd) Run() error { return program.Start(c.run(program.Logger())) }

func (c *runCmd) run(log *slog.Logger) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	cfg, err := load(path, log)
	if err != nil {
		return err
	}
	a, err := newAgent(cfg, log)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return a.run(ctx, path)
}

// load reads the configuration; none in its usual place is one of defaults.
func load(path string, log *slog.Logger) (*configs.Agent, error) {
	cfg, err := configs.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == defaultConfig:
		log.Warn("no configuration: every call is of an unknown customer", "file", path)
		if cfg, err = configs.Parse("defaults", nil); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, program.NeedsHand(explainConfig(path, err))
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
// open, then the guard, and then the records of that. The uplink ends at once,
// for what it did not send is on disk, and so do the edges of the guard.
//
// The sockets of admin are opened before anything else: whoever starts a second
// agent learns it before that one captures.
func (a *agent) run(ctx context.Context, path string) error {
	if err := a.admin.Open(ctx); err != nil {
		return err
	}
	if err := a.openTable(); err != nil {
		return err
	}
	if err := mayQueue(a.cfg.Guard.Mode); err != nil {
		return err
	}
	if err := a.guard.Open(); err != nil {
		return err
	}
	if err := a.restore(); err != nil {
		return err
	}
	defer a.logEnd()
	group, ctx := errgroup.WithContext(ctx)
	framing, noFrames := context.WithCancel(context.WithoutCancel(ctx))
	guarding, noRegisters := context.WithCancel(context.WithoutCancel(ctx))
	recording, noRecords := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer noFrames()
		if a.records != nil {
			defer a.records.Last()
		}
		return a.runCaptures(ctx)
	})
	group.Go(func() error {
		defer noRegisters()
		return errors.Join(a.task.Run(framing), a.closeKernel())
	})
	group.Go(func() error {
		defer noRecords()
		return a.guard.Run(guarding)
	})
	group.Go(func() error { return a.guard.runEdges(ctx) })
	if a.records != nil {
		group.Go(func() error { return a.records.Run(recording) })
	}
	if a.spool != nil {
		group.Go(func() error { return a.spool.Run(recording) })
		group.Go(func() error { return a.uplink.Run(ctx) })
	}
	group.Go(func() error { return a.admin.Run(ctx) })
	group.Go(func() error { return a.notify(ctx) })
	group.Go(func() error { return newWatcher(a).run(ctx) })
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

// logEnd says what was done, and what was lost.
func (a *agent) logEnd() {
	s := a.Status()
	said := []any{"calls", s.Figures.Total.Started}
	if a.records != nil {
		said = append(said, "records", a.records.Stats().Written)
	}
	if s.Sync != nil {
		said = append(said, "waiting", s.Sync.Spool.Calls.Spooled+s.Sync.Spool.Telemetry.Spooled)
	}
	a.log.Info("stopped", append(said, "dropped", tally.Nonzero(s.Drops))...)
}
