package main

import (
	"context"
	"time"

	"github.com/sipward/sipward/internal/program"
)

// notify tells systemd when the collector does its work: the store is open and
// nodes can connect. Then it feeds the watchdog. Without systemd it only logs.
func (c *collector) notify(ctx context.Context) error {
	if !program.AwaitPart(ctx, c.log, "opening the sockets of admin", c.admin.Ready()) ||
		!program.AwaitPart(ctx, c.log, "opening the database, and then the broker", c.serving) {
		return nil
	}
	c.log.Info("ready", "collector", c.cfg.ID, "version", theVersion(), "broker", brokerWord(c.cfg), "store", storeWord(c.cfg), "data", c.cfg.Data)
	c.welcome()
	program.Serve(ctx, c.log, c.alive)
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

// alive is whether the program still answers itself: status takes every lock
// that a hung part would hold. A database that is away is waited for by those
// who need it, and a restart would not bring it back.
func (c *collector) alive(time.Duration) bool { return c.Status() != nil }
