package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sync/record"
)

// broker is a mochi broker within the bubble of a test, and the ways to it.
type broker struct {
	mochi.HookBase
	t      *testing.T
	server *mochi.Server
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	ends    []*end // of agents, the last is the newest
	rate    int
	login   func(id, user, password string) bool
	mayRead func(topic string) bool
	swallow func(topic string) bool // acked, and not delivered
}

func newBroker(t *testing.T) *broker {
	b := &broker{t: t, accept: make(chan net.Conn), closed: make(chan struct{})}
	can := mochi.NewDefaultServerCapabilities()
	can.ReceiveMaximum = 65_535 // a message that OnPublish ignores is never taken off it
	b.server = mochi.New(&mochi.Options{InlineClient: true, Capabilities: can, Logger: slog.New(slog.DiscardHandler)})
	for _, h := range []mochi.Hook{b} {
		if err := b.server.AddHook(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.server.AddListener(ending{listeners.NewNet("pipe", b), b.server}); err != nil {
		t.Fatal(err)
	}
	if err := b.server.Serve(); err != nil {
		t.Fatal(err)
	}
	return b
}

// ending is a listener that ends its clients itself: the server takes a lock twice
// to list them, and waits for ever when one of them leaves in between.
type ending struct {
	listeners.Listener
	server *mochi.Server
}

func (e ending) Close(listeners.CloseFn) {
	e.Listener.Close(func(id string) {
		for _, c := range e.server.Clients.GetAll() {
			if c.Net.Listener == id && !c.Closed() {
				_ = e.server.DisconnectClient(c, packets.ErrServerShuttingDown)
			}
		}
	})
}

func (b *broker) Accept() (net.Conn, error) {
	select {
	case c := <-b.accept:
		return c, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *broker) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

func (b *broker) Addr() net.Addr { return &net.TCPAddr{} }

func (b *broker) stop() {
	b.Close()
	_ = b.server.Close()
}

// dial is what an uplink opens connections with.
func (b *broker) dial(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
	b.mu.Lock()
	here, there := pipe(b.rate)
	b.ends = append(b.ends, here)
	b.mu.Unlock()
	select {
	case b.accept <- there:
		return here, nil
	case <-b.closed:
		here.Close()
		return nil, errors.New("connection refused")
	}
}

func (b *broker) newest() *end {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ends[len(b.ends)-1]
}

// connections is how many agents have made.
func (b *broker) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ends)
}

// Hooks of the broker.

func (b *broker) ID() string { return "test" }

func (b *broker) Provides(what byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish}, []byte{what})
}

func (b *broker) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.login == nil || b.login(cl.ID, string(pk.Connect.Username), string(pk.Connect.Password))
}

func (b *broker) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return write || b.mayRead == nil || b.mayRead(topic)
}

func (b *broker) OnPublish(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.swallow != nil && b.swallow(pk.TopicName) {
		return pk, packets.CodeSuccessIgnore
	}
	return pk, nil
}

// collector commits batches to a map and says so.
type collector struct {
	t    *testing.T
	node string
	id   string
	post func(topic string, payload []byte) error
	in   chan message

	mu      sync.Mutex
	commit  time.Duration // what a transaction takes
	done    map[key]record.Ranges
	rows    map[string]int // times that a record was stored
	twice   uint64         // records that came again
	batches int
	hellos  []*record.Hello
	mute    bool // no acks of commits
	deaf    bool // no answers to hellos
	copies  int  // of each ack
	repeat  bool // every message comes twice
	skew    time.Duration
	credit  uint64

	lives []time.Time // when live messages came, and when they were made
	made  []time.Time
	state []string
}

type message struct {
	leaf    string
	payload []byte
}

func newCollector(t *testing.T, node string) *collector {
	return &collector{t: t, node: node, id: "store-1", in: make(chan message, 10_000), copies: 1, commit: 20 * time.Millisecond,
		done: map[key]record.Ranges{}, rows: map[string]int{}}
}

// join subscribes at a mochi broker.
func (c *collector) join(b *broker) {
	c.mu.Lock()
	c.post = func(topic string, p []byte) error { return b.server.Publish(topic, p, false, 1) }
	c.mu.Unlock()
	err := b.server.Subscribe(record.TopicRoot+"#", 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		c.take(pk.TopicName, pk.Payload)
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) take(topic string, payload []byte) {
	node, leaf, ok := record.SplitTopic(topic)
	if ok && node == c.node && leaf != record.TopicAck && leaf != record.TopicCmd {
		c.mu.Lock()
		n := 1
		if c.repeat {
			n = 2
		}
		c.mu.Unlock()
		for range n {
			c.in <- message{leaf, bytes.Clone(payload)}
		}
	}
}

func (c *collector) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-c.in:
			switch {
			case m.leaf == record.TopicHello:
				c.greet(m.payload)
			case strings.HasPrefix(m.leaf, record.TopicData):
				c.store(ctx, m)
			case m.leaf == record.TopicLive:
				c.mu.Lock()
				at, err := time.Parse(time.RFC3339Nano, string(m.payload))
				if err == nil {
					c.lives, c.made = append(c.lives, time.Now()), append(c.made, at)
				}
				c.mu.Unlock()
			case m.leaf == record.TopicState:
				c.mu.Lock()
				c.state = append(c.state, string(m.payload))
				c.mu.Unlock()
			}
		}
	}
}

func (c *collector) greet(payload []byte) {
	h, err := record.DecodeHello(payload)
	if err != nil {
		c.t.Errorf("hello: %v", err)
		return
	}
	c.mu.Lock()
	c.hellos = append(c.hellos, h)
	keys := []key{{h.Epoch, record.Calls}, {h.Epoch, record.Telemetry}}
	for _, x := range append(h.Held, h.Released...) {
		keys = append(keys, key{x.Epoch, record.Stream(x.Stream)})
	}
	deaf := c.deaf
	c.mu.Unlock()
	if !deaf {
		c.say(h.SentUnixMs, keys...)
	}
}

func (c *collector) say(hello int64, keys ...key) {
	c.mu.Lock()
	a := &record.Ack{Version: record.Version, StoreId: c.id, SentUnixMs: time.Now().Add(c.skew).UnixMilli(), HelloUnixMs: hello, CreditBytes: c.credit}
	for _, k := range keys {
		a.Cursors = append(a.Cursors, record.NewCursor(k.epoch, k.stream, c.done[k]))
	}
	post, copies := c.post, c.copies
	c.mu.Unlock()
	b, err := record.EncodeMessage(a)
	if err != nil {
		c.t.Error(err)
		return
	}
	for range copies {
		_ = post(record.Topic(c.node, record.TopicAck), b) // a broker that is gone
	}
}

// store commits one batch, and all others that wait, in one transaction.
func (c *collector) store(ctx context.Context, m message) {
	h, packed, err := record.Open(m.payload)
	if err != nil {
		c.t.Errorf("batch: %v", err)
		return
	}
	body, err := unpack(h, packed)
	if err != nil {
		c.t.Errorf("body: %v", err)
		return
	}
	c.mu.Lock()
	wait := c.commit
	c.mu.Unlock()
	if backoff.Wait(ctx, wait) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{h.Epoch, h.Stream}
	records, err := record.DecodeBody(c.node, &h, body)
	if err != nil {
		c.t.Errorf("body: %v", err)
		return
	}
	set := c.done[k].Clone()
	fresh := set.Missing(h.Range())
	c.twice += h.Range().Len() - fresh.Len()
	for i, r := range records.Records {
		if seq := h.First + uint64(i); fresh.Has(seq) {
			c.rows[r.GetCall().GetCallId()]++
		}
	}
	set.Add(h.Range())
	c.done[k] = set
	c.batches++
	if !c.mute {
		c.mu.Unlock()
		c.say(0, k)
		c.mu.Lock()
	}
}

func (c *collector) stored() (rows, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.rows {
		most = max(most, n)
	}
	return len(c.rows), most
}

// rig is an uplink, a broker and a collector in the bubble of a test.
type rig struct {
	t      *testing.T
	broker *broker
	spool  *memory
	c      *collector
	u      *Uplink
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan error
	log    *lines

	mu   sync.Mutex // guards dial
	dial func(context.Context, *url.URL, *tls.Config) (net.Conn, error)
}

func (r *rig) dialNow(ctx context.Context, u *url.URL, c *tls.Config) (net.Conn, error) {
	r.mu.Lock()
	d := r.dial
	r.mu.Unlock()
	return d(ctx, u, c)
}

// setDial changes how connections are opened; it returns what did before.
func (r *rig) setDial(d func(context.Context, *url.URL, *tls.Config) (net.Conn, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dial = d
}

func (r *rig) setBroker(b *broker) {
	r.broker = b
	r.setDial(b.dial)
}

// another starts one more uplink with the same id.
func (r *rig) another(spool *memory) *Uplink {
	u, err := New(Config{Node: "sw1", Brokers: []string{"mqtt://x"}}, spool)
	if err != nil {
		r.t.Fatal(err)
	}
	u.dial = r.dialNow
	go func() { _ = u.Run(r.ctx) }()
	return u
}

// lines is a log that a test reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

// inBubble runs f beside an uplink. edit may change what it starts with.
func inBubble(t *testing.T, edit func(r *rig, c *Config), f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, broker: newBroker(t), spool: newCalls(7), c: newCollector(t, "sw1"), ended: make(chan error, 1), log: &lines{}}
		r.ctx, r.cancel = context.WithCancel(t.Context())
		r.dial = r.broker.dial
		r.c.join(r.broker)
		go r.c.run(r.ctx)
		cfg := Config{Node: "sw1", Brokers: []string{"mqtt://broker.example"}, Program: "test",
			Log:   slog.New(slog.NewTextHandler(r.log, nil)),
			Live:  func() []byte { return []byte(time.Now().Format(time.RFC3339Nano)) },
			State: func() []byte { return []byte(`{"node":"sw1","state":"up"}`) },
		}
		if edit != nil {
			edit(r, &cfg)
		}
		var err error
		if r.u, err = New(cfg, r.spool); err != nil {
			t.Fatal(err)
		}
		r.u.dial = r.dialNow
		go func() { r.ended <- r.u.Run(r.ctx) }()
		synctest.Wait()
		f(r)
		r.cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("the uplink ended with %v", err)
		}
		r.broker.stop()
		virtual.Pass(time.Minute) // in which all goroutines must end
	})
}

// await lets time pass until ok, and fails after most of it.
func (r *rig) await(most time.Duration, what string, ok func() bool) time.Duration {
	r.t.Helper()
	from := time.Now()
	for !ok() {
		if time.Since(from) > most {
			r.t.Fatalf("after %v still not: %s\n%+v\n%s", most, what, r.u.Stats(), r.log.b.String())
		}
		virtual.Pass(50 * time.Millisecond)
	}
	return time.Since(from)
}

// drained checks that each record that was added is stored once, and none is left.
func (r *rig) drained(most time.Duration, n int) time.Duration {
	r.t.Helper()
	took := r.await(most, "drained", func() bool { return r.spool.left() == 0 })
	if rows, times := r.c.stored(); rows != n || times > 1 {
		r.t.Errorf("%d records are stored, up to %d times; want %d, once", rows, times, n)
	}
	return took
}
