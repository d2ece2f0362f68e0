package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd when the agent does its work: capture and pages open,
// not a moment before. Then it feeds the watchdog as long as the pipeline
// publishes figures. Without systemd it only logs.
func (a *agent) notify(ctx context.Context) error {
	s := a.source
	waits := []<-chan struct{}{a.admin.Ready(), s.task.Ready()}
	for _, h := range s.heps {
		waits = append(waits, h.Ready())
	}
	if s.live != nil {
		waits = append(waits, s.live.Ready())
	}
	for _, w := range waits {
		select {
		case <-w:
		case <-ctx.Done():
			return nil
		}
	}
	a.log.Info("watching", "node", a.cfg.Node, "version", theVersion(), "filter", s.mode(), "interfaces", a.cfg.Capture.Interfaces,
		"hep", len(s.heps), "customers", len(a.cfg.Customers), "carriers", len(a.cfg.Carriers))
	if err := tell(daemon.SdNotifyReady); err != nil {
		return err
	}
	a.feed(ctx)
	return tell(daemon.SdNotifyStopping)
}

func tell(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("telling systemd %s: %w", state, err)
	}
	return nil
}

// feed returns when ctx ends.
func (a *agent) feed(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if time.Since(a.source.Status().Taken) < interval {
				_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) // not told in time, systemd restarts us
			}
		case <-ctx.Done():
			return
		}
	}
}
