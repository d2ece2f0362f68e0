package main

import (
	"context"
	"time"

	"github.com/sipward/sipward/internal/program"
)

// notify tells systemd when the agent does its work: all parts ready, not a
// moment before; until then it says what is waited for. What only the start needed is
// given up. Then it feeds the watchdog as long as the pipeline publishes
// figures. Without systemd it only logs.
func (a *agent) notify(ctx context.Context) error {
	for _, p := range append([]part{{a.admin.Ready(), "admin: its sockets are not open yet"}}, a.parts()...) {
		if !program.AwaitPart(ctx, a.log, p.lacks, p.ready) {
			return nil
		}
	}
	left, err := a.giveUp()
	if err != nil {
		a.log.Warn("going on with all capabilities", "error", err)
	}
	a.log.Info("watching", "node", a.cfg.Node, "version", theVersion(), "filter", a.mode(), "interfaces", a.cfg.Capture.Interfaces,
		"hep", len(a.heps), "customers", len(a.cfg.Customers), "carriers", len(a.cfg.Carriers), "capabilities", left)
	program.Serve(ctx, a.log, func(interval time.Duration) bool {
		return time.Since(a.task.Snapshot().Published) < interval
	})
	return nil
}
