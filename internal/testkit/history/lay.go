package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sipward/sipward/agent/outbox"
	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
)

// Lay makes the history up and lays each node's part into its spool folder, which must be
// empty or not there. dirs has a folder for each node. No agent may run on them meanwhile.
func Lay(ctx context.Context, cfg Config, dirs []string) (*Figures, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(dirs) != len(cfg.Nodes) {
		return nil, fmt.Errorf("history: %d folders for %d nodes", len(dirs), len(cfg.Nodes))
	}
	all, failed := make([]*Figures, len(dirs)), make([]error, len(dirs))
	var nodes sync.WaitGroup
	for i, dir := range dirs {
		nodes.Go(func() { all[i], failed[i] = layOne(ctx, &cfg, i, dir) })
	}
	nodes.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	sum := newFigures()
	for _, f := range all {
		sum.Join(f)
	}
	return sum, nil
}

func layOne(ctx context.Context, cfg *Config, n int, dir string) (*Figures, error) {
	s := spool.New(spool.Config{Dir: dir, Budget: 4 << 30, Rand: func() uint64 { return cfg.Seed<<8 | uint64(n) | 1<<63 }}) // an index
	if err := s.Open(); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		return nil, fmt.Errorf("history: %w", err)
	}
	slow := &patient{Spool: s, ctx: ctx}
	f, err := simulate(cfg, n, slow)
	stop() // what is queued is still written
	if err := errors.Join(err, slow.err, <-ended); err != nil {
		return nil, fmt.Errorf("history of %s: %w", cfg.Nodes[n].Name, err)
	}
	if st := s.Stats(); st.Calls.Declared+st.Telemetry.Declared > 0 {
		return nil, fmt.Errorf("history of %s: the spool had no room for all of it", cfg.Nodes[n].Name)
	}
	return f, nil
}

// simulate makes up one node's history.
func simulate(cfg *Config, n int, to outbox.Spool) (*Figures, error) {
	s, err := newSimulation(cfg, n, to)
	if err != nil {
		return nil, err
	}
	s.run()
	if bad := s.outbox.Unencoded(); bad > 0 {
		return nil, fmt.Errorf("%d records could not be encoded", bad)
	}
	return s.figures, nil
}

// patient is a spool that waits for its disk, where an agent's does not: weeks come at once.
type patient struct {
	*spool.Spool
	ctx   context.Context //nolint:containedctx // of one run
	count int
	err   error
}

// waitEvery is how many records may be on their way to the disk; the spool takes more.
const waitEvery = 4000

// Add hands one of many over and waits until it is stored, and with it those before it.
func (p *patient) Add(st record.Stream, encoded []byte) bool {
	if p.count++; p.count%waitEvery != 0 {
		return p.Spool.Add(st, encoded) || p.fail(errors.New("the spool refused a record"))
	}
	_, err := p.Append(p.ctx, st, encoded)
	return err == nil || p.fail(err)
}

// AddCall does the same of a call.
func (p *patient) AddCall(_ uint64, encoded []byte) bool { return p.Add(record.Calls, encoded) }

func (p *patient) fail(err error) bool {
	p.err = cmp.Or(p.err, err)
	return false
}
