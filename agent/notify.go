package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd when the agent does its work: all parts ready, not a
// moment before. Then it feeds the watchdog as long as the pipeline publishes
// figures. Without systemd it only logs.
func (a *agent) notify(ctx context.Context) error {
	waits := []<-chan struct{}{a.admin.Ready()}
	for _, p := range a.parts() {
		waits = append(waits, p.ready)
	}
	for _, w := range waits {
		select {
		case <-w:
		case <-ctx.Done():
			return nil
		}
	}
	a.log.Info("watching", "node", a.cfg.Node, "version", theVersion(), "filter", a.mode(), "interfaces", a.cfg.Capture.Interfaces,
		"hep", len(a.heps), "customers", len(a.cfg.Customers), "carriers", len(a.cfg.Carriers))
	a.tell(daemon.SdNotifyReady)
	a.feed(ctx)
	a.tell(daemon.SdNotifyStopping)
	return nil
}

// tell tells systemd. That it cannot be told is no reason to stop watching.
func (a *agent) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		a.log.Error("telling systemd", "state", state, "error", err)
	}
}

// feed returns when ctx ends.
func (a *agent) feed(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Error("asking for systemd's watchdog", "error", err)
	}
	if err != nil || interval == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if time.Since(a.task.Snapshot().Published) < interval {
				a.tell(daemon.SdNotifyWatchdog) // not told in time, systemd restarts us
			}
		case <-ctx.Done():
			return
		}
	}
}
