package main

import (
	"context"
	"time"

	"github.com/sipward/sipward/internal/program"
)

// notify tells systemd when the agent does its work: all parts ready, not a
// moment before. Then it feeds the watchdog as long as the pipeline publishes
// figures. Without systemd it only logs.
func (a *agent) notify(ctx context.Context) error {
	waits := []<-chan struct{}{a.admin.Ready()}
	for _, p := range a.parts() {
		waits = append(waits, p.ready)
	}
	if !program.Await(ctx, waits...) {
		return nil
	}
	a.log.Info("watching", "node", a.cfg.Node, "version", theVersion(), "filter", a.mode(), "interfaces", a.cfg.Capture.Interfaces,
		"hep", len(a.heps), "customers", len(a.cfg.Customers), "carriers", len(a.cfg.Carriers))
	program.Serve(ctx, a.log, func(interval time.Duration) bool {
		return time.Since(a.task.Snapshot().Published) < interval
	})
	return nil
}
