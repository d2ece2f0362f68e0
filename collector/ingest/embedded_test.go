package ingest

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/sync/record"
	"golang.org/x/sync/errgroup"
)

// everybody lets every node in whose password is its id.
type everybody struct{}

func (everybody) Knows(id string, password []byte) bool      { return string(password) == id }
func (everybody) Certified(*x509.Certificate) (string, bool) { return "", false }

// startLocal runs an embedded broker and an ingest.
func startLocal(t testing.TB, s Store, change ...func(*Config)) (*Ingest, string, *broker.Broker) {
	t.Helper()
	b, err := broker.New(broker.Config{Nodes: everybody{}, Listen: []broker.Listen{{Address: "127.0.0.1:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Name: "test", Store: s, Local: b}
	for _, f := range change {
		f(&cfg)
	}
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, i.Run)
	run(t, b.Run)
	return i, "tcp://" + b.Addrs()[0].String(), b
}

func hello(t testing.TB, epoch uint64, sent int64) []byte {
	t.Helper()
	h, err := record.EncodeMessage(&record.Hello{Version: record.Version, Epoch: epoch, SentUnixMs: sent})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestEmbedded(t *testing.T) {
	s := newMemory()
	i, url, _ := startLocal(t, s)
	a := mustDial(t, url, "a", "a", func(o *paho.ClientOptions) {
		o.SetWill(record.Topic("a", "state"), `{"node":"a","state":"down"}`, 1, true)
	})
	a.Publish(record.Topic("a", "hello"), 1, false, hello(t, 9, 123))
	first := a.await(t, func(x *record.Ack) bool { return x.GetHelloUnixMs() == 123 })
	if len(first.GetCursors()) != 2 || first.GetCursors()[0].GetContiguous() != 0 {
		t.Errorf("first ack %v", first)
	}
	for n := range uint64(50) {
		a.Publish(data("a"), 1, false, batch(t, 9, 2*n+1, "x", "y"))
	}
	a.await(t, covers(9, 100))
	a.Publish(data("a"), 1, false, batch(t, 9, 201, "x"))
	gap := a.await(t, func(x *record.Ack) bool { return len(x.GetCursors()) > 0 && len(x.GetCursors()[0].GetBeyond()) == 1 })
	if c := gap.GetCursors()[0]; c.GetContiguous() != 100 || c.GetBeyond()[0].GetFirst() != 201 || len(c.GetNeed()) != 0 {
		t.Errorf("ack with a gap: %v", c)
	}
	a.Publish(record.Topic("a", "live"), 0, false, `{"node":"a","live_answered":7}`)
	a.Publish(record.Topic("a", "state"), 1, true, `{"node":"a","state":"up"}`)
	eventually(t, func() bool {
		n, _ := i.Node("a")
		return n.Live != nil && n.Live.LiveAnswered == 7 && n.State != nil && n.State.State == "up"
	})
	if s.stored != 101 {
		t.Errorf("%d rows", s.stored)
	}
	mustDial(t, url, "a", "a") // the older one ends, and leaves its will
	eventually(t, func() bool { n, _ := i.Node("a"); return n.State.State == "down" })
}

// TestSlowStoreHoldsNodesBack: with a store that does nothing, what is taken is
// bounded, nothing is acked and nothing lost; when it works again all is stored,
// for nodes send again what nobody acked.
func TestSlowStoreHoldsNodesBack(t *testing.T) {
	s := newMemory()
	s.gate = make(chan struct{})
	i, url, b := startLocal(t, s, func(c *Config) { c.QueueBytes = 50_000; c.LocalWait = 50 * time.Millisecond })
	const n = 300
	a := mustDial(t, url, "a", "a")
	for k := range uint64(n) {
		a.Publish(data("a"), 1, false, batch(t, 9, k+1, "x"))
	}
	eventually(t, func() bool { return b.Stats().TurnedAway > 10 })
	if st := i.Stats(); st.QueueBytes > 50_000 || st.Records != 0 {
		t.Errorf("stats %+v", st)
	}
	a.Publish(record.Topic("a", "hello"), 1, false, hello(t, 9, 1)) // the way of hello is not blocked
	if ack := a.await(t, func(x *record.Ack) bool { return x.GetHelloUnixMs() == 1 }); ack.GetCreditBytes() > 64<<10 {
		t.Errorf("credit %d", ack.GetCreditBytes())
	}
	close(s.gate)
	for k := range uint64(n) {
		a.Publish(data("a"), 1, false, batch(t, 9, k+1, "x"))
	}
	eventually(t, func() bool { // what was turned away once more is sent once more
		if s.has("a", 9, calls).Len() == n {
			return true
		}
		for _, r := range s.has("a", 9, calls).Missing(record.Range{First: 1, Last: n}) {
			for k := r.First; k <= r.Last; k++ {
				a.Publish(data("a"), 1, false, batch(t, 9, k, "x"))
			}
		}
		return false
	})
	s.set(func(s *memory) {
		if s.stored != n || len(s.dead) != 0 {
			t.Errorf("%d rows, %d dead letters", s.stored, len(s.dead))
		}
	})
}

// TestAThousandNodesAtOnce: all connect, say hello, send a batch and must have
// their ack within seconds; twice, as after an outage of the network.
func TestAThousandNodesAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const nodes = 1000
	s := newMemory()
	i, url, b := startLocal(t, s)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for round := range uint64(2) {
		var g errgroup.Group
		var mu sync.Mutex
		var all []*agent
		var slowest atomic.Int64
		began := time.Now()
		for n := range nodes {
			g.Go(func() error {
				node := fmt.Sprintf("node-%d", n)
				a, err := dial(url, node, node)
				if err != nil {
					return fmt.Errorf("%s: %w", node, err)
				}
				mu.Lock()
				all = append(all, a)
				mu.Unlock()
				a.Publish(record.Topic(node, "hello"), 1, false, hello(t, 9, 77))
				if _, err := a.wait(func(x *record.Ack) bool { return x.GetHelloUnixMs() == 77 }); err != nil {
					return err
				}
				a.Publish(data(node), 1, false, batch(t, 9, 1+2*round, "x", "y"))
				if _, err := a.wait(covers(9, 2+2*round)); err != nil {
					return err
				}
				if d := int64(time.Since(began)); d > slowest.Load() {
					slowest.Store(d)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatalf("%v\n%+v\n%+v", err, i.Stats(), b.Stats())
		}
		runtime.ReadMemStats(&after)
		t.Logf("round %d: all acked after %v, heap %d MiB with %d paho clients in it", round+1,
			time.Duration(slowest.Load()).Round(time.Millisecond), (after.HeapInuse-before.HeapInuse)>>20, nodes)
		if d := time.Duration(slowest.Load()); d > 30*time.Second { // 2 s, but for the race detector
			t.Errorf("the slowest ack took %v", d)
		}
		if round == 1 {
			for _, a := range all {
				a.Disconnect(0)
			}
		} // else the second round takes over the connections of the first
	}
	eventually(t, func() bool { return b.Stats().Present == 0 })
	settled(t, i)
	if st := i.Stats(); s.stored != 4*nodes || st.QueueBytes != 0 || st.TurnedAway != 0 {
		t.Errorf("%d rows, stats %+v", s.stored, st)
	}
}

// TestTwoIngestsShare: two collectors on one store and one shared subscription
// store everything once, and both do some of it.
func TestTwoIngestsShare(t *testing.T) {
	m := startMosquitto(t, "a", "b", "c", "d")
	s := newMemory()
	one, two := start(t, m.config(t, s)), start(t, m.config(t, s))
	eventually(t, func() bool { return one.Stats().Connected == 1 && two.Stats().Connected == 1 })
	const n = 300
	var g errgroup.Group
	for _, node := range []string{"a", "b", "c", "d"} {
		a := mustDial(t, m.url(), node, m.password(t, node))
		eventually(t, func() bool { // until the subscriptions are there
			a.Publish(record.Topic(node, "hello"), 1, false, hello(t, 9, 77)).Wait()
			return len(a.acks) > 0
		})
		g.Go(func() error {
			for k := range uint64(n) {
				a.Publish(data(node), 1, false, batch(t, 9, k+1, "x")).Wait()
			}
			_, err := a.wait(covers(9, n))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	settled(t, one)
	settled(t, two)
	r1, r2 := one.Stats().Records, two.Stats().Records
	if s.stored != 4*n || r1+r2 != 4*n || r1 == 0 || r2 == 0 {
		t.Errorf("%d rows; one had %d records, the other %d", s.stored, r1, r2)
	}
	if d := one.Stats().Duplicates + two.Stats().Duplicates; d != 0 {
		t.Errorf("%d duplicates", d)
	}
}

// TestCollectorStopsAndStarts: batches that were under way when a collector was
// stopped are not acked, and another one takes over.
func TestCollectorStopsAndStarts(t *testing.T) {
	m := startMosquitto(t, "a")
	s := newMemory()
	s.gate = make(chan struct{})
	first, err := New(m.config(t, s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	eventually(t, func() bool { return first.Stats().Connected == 1 })
	a := mustDial(t, m.url(), "a", m.password(t, "a"))
	eventually(t, func() bool {
		a.Publish(data("a"), 1, false, batch(t, 9, 1, "x")).Wait()
		return first.Stats().QueueBytes > 0
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if s.stored != 0 || len(a.acks) != 0 {
		t.Fatal("stored or acked without a store")
	}
	close(s.gate)
	second := start(t, m.config(t, s))
	eventually(t, func() bool { return second.Stats().Connected == 1 })
	eventually(t, func() bool {
		a.Publish(data("a"), 1, false, batch(t, 9, 1, "x")).Wait()
		return len(a.acks) > 0
	})
	a.await(t, covers(9, 1))
}

func TestBrokerThatRefuses(t *testing.T) {
	m := startMosquitto(t, "a")
	for name, change := range map[string]func(*Config){
		"wrong password":    func(c *Config) { c.Password = func() (string, error) { return "x", nil } },
		"wrong share group": func(c *Config) { c.Group = "guessed" },
		"a node's account": func(c *Config) {
			c.Username = "a"
			c.Password = func() (string, error) { return m.password(t, "a"), nil }
		},
		"no such broker":    func(c *Config) { c.Brokers = []string{"tcp://127.0.0.1:1"} },
		"unreadable secret": func(c *Config) { c.Password = func() (string, error) { return "", fmt.Errorf("no file") } },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := m.config(t, newMemory())
			change(&cfg)
			i, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			i.links[0].again = backoff.Backoff{First: time.Millisecond, Most: 2 * time.Millisecond}
			run(t, i.Run)
			eventually(t, func() bool { return i.Stats().Reconnects >= 2 })
			if i.Stats().Messages != 0 {
				t.Error("got messages")
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	s := newMemory()
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no store":        {Config{Local: nowhere{}}, "no store"},
		"no broker":       {Config{Store: s}, "no broker"},
		"no group":        {Config{Store: s, Brokers: []string{"tcp://x:1"}}, "share group"},
		"group as filter": {Config{Store: s, Brokers: []string{"tcp://x:1"}, Group: "a/#"}, "share group"},
		"password in URL": {Config{Store: s, Brokers: []string{"tcp://u:secret@x:1"}, Group: "g"}, "has no place"},
		"broken URL":      {Config{Store: s, Brokers: []string{"tcp://u:secret@x:port"}, Group: "g"}, "cannot be read"},
	} {
		_, err := New(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
