package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
	"golang.org/x/sync/errgroup"
)

// Store is what ingest needs of a database. Its methods are called by several
// goroutines at once, and take their time limits from ctx.
type Store interface {
	// Commit stores what it does not have of each batch, and marks it as done in
	// the same transaction. An error that has a method Poison, which returns true, is
	// about the records; any other is about the database.
	Commit(ctx context.Context, batches []*record.Received) error
	// Bury sets a message aside. With a header its range is marked as done, in
	// the same transaction; h is nil when the message has none that is any good.
	Bury(ctx context.Context, node string, h *record.Header, raw []byte, reason string) error
	// Cursors states what is done of some epochs of a node.
	Cursors(ctx context.Context, node string, epochs []uint64) ([]*record.Cursor, error)
	// Hello takes note of what a node holds, and writes down what was lost.
	Hello(ctx context.Context, node string, h *record.Hello) error
	// ID changes when the database was restored from a copy.
	ID() string
}

// Local is an MQTT broker in the same process.
type Local interface {
	// Handle sets who takes what nodes publish, before the broker runs. take may
	// wait; the message is not acked when it returns false.
	Handle(take func(ctx context.Context, topic string, payload []byte) bool)
	// Publish sends to whoever subscribed, and does not wait.
	Publish(topic string, payload []byte) error
	// Retain is Publish for now and for whoever subscribes to topic later.
	Retain(topic string, payload []byte) error
}

// Config says where batches come from and go to. Zero values mean the defaults.
type Config struct {
	Name     string                 // of this collector, in its acks
	Brokers  []string               // URLs as tcp://host:1883, ssl://host:8883, ws://, wss://
	TLS      *tls.Config            // for ssl and wss
	Username string                 //
	Password func() (string, error) // read at every connect, so that it can be changed
	Group    string                 // secret name of the share group; needed with Brokers
	Local    Local                  // the embedded broker, or nil
	Store    Store

	QueueBytes    int64         // bound of what is taken and not committed, packed and unpacked; 128 MiB
	QueueMessages int           // the same in messages; 8192
	GroupRecords  int           // records that make a transaction full; 5000
	GroupWait     time.Duration // how long one waits to become full; 50 ms
	GapAfter      time.Duration // how old a gap is when it is asked for; 10 s
	MaxNodes      int           // bound of everything that is held per node; 10000
	LocalWait     time.Duration // how long a local node waits for room in the queue; 5 s

	Log *slog.Logger
}

func (c *Config) defaults() {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = 128 << 20
	}
	set(&c.QueueMessages, 8192)
	set(&c.GroupRecords, 5000)
	set(&c.MaxNodes, 10_000)
	wait(&c.GroupWait, 50*time.Millisecond)
	wait(&c.GapAfter, 10*time.Second)
	wait(&c.LocalWait, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Ingest takes batches in and sends acks out. Its methods are safe for
// concurrent use.
type Ingest struct {
	cfg    Config
	log    *slog.Logger
	seldom *seldom.Logger
	stats  stats
	queue  *queue
	seen   *damaged
	ledger *ledger
	live   *table
	acks   *acker
	tables *tables
	links  []*remote
	local  *local
	now    func() time.Time
	retry  backoff.Backoff // of the store

	questions questions
}

// New makes an Ingest that does nothing until Run. The embedded broker must not
// run before it was made.
func New(cfg Config) (*Ingest, error) {
	cfg.defaults()
	switch {
	case cfg.Store == nil:
		return nil, errors.New("ingest: no store")
	case cfg.Local == nil && len(cfg.Brokers) == 0:
		return nil, errors.New("ingest: no broker")
	case len(cfg.Brokers) > 0 && !validGroup(cfg.Group):
		return nil, fmt.Errorf("ingest: the share group must be 1 to 64 letters, digits and dashes")
	}
	i := &Ingest{
		cfg: cfg, log: cfg.Log, now: time.Now, seldom: seldom.New(cfg.Log),
		queue: newQueue(cfg.QueueBytes, cfg.QueueMessages),
		seen:  newDamaged(4096), ledger: newLedger(4*cfg.MaxNodes, cfg.GapAfter),
		live: newTable(cfg.MaxNodes, 256<<20), tables: newTables(cfg.MaxNodes), questions: questions{all: map[string]*asked{}},
		retry: backoff.Backoff{First: 100 * time.Millisecond, Most: 10 * time.Second},
	}
	i.acks = newAcker(i, 4)
	for n, url := range cfg.Brokers {
		l, err := newRemote(i, n, url)
		if err != nil {
			return nil, err
		}
		i.links = append(i.links, l)
	}
	if cfg.Local != nil {
		i.local = &local{ingest: i, broker: cfg.Local, shelf: i.tables.shelf()}
		cfg.Local.Handle(i.local.take)
	}
	return i, nil
}

// refused reports whether an error of the store is about the records.
func refused(err error) bool {
	var p interface{ Poison() bool }
	return errors.As(err, &p) && p.Poison() || errors.Is(err, errPanic)
}

// validGroup keeps a share group from meaning anything in a topic filter.
func validGroup(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// Run works until ctx ends. What is in the queue then was acked to nobody, and is
// sent again to whoever takes over.
func (i *Ingest) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	groups := make(chan []*message)
	g.Go(func() error { return i.gather(ctx, groups) })
	g.Go(func() error { return i.commitAll(ctx, groups) })
	i.acks.run(ctx, g)
	for _, l := range i.links {
		g.Go(func() error { return l.run(ctx) })
	}
	if i.local != nil {
		g.Go(func() error { i.hand(ctx, i.local.shelf, i.local.retain); return nil })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// credit is how many bytes one node may have on its way: its share of what is
// free in the queue, and never so little that it cannot send one batch, for an
// empty queue is what must be filled again.
func (i *Ingest) credit() uint64 {
	const least, most = 64 << 10, 8 << 20
	share := i.queue.free() / int64(max(1, i.ledger.active(i.now())))
	return uint64(min(max(share, least), most))
}
