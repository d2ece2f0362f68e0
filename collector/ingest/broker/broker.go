// Package broker is the MQTT broker inside the collector, for nodes and nobody
// else: a node publishes what is its own, reads what is meant for it, and reaches
// no other node. What nodes publish is handed to one taker and kept nowhere: there
// is no session, no queue that could overflow or grow, and no retained message but
// those that the collector has for its nodes.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
)

// Nodes knows who may connect. It is asked at every connection, so that a node
// that was removed does not get in again.
type Nodes interface {
	// Certified names the node of a certificate that one of the authorities of
	// Listen.TLS has signed; false when it was replaced or revoked.
	Certified(cert *x509.Certificate) (id string, ok bool)
	// Knows reports whether a password is that of the node.
	Knows(id string, password []byte) bool
}

// Listen is one address to listen on.
type Listen struct {
	Address string      // host:port
	TLS     *tls.Config // nil: in the clear, with passwords that anybody on the path can read
}

// Config of a broker. Zero values mean the defaults.
type Config struct {
	Listen    []Listen
	Nodes     Nodes
	Clients   int           // bound of nodes connected at once; 10000
	Packet    int           // bound of one packet in bytes; 2 MiB, enough for the largest record
	KeepAlive time.Duration // most that a node may be silent, whatever it asks for; 2 min
	Greeting  time.Duration // how long TLS and CONNECT may take; 10 s
	Log       *slog.Logger
}

// Bounds of one client.
const (
	writeTimeout = 5 * time.Second // of one write to a client that does not read
	stuckAfter   = 2 * time.Second // after which nothing more is sent to it meanwhile
	pending      = 256             // messages that wait to be written to it
	inflight     = 256             // messages that it has not acked
	maxConnect   = 64 << 10        // bytes of its CONNECT, before anything is known of it
	maxWill      = 64 << 10        // bytes of its will
)

func (c *Config) defaults() {
	if c.Clients <= 0 {
		c.Clients = 10_000
	}
	if c.Packet <= 0 {
		c.Packet = 2 << 20
	}
	if c.KeepAlive <= 0 || c.KeepAlive > 10*time.Hour { // seconds in 16 bits, with half as much again
		c.KeepAlive = 2 * time.Minute
	}
	if c.Greeting <= 0 {
		c.Greeting = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Take is who takes what nodes publish. It may wait; a message is not acked when
// it returns false.
type Take = func(ctx context.Context, topic string, payload []byte) bool

// Broker serves nodes. Its methods are safe for concurrent use, but for Handle.
type Broker struct {
	cfg     Config
	log     *slog.Logger
	seldom  *seldom.Logger
	take    Take
	server  *mqtt.Server
	doors   []*door
	stats   stats
	mu      sync.Mutex       // guards present
	present map[string]*conn // the one connection of each node
}

// New makes a broker that does nothing until Run.
func New(cfg Config) (*Broker, error) {
	cfg.defaults()
	switch {
	case cfg.Nodes == nil:
		return nil, errors.New("broker: nobody says who may connect")
	case len(cfg.Listen) == 0:
		return nil, errors.New("broker: no address to listen on")
	}
	b := &Broker{cfg: cfg, log: cfg.Log, seldom: seldom.New(cfg.Log), present: map[string]*conn{}}
	b.take = func(context.Context, string, []byte) bool { return false }
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(cfg.Clients)
	caps.MaximumClientWritesPending = pending
	caps.MaximumInflight, caps.ReceiveMaximum = inflight, inflight
	caps.MaximumPacketSize = uint32(cfg.Packet) // a size
	// No session outlives its connection here. The server's own sweep of old ones must
	// find none: it removes by id, and would now and then hit a node that has just
	// come back.
	caps.MaximumSessionExpiryInterval = math.MaxUint32
	caps.TopicAliasMaximum, caps.MaximumQos = 0, 1
	caps.SharedSubAvailable, caps.WildcardSubAvailable, caps.SubIDAvailable = 0, 0, 0
	caps.MinimumProtocolVersion = protocol
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: caps, InlineClient: true,
		SysTopicResendInterval: 24 * 3600,                     // nobody can read them
		Logger:                 slog.New(slog.DiscardHandler), // it logs whole packets
	})
	if err := b.server.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: adding the rules: %w", err)
	}
	return b, nil
}

// Handle sets who takes what nodes publish. It must not be called once the broker
// is open.
func (b *Broker) Handle(take Take) { b.take = take }

// Open listens. Nodes that connect wait until Run.
func (b *Broker) Open(ctx context.Context) error {
	for _, l := range b.cfg.Listen {
		var lc net.ListenConfig
		s, err := lc.Listen(ctx, "tcp", l.Address)
		if err != nil {
			return errors.Join(fmt.Errorf("broker: listen for nodes: %w", err), b.shut())
		}
		b.doors = append(b.doors, newDoor(b, fmt.Sprintf("door%d", len(b.doors)), s, l.TLS))
	}
	return nil
}

// Addrs returns where it listens, in the order of Config.Listen.
func (b *Broker) Addrs() []net.Addr {
	var all []net.Addr
	for _, d := range b.doors {
		all = append(all, d.listener.Addr())
	}
	return all
}

// Run serves nodes until ctx ends. It opens the broker when that was not done.
func (b *Broker) Run(ctx context.Context) error {
	if b.doors == nil {
		if err := b.Open(ctx); err != nil {
			return err
		}
	}
	for _, d := range b.doors {
		if err := b.server.AddListener(d); err != nil {
			return errors.Join(fmt.Errorf("broker: %w", err), b.shut())
		}
	}
	if err := b.server.Serve(); err != nil {
		return errors.Join(fmt.Errorf("broker: %w", err), b.shut())
	}
	<-ctx.Done()
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("broker: stop: %w", err)
	}
	return nil
}

func (b *Broker) shut() error {
	var errs []error
	for _, d := range b.doors {
		errs = append(errs, d.listener.Close())
	}
	b.doors = nil
	return errors.Join(errs...)
}

// Publish sends a message to the node that subscribed to topic, if it is here. It
// does not wait; what a node does not read is dropped.
func (b *Broker) Publish(topic string, payload []byte) error {
	if node, _, ok := record.SplitTopic(topic); ok {
		b.mu.Lock()
		c := b.present[node]
		b.mu.Unlock()
		if c == nil {
			return nil // the server would find nobody either
		}
		if c.stuck(time.Now()) { // the server would wait with it, and all other nodes with the server
			b.stats.dropped.Add(1)
			return nil
		}
	}
	if err := b.server.Publish(topic, payload, false, 1); err != nil {
		return fmt.Errorf("broker: publish: %w", err)
	}
	return nil
}

// Retain is Publish of what a node gets also whenever it subscribes to topic from now
// on; no payload takes it back. payload must not be changed any more.
func (b *Broker) Retain(topic string, payload []byte) error {
	b.server.Topics.RetainMessage(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Retain: true},
		TopicName:   topic, Payload: payload, Origin: mqtt.InlineClientId,
		Created: time.Now().AddDate(100, 0, 0).Unix(), // the server drops what is older than a day
	})
	if len(payload) == 0 {
		return nil
	}
	return b.Publish(topic, payload)
}

// Kick ends the connection of a node, as when it was removed.
func (b *Broker) Kick(node string) {
	b.mu.Lock()
	c := b.present[node]
	b.mu.Unlock()
	if c != nil {
		c.end()
	}
}

// Present lists the nodes that are connected, in no order.
func (b *Broker) Present() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]string, 0, len(b.present))
	for id := range b.present {
		ids = append(ids, id)
	}
	return ids
}
