package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd when the collector does its work: the store is open and
// nodes can connect. Then it feeds the watchdog. Without systemd it only logs.
func (c *collector) notify(ctx context.Context) error {
	for _, w := range []<-chan struct{}{c.admin.Ready(), c.serving} {
		select {
		case <-w:
		case <-ctx.Done():
			return nil
		}
	}
	c.log.Info("ready", "collector", c.cfg.ID, "version", theVersion(), "broker", brokerWord(c.cfg), "store", storeWord(c.cfg), "data", c.cfg.Data)
	c.welcome()
	c.tell(daemon.SdNotifyReady)
	c.feed(ctx)
	c.tell(daemon.SdNotifyStopping)
	return nil
}

// welcome says how to go on, while no node can connect.
func (c *collector) welcome() {
	if c.folder == nil {
		return
	}
	if list, err := c.folder.List(); err != nil || len(list) > 0 {
		return
	}
	command := "sipward-collector node add NAME" + c.hint
	c.log.Info("no node may connect yet; this makes the credentials of one, while the collector runs", "command", command)
}

// tell tells systemd. That it cannot be told is no reason to stop.
func (c *collector) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		c.log.Error("telling systemd", "state", state, "error", err)
	}
}

// feed returns when ctx ends. A database that is away is waited for by those who
// need it, and a restart would not bring it back: the watchdog only asks whether
// this program still answers itself.
func (c *collector) feed(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		c.log.Error("asking for systemd's watchdog", "error", err)
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
			if c.Status() != nil { // takes every lock that a hung part would hold
				c.tell(daemon.SdNotifyWatchdog)
			}
		case <-ctx.Done():
			return
		}
	}
}
