package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/configs"
)

// newBroker builds the embedded broker, and says how it speaks TLS, if it does; it
// listens to nothing yet.
func (c *collector) newBroker() (b *broker.Broker, secure *tls.Config, err error) {
	cfg := broker.Config{Nodes: c.folder, Log: c.log}
	if a := c.cfg.Embedded.Listen; a != configs.Off {
		cfg.Listen = append(cfg.Listen, broker.Listen{Address: a})
	}
	if a := c.cfg.Embedded.ListenTLS; a != configs.Off {
		authority, err := c.folder.Authority(time.Now())
		if err != nil {
			return nil, nil, err
		}
		secure = authority.ServerTLS(brokerNames(c.cfg))
		cfg.Listen = append(cfg.Listen, broker.Listen{Address: a, TLS: secure})
	}
	b, err = broker.New(cfg)
	return b, secure, err
}

// bounceEvery is how long a node that was removed may stay connected.
const bounceEvery = 2 * time.Second

// bouncer ends the connections of nodes whose credentials were taken away or
// replaced.
type bouncer struct {
	folder *nodes.Folder
	broker interface {
		Present() []string
		Kick(node string)
	}
	log  *slog.Logger
	last map[string]nodes.Node
}

func newBouncer(folder *nodes.Folder, b *broker.Broker, log *slog.Logger) *bouncer {
	return &bouncer{folder: folder, broker: b, log: log}
}

func (b *bouncer) run(ctx context.Context) error {
	tick := time.NewTicker(bounceEvery)
	defer tick.Stop()
	for {
		b.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look compares the nodes with those of the last look. When the folder cannot be
// read nobody is sent away: that is no word about any node.
func (b *bouncer) look() {
	list, err := b.folder.List()
	if err != nil {
		b.log.Warn("reading the nodes", "error", err)
		return
	}
	now := make(map[string]nodes.Node, len(list))
	for _, n := range list {
		now[n.ID] = *n
	}
	for _, id := range b.broker.Present() {
		before, known := b.last[id]
		if n, there := now[id]; !there || known && n != before {
			b.log.Info("node removed or its credentials replaced: disconnecting", "node", id)
			b.broker.Kick(id)
		}
	}
	b.last = now
}
